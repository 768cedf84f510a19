import { join } from "@std/path/posix/join";
import { errorCode, ExecutionError } from "../core/errors.ts";
import type { EventSink, RunEvent } from "../core/event.ts";
import type { QueuePaths } from "../queue/layout.ts";
import type { Runtime } from "../run/runtime.ts";
import { listOrNothing, storeError } from "../store/store.ts";
import { readEnded, type RunEnded } from "./ended.ts";
import { watchLeadership } from "./leadership.ts";
import { listingPause } from "./pacing.ts";

/** Options of {@link followPool}. */
export interface FollowPoolOptions {
  /** Receives what its controllers tell, and the end of the run once. */
  readonly onEvent: EventSink;
  /** Ends the following; the run goes on. */
  readonly signal: AbortSignal;
  /** Whether nothing is left that may yet take the run up. Asked now and then, while nobody controls it. */
  readonly isAbandoned: () => Promise<boolean>;
}

/** A pause is so many times as long as the reading before it: listings take a tenth of the time. */
const READING_PART = 9;
/** A pause is this part of the time since something happened, within these milliseconds. */
const PAUSE_PART = 0.1;
const SHORTEST_PAUSE_MS = 50;
/** The byte that ends a line. */
const LINE_END = 10;

/**
 * Tells what a run's controllers told, from the beginning, until it has ended.
 *
 * @returns How it ended.
 * @throws {ExecutionError} when nobody is left who could end it. {@link StoreError} when its folder cannot be
 * read.
 */
export async function followPool(
  runtime: Runtime,
  paths: QueuePaths,
  options: FollowPoolOptions,
): Promise<RunEnded> {
  const { machine: { clock }, store, config } = runtime;
  const reader = new EventReader(runtime, paths, options.onEvent);
  const role = watchLeadership(runtime, paths);
  let newsAt = clock.monotonic();
  let lookedAt = newsAt;
  for (;;) {
    const ended = await readEnded(store, paths);
    // In this order: all that was told before the end is there.
    const began = clock.monotonic();
    if (await reader.read()) newsAt = clock.monotonic();
    const cost = clock.monotonic() - began;
    if (ended) {
      const { summary, interrupted } = ended;
      if (summary) options.onEvent({ type: "run_ended", summary, interrupted, at: clock.now() });
      return ended;
    }
    const now = clock.monotonic();
    if (now - Math.max(newsAt, lookedAt) > store.leaseSec * 250) {
      lookedAt = now;
      const look = await role.look();
      const isFree = look.state === "absent" || look.state === "dead" || look.state === "ended";
      // After a lease without news a worker that lives would have taken it up.
      if (isFree && now - newsAt > store.leaseSec * 2000 && await options.isAbandoned()) {
        throw new ExecutionError(
          `Cannot follow run ${paths.runId} any longer as nobody is left to end it: run the same roots again to take it up`,
        );
      }
    }
    const pause = Math.min(
      Math.max((now - newsAt) * PAUSE_PART, SHORTEST_PAUSE_MS),
      config.pollIntervalSec * 1000,
    );
    await clock.sleep(Math.max(pause, listingPause(cost, READING_PART)), options.signal);
  }
}

/** Reads what each controller told, in the order of their terms. */
class EventReader {
  readonly #runtime: Runtime;
  readonly #dir: string;
  readonly #onEvent: EventSink;
  #term = 0;
  /** So many bytes of its file were told. */
  #told = 0;

  constructor(runtime: Runtime, paths: QueuePaths, onEvent: EventSink) {
    this.#runtime = runtime;
    this.#dir = paths.events;
    this.#onEvent = onEvent;
  }

  /**
   * Reads what is new.
   *
   * @returns Whether there was anything.
   */
  async read(): Promise<boolean> {
    let any = false;
    for (;;) {
      // Listed before the reading: once there is a later term, all of this one is written.
      const next = await this.#termAfter(this.#term);
      if (await this.#readTerm()) any = true;
      if (next === undefined) return any;
      this.#term = next;
      this.#told = 0;
    }
  }

  async #termAfter(term: number): Promise<number | undefined> {
    const files = await listOrNothing(this.#runtime.machine, this.#dir);
    const terms = files.flatMap(({ name }) => {
      const found = Number(/^(\d+)\.jsonl$/.exec(name)?.[1] ?? 0);
      return found > term ? [found] : [];
    });
    return terms.length === 0 ? undefined : Math.min(...terms);
  }

  async #readTerm(): Promise<boolean> {
    const { files } = this.#runtime.machine;
    const path = join(this.#dir, `${this.#term}.jsonl`);
    let bytes: Uint8Array;
    try {
      const size = (await files.stat(path))?.size ?? 0;
      if (size <= this.#told) return false;
      bytes = await files.readBytes(path, this.#told);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return false;
      throw storeError("read", path, error);
    }
    // What comes after the last line's end is not whole yet.
    const end = bytes.lastIndexOf(LINE_END) + 1;
    const lines = new TextDecoder().decode(bytes.subarray(0, end)).split("\n").filter((line) => line !== "");
    this.#told += end;
    for (const line of lines) this.#tell(line);
    return lines.length > 0;
  }

  #tell(line: string): void {
    let event: RunEvent;
    try {
      event = JSON.parse(line);
    } catch {
      return; // torn by a crash: what it told is lost
    }
    // The end of a term need not be the end of the run.
    if (event.type !== "run_ended") this.#onEvent(event);
  }
}
