import type { AttemptEnd } from "../core/attempt_end.ts";
import { computeInProcess } from "./attempt.ts";
import type { Runtime } from "./runtime.ts";
import { Tail } from "./output/tail.ts";
import type { ClaimedAttempt, Computer } from "./computer.ts";

/** Computes attempts inside this process: for tasks that only wait for programs, and for tests. */
export class InlineComputer implements Computer {
  readonly inProcess = true;
  readonly #runtime: Runtime;
  readonly #runId: string;

  /** Starts nothing. */
  constructor(runtime: Runtime, runId: string) {
    this.#runtime = runtime;
    this.#runId = runId;
  }

  async compute(
    { artifact, claim, spec, signal, replaces, onProgress }: ClaimedAttempt,
  ): Promise<AttemptEnd> {
    const tail = new Tail();
    const { end } = await computeInProcess(this.#runtime, {
      artifact,
      claim,
      context: { mode: "executor", runtime: this.#runtime, spec },
      run: this.#runId,
      signals: [signal],
      echo: { write: (text) => tail.push(typeof text === "string" ? new TextEncoder().encode(text) : text) },
      onProgress,
      ...(replaces === undefined ? {} : { replaces }),
    });
    return end.outcome === "failed" ? { ...end, logTail: tail.lines() } : end;
  }

  /** Code in this process cannot be killed: the stop signal has reached it, and the grace ends the attempt. */
  kill(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
