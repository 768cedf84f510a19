import type { Clock } from "../../core/system/clock.ts";
import { Tail } from "./tail.ts";

/** The longest silence of a pipe whose program has ended: one that it started may hold it open for ever. */
const SILENCE_MS = 500;
/** The same for one that goes on printing, in milliseconds. */
const LONGEST_DRAIN_MS = 5000;

/** One of the outputs of a program: passed on as it arrives, or collected. */
export class ProgramOutput {
  /** Resolves with what the sink threw; never when it did not. */
  readonly failed: Promise<unknown>;
  /** The error that the sink threw. */
  error: unknown;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #sink: ((chunk: Uint8Array) => void | Promise<void>) | undefined;
  readonly #pieces: Uint8Array[] = [];
  readonly #tail = new Tail();
  readonly #reading: Promise<void>;
  readonly #fail: (error: unknown) => void;
  #chunks = 0;

  /**
   * @param stream The pipe.
   * @param sink Given each chunk and waited for; without one all is collected.
   */
  constructor(stream: ReadableStream<Uint8Array>, sink?: (chunk: Uint8Array) => void | Promise<void>) {
    this.#reader = stream.getReader();
    this.#sink = sink;
    ({ promise: this.failed, resolve: this.#fail } = Promise.withResolvers<unknown>());
    this.#reading = this.#read();
  }

  /** Resolves when the pipe has ended, or is silent though its program has ended. */
  async drain(clock: Clock): Promise<void> {
    const timer = new AbortController();
    await Promise.race([this.#reading, this.#silence(clock, timer.signal)]);
    timer.abort();
    await this.#reader.cancel().catch(() => {});
    await this.#reading;
  }

  /** All that was collected. */
  collected(): Uint8Array {
    const whole = new Uint8Array(this.#pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }

  /** The last lines. */
  lines(): string[] {
    return this.#tail.lines();
  }

  async #read(): Promise<void> {
    for (;;) {
      const next = await this.#reader.read().catch(() => undefined);
      if (next === undefined || next.done) return; // a pipe that breaks has ended
      this.#chunks++;
      this.#tail.push(next.value);
      if (this.#sink === undefined) this.#pieces.push(next.value);
      else await this.#pass(next.value);
    }
  }

  async #pass(chunk: Uint8Array): Promise<void> {
    if (this.error !== undefined) return;
    try {
      await this.#sink?.(chunk);
    } catch (error) {
      this.error = error ?? new Error("Cannot pass on output as its sink threw nothing");
      this.#fail(this.error);
    }
  }

  async #silence(clock: Clock, over: AbortSignal): Promise<void> {
    const until = clock.monotonic() + LONGEST_DRAIN_MS;
    try {
      for (let seen = -1; seen !== this.#chunks && clock.monotonic() < until;) {
        seen = this.#chunks;
        await clock.sleep(SILENCE_MS, over);
      }
    } catch {
      // The pipe ended first.
    }
  }
}
