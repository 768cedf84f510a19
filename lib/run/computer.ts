import type { AttemptEnd } from "../core/attempt_end.ts";
import type { Claim } from "../store/claims/claim.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/** An attempt as a {@link Computer} is given it. */
export interface ClaimedAttempt {
  /** What to compute. */
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
  /** Where its log is, made when there is output. */
  log: string;
  /** Tells how far it is. */
  onProgress: (fraction: number, message?: string) => void;
}

/** Computes attempts somewhere on this machine: in worker processes, or in this process. */
export interface Computer {
  /** Does user code run in this process, which it may block? */
  readonly inProcess: boolean;
  /** Computes one and commits its result; ending the attempt is the caller's. */
  compute(attempt: ClaimedAttempt): Promise<AttemptEnd>;
  /** Ends what runs at once. */
  kill(): Promise<void>;
  /** Gives back what computing took. */
  close(): Promise<void>;
}
