import { failureText } from "./compute.ts";
import { computeInProcess } from "./attempt.ts";
import type { Runtime } from "./runtime.ts";
import { Tail } from "./output/tail.ts";
import type { Verdict } from "./verdict.ts";
import { errorText } from "../core/errors.ts";
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

  async compute({ artifact, claim, spec, signal, replaces, onProgress }: ClaimedAttempt): Promise<Verdict> {
    const tail = new Tail();
    const { outcome, reason } = await computeInProcess(this.#runtime, {
      artifact,
      claim,
      context: { mode: "executor", runtime: this.#runtime, spec },
      run: this.#runId,
      signals: [signal],
      echo: { write: (text) => tail.push(typeof text === "string" ? new TextEncoder().encode(text) : text) },
      onProgress,
      ...(replaces === undefined ? {} : { replaces }),
    });
    switch (outcome.kind) {
      case "success":
      case "superseded":
        return { outcome: outcome.kind };
      case "preempted":
        return { outcome: "preempted", reason: errorText(reason) };
      case "failed": {
        const { stack, code } = outcome.error;
        return {
          outcome: "failed",
          kind: outcome.failure,
          error: failureText(outcome),
          ...(stack === undefined ? {} : { stack }),
          ...(code === undefined ? {} : { code }),
          ...(outcome.lasting ? { lasting: true } : {}),
          logTail: tail.lines(),
        };
      }
    }
  }

  /** Code in this process cannot be killed: the stop signal has reached it, and the grace ends the attempt. */
  kill(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
