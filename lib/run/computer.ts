import type { AttemptEnd } from "../core/attempt_end.ts";
import { currentSession } from "../core/system/session.ts";
import type { Claim } from "../store/claims/claim.ts";
import type { OwnerFile } from "../store/claims/owner_files.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { computeInProcess } from "./attempt.ts";
import { Tail } from "./output/tail.ts";
import type { Runtime } from "./runtime.ts";

/** An attempt as a {@link Computer} is given it. */
export interface ClaimedAttempt {
  /** The artifact to compute. */
  artifact: Artifact;
  /** The spec that it is computed with. */
  spec: string;
  /** The claim, which is held. */
  claim: Claim;
  /** Id of the attempt whose result is to be replaced. */
  replaces?: string;
  /** Seconds that it may take. */
  timeLimitSec?: number;
  /** Aborts when the attempt is to end. */
  signal: AbortSignal;
  /** The path of its log, which is made when there is output. */
  log: string;
  /** Tells how far it is. */
  onProgress: (fraction: number, message?: string) => void;
}

/** The first attempt of an artifact of which nothing is there yet, as far as the plan knows. */
export interface FirstAttempt {
  /** The artifact to compute. */
  artifact: Artifact;
  /** The spec that it is computed with. */
  spec: string;
  /** What it is to be claimed with. */
  owner: OwnerFile;
  /** The backend's name, for records. */
  backend: string;
  /** Aborts when all attempts are to end. */
  signal: AbortSignal;
  /** The path of its log, which is made when there is output. */
  log: string;
  /** Told when it begins. */
  onBegin: () => void;
  /** Tells how far it is. */
  onProgress: (fraction: number, message?: string) => void;
}

/**
 * What comes of a {@link FirstAttempt}: its end (of a success the claim is given back already);
 * `"declined"` when none was begun, or nobody knows what became of it, which the store tells; or, where it is
 * not waited for any more, what it comes to later.
 */
export type FirstEnd = AttemptEnd | "declined" | { readonly later: Promise<AttemptEnd | "declined"> };

/** Computes attempts somewhere on this machine: in worker processes, or in this process. */
export interface Computer {
  /** Whether user code runs in this process, which it may block. */
  readonly inProcess: boolean;
  /** Computes one and commits its result; ending the attempt is the caller's. */
  compute(attempt: ClaimedAttempt): Promise<AttemptEnd>;
  /**
   * Has the first attempt of an artifact claimed and made by the process that computes it, which may be given
   * others ahead.
   *
   * @default {each attempt is claimed first}
   */
  readonly computeFirst?: ((attempt: FirstAttempt) => Promise<FirstEnd>) | undefined;
  /** Takes back the first attempts that were given ahead, and gives no more: each is `"declined"`. */
  withdraw?(): void;
  /**
   * How many attempts more may be begun than can be made at the same time.
   *
   * @default {0}
   */
  readonly ahead?: number;
  /** Ends what runs at once. */
  kill(): Promise<void>;
  /** Gives back what computing took. */
  close(): Promise<void>;
}

/** Computes attempts inside this process: for tasks that only wait for programs, and for tests. */
export class InlineComputer implements Computer {
  readonly inProcess = true;
  readonly ahead = 0;
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
    // Who types code in looks at what it says, as `get` shows it.
    const shown = currentSession() !== undefined;
    const { end } = await computeInProcess(this.#runtime, {
      artifact,
      claim,
      context: { mode: "executor", runtime: this.#runtime, spec },
      run: this.#runId,
      signals: [signal],
      echo: {
        write: (text) => {
          tail.push(typeof text === "string" ? new TextEncoder().encode(text) : text);
          if (shown) this.#runtime.echo(text);
        },
      },
      onProgress,
      ...(replaces === undefined ? {} : { replaces }),
    });
    return end.outcome === "failed" ? { ...end, logTail: tail.lines() } : end;
  }

  /**
   * Code in this process cannot be killed: the stop signal has reached it, and the grace ends the attempt.
   */
  kill(): Promise<void> {
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
