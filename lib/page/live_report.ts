import { errorText } from "../core/errors.ts";
import type { Clock } from "../core/system/clock.ts";
import { deltaOf, type LiveEvent, type Report } from "./report_model.ts";
import type { ReportSource } from "./report_source.ts";

/** Milliseconds between two looks while something goes on, and when all has ended. */
const INTERVAL_MS = 2000;
const RESTING_MS = 10_000;
/** A look that takes long is followed by a pause of so many times as long. */
const PAUSES = 2;

/** A report that is read again and again, as long as somebody looks at it. */
export class LiveReport {
  readonly #source: Pick<ReportSource, "read">;
  readonly #clock: Clock;
  readonly #lookers = new Set<(event: LiveEvent) => void>();
  readonly #stopping = new AbortController();
  #latest: Report | undefined;
  #version = 0;
  #trouble: string | undefined;
  #reading: Promise<void> | undefined;
  #loop: Promise<void> | undefined;

  /** Reads nothing yet. */
  constructor(source: Pick<ReportSource, "read">, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  /**
   * The report as it is now, or was when it could be read.
   *
   * @throws What reading it throws, where it was never read.
   */
  async current(): Promise<{ version: number; report: Report }> {
    await this.#read();
    if (!this.#latest) throw this.#error;
    return { version: this.#version, report: this.#latest };
  }

  /**
   * Tells what changes from now on.
   *
   * @param version The version of the report that the looker has.
   * @returns Ends the telling.
   */
  look(version: number, onEvent: (event: LiveEvent) => void): Disposable {
    this.#lookers.add(onEvent);
    if (this.#latest && version !== this.#version) {
      onEvent({ type: "report", version: this.#version, report: this.#latest });
    }
    if (this.#trouble !== undefined) onEvent({ type: "trouble", text: this.#trouble });
    this.#loop ??= this.#readOnAndOn().finally(() => this.#loop = undefined);
    return { [Symbol.dispose]: () => void this.#lookers.delete(onEvent) };
  }

  /** Ends all telling. */
  close(): void {
    this.#lookers.clear();
    this.#stopping.abort();
  }

  #error: unknown;

  async #readOnAndOn(): Promise<void> {
    const { signal } = this.#stopping;
    while (this.#lookers.size > 0 && !signal.aborted) {
      const begun = this.#clock.monotonic();
      await this.#read();
      const took = this.#clock.monotonic() - begun;
      const rest = isOver(this.#latest) ? RESTING_MS : INTERVAL_MS;
      await this.#clock.sleep(Math.max(rest, took * PAUSES), signal).catch(() => {/* it is closed */});
    }
  }

  /** One look at a time, whoever asks. */
  #read(): Promise<void> {
    return this.#reading ??= this.#readOnce().finally(() => this.#reading = undefined);
  }

  async #readOnce(): Promise<void> {
    try {
      const report = await this.#source.read();
      if (this.#trouble !== undefined) this.#tell({ type: "well" });
      this.#trouble = undefined;
      const delta = this.#latest && deltaOf(this.#latest, report);
      if (this.#latest && !delta) return;
      this.#latest = report;
      this.#version++;
      if (delta) this.#tell({ type: "delta", version: this.#version, delta });
    } catch (error) {
      this.#error = error;
      const text = errorText(error);
      if (text !== this.#trouble) this.#tell({ type: "trouble", text });
      this.#trouble = text;
    }
  }

  #tell(event: LiveEvent): void {
    for (const onEvent of this.#lookers) onEvent(event);
  }
}

/** Whether nothing goes on any more, as far as the report tells. */
function isOver(report: Report | undefined): boolean {
  const state = report?.run?.state;
  return state === "done" || state === "failed" || state === "interrupted" || state === "died";
}
