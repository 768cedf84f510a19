import type { EventSink } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Computer } from "../../run/computer.ts";
import type { Claim } from "../../store/claims/claim.ts";
import type { SlurmJob } from "../../store/record.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import type { PoolRun } from "../../remote/run_record.ts";

/** What a worker of a pool is given. */
export interface PoolWorkerOptions {
  /** Where everything of the run is. */
  readonly paths: QueuePaths;
  /** What the run is, as `run.json` says. */
  readonly run: PoolRun;
  /** The spec of the tasks that it takes. */
  readonly spec: string;
  /** How many tasks it computes at the same time. */
  readonly slots: number;
  /** The node that it runs on. */
  readonly node: string;
  /** Its id. @default a new one */
  readonly id?: string;
  /** The key by which its launcher knows it. */
  readonly job?: string;
  /** The Slurm job that it runs in. */
  readonly slurm?: SlurmJob;
  /** Computes attempts. It is closed by whoever made it. */
  readonly computer: Computer;
  /** Gives an artifact of the run; a stub will do where another process computes. @throws {ProtocolError} when there is none */
  readonly artifactOf: (hash: Hash) => Artifact;
  /** Tells the worker to leave at once: what runs is preempted. Its reason is told to people. */
  readonly signal: AbortSignal;
  /** When its job ends, by the machine's monotonic clock in milliseconds. @default never */
  readonly endsAt?: number;
  /** Told of its attempts; must not throw. */
  readonly onEvent: EventSink;
  /**
   * Is the run's controller, in this process: called with the claim of the role whenever a detached run has nobody for it.
   * Resolves when the run has ended, or soon after the signal says that somebody else is to be it. @default it never is
   */
  readonly control?: (claim: Claim, handOver: AbortSignal) => Promise<void>;
}

/** How a worker ended. */
export interface PoolWorkerResult {
  /** Why it left, for people. */
  readonly why: string;
  /** How many tasks it has computed. */
  readonly computed: number;
}
