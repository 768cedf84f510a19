import type { FailedAttempt } from "../core/attempt_end.ts";
import type { Hash } from "../core/hash.ts";
import type { Plan } from "../plan/graph.ts";
import type { BackendEvent } from "./backend.ts";

/** An event for the scheduler. */
export type SchedulerEvent =
  /** The run begins: the first event. */
  | { readonly type: "begin" }
  /** A node that was started, or a watched one, has its result; or an attempt ended otherwise. */
  | BackendEvent
  /**
   * The stranger's claim of a watched node ended and there is no result. `plan`: a plan of this node alone,
   * made just now; needed for nodes that were IN_PROGRESS in the plan of the run, since that one stopped
   * there and what lies below may be missing as well.
   */
  | { readonly type: "released"; readonly hash: Hash; readonly plan?: Pick<Plan, "nodes"> }
  /**
   * Nothing changed at a watched node for `afterMs` milliseconds: the stale limit. `advice`: what to do about
   * it.
   */
  | {
    readonly type: "stale";
    readonly hash: Hash;
    readonly owner: string;
    readonly afterMs: number;
    readonly advice?: string;
  }
  /** The delay before a node is tried again has passed. */
  | { readonly type: "rested"; readonly hash: Hash }
  /** The user wants it to end (Ctrl-C). */
  | { readonly type: "interrupt" }
  /** The backend was stopped: nothing that was started will report any more. */
  | { readonly type: "halted" };

/** The reason why nothing new starts any more. */
export type StopReason = "failure" | "protocol" | "interrupt";

/** An action that the scheduler wants done. */
export type SchedulerAction =
  /**
   * Begin an attempt. A `done`, `failed` or `busy` is to follow. `turn`: before what else, where several wait
   * for somebody to begin them: see `turnOf`.
   */
  | { readonly type: "start"; readonly hash: Hash; readonly spec: string; readonly turn: number }
  /** Look after a node that somebody else computes. A `done`, `released` or `stale` is to follow. */
  | { readonly type: "watch"; readonly hash: Hash; readonly owner: string }
  /**
   * It will be started again. `left`: how many retries of this kind remain, this one included. A `rested` is
   * to follow where `afterMs`, counted from its end, is above 0.
   */
  | {
    readonly type: "retry";
    readonly hash: Hash;
    readonly end: FailedAttempt;
    readonly left: number;
    readonly afterMs: number;
    /** Another spec than before, where that was too little. */
    readonly spec?: string;
  }
  /**
   * For people: there is a result; `computed` by this run or elsewhere. `partial`: by this run, without
   * something that failed in it.
   */
  | { readonly type: "node_done"; readonly hash: Hash; readonly computed: boolean; readonly partial?: true }
  /** For people: it failed for good. */
  | { readonly type: "node_failed"; readonly hash: Hash; readonly end: FailedAttempt }
  /**
   * Nothing new starts from here on. What runs may finish; a caller that ends it at once reports `halted`.
   */
  | { readonly type: "stop"; readonly why: StopReason }
  /**
   * The run cannot go on and no failure is to blame: a bug, or files that vanished. Names up to three nodes.
   */
  | { readonly type: "stalled"; readonly missing: readonly Hash[] }
  /**
   * The end, always the last action. `ok`: all is there. `failed`: in the order in which they failed.
   * `notRun`: nodes without a result that did not fail themselves.
   */
  | {
    readonly type: "finished";
    readonly ok: boolean;
    readonly failed: readonly Hash[];
    readonly notRun: readonly Hash[];
  };
