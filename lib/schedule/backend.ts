import type { FailureKind } from "../core/event.ts";
import type { Hash } from "../core/hash.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/** What a backend reports of a node that it was told to start. */
export type BackendEvent =
  /** Its success record was read; `computed` is false when somebody else had been first. */
  | { type: "done"; hash: Hash; computed: boolean }
  /** An attempt ended without success. `failedEnds`: ends of kind *failed* that this run wrote so far. */
  | {
    type: "failed";
    hash: Hash;
    kind: FailureKind;
    failedEnds: number;
    lostEnds: number;
    error: string;
    stack?: string;
    log?: string;
    /** The last lines of that log, where they are known already. */
    logTail?: readonly string[];
    /** Trying again cannot help: what led to it is the same at each attempt. */
    lasting?: true;
    /** It could not begin on this machine: its code could not be loaded, or no process be started for it. */
    unstartable?: true;
    /** The system could not do something before the attempt began (EIO, a full disk): elsewhere, or later, it may. */
    outside?: true;
  }
  /** A living stranger computes it: give it back when that ends. */
  | { type: "busy"; hash: Hash; owner: string }
  /** No attempt was begun, and none will be: the backend was asked to withdraw what had not begun. */
  | { type: "withdrawn"; hash: Hash };

/** Where nodes are computed: this machine's worker processes, or Slurm's. */
export interface Backend {
  /** Begins an attempt of a node; exactly one event follows, through `report`, unless the run is stopped. */
  start(artifact: Artifact, spec: string): void;
  /**
   * Takes back what was started and has not begun, where that can be told: nothing new is to begin, after a failure. A
   * `withdrawn` follows for each.
   */
  withdraw?(): Promise<void>;
  /** Lets what runs finish (`"drain"`), or ends it as preempted (`"stop"`), or at once (`"kill"`). */
  stop(how: "drain" | "stop" | "kill"): Promise<void>;
}
