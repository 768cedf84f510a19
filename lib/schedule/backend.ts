import type { FailedAttempt } from "../core/attempt_end.ts";
import type { Hash } from "../core/hash.ts";
import type { Raise } from "../task/ladder.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/** A backend's report of a node that it was told to start. */
export type BackendEvent =
  /** Its success record was read; `computed` is false when somebody else had been first. */
  | { type: "done"; hash: Hash; computed: boolean }
  /**
   * An attempt ended without success, or none could be begun. The counts are of this run, this end included.
   */
  | {
    type: "failed";
    hash: Hash;
    end: FailedAttempt;
    /** The number of attempts that failed. */
    failedEnds: number;
    /** The number of attempts that were lost. */
    lostEnds: number;
    /** The spec to go on with after too little, which counts as neither. */
    raise?: Raise | undefined;
    /** When the attempt ended, in milliseconds since 1970, where that was before now. */
    endedAt?: number | undefined;
  }
  /** A living stranger computes it: give it back when that ends. */
  | { type: "busy"; hash: Hash; owner: string }
  /** No attempt was begun, and none will be: the backend was asked to withdraw what had not begun. */
  | { type: "withdrawn"; hash: Hash };

/** Computes nodes, in this machine's worker processes or Slurm's. */
export interface Backend {
  /**
   * Begins an attempt of a node; exactly one event follows, through `report`, unless the run is stopped.
   *
   * @param turn What has a higher one is to begin first, where something has to wait; 0 by default.
   */
  start(artifact: Artifact, spec: string, turn?: number): void;
  /**
   * Takes back what was started and has not begun, where that can be told: nothing new is to begin, after a
   * failure. A `withdrawn` follows for each.
   */
  withdraw?(): Promise<void>;
  /** Lets what runs finish (`"drain"`), or ends it as preempted (`"stop"`), or at once (`"kill"`). */
  stop(how: "drain" | "stop" | "kill"): Promise<void>;
}
