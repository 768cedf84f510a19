import type { Config } from "../../core/config.ts";
import { ValidationError } from "../../core/errors.ts";
import type { EventSink } from "../../core/event.ts";
import {
  aBoolean,
  aCount,
  aFunction,
  anything,
  aSignal,
  aString,
  checkOptions,
  countBySpec,
  namesOfTasks,
  oneOf,
  type OptionChecks,
  secondsFromZero,
  someSeconds,
} from "../../core/options.ts";
import type { Plan } from "../../plan/graph.ts";
import { aProgress } from "../../schedule/check_run.ts";
import { aWindow, type Window } from "../../schedule/check_run.ts";
import type { SlurmSpecs } from "./check_specs.ts";

/** Options of `runSlurm` in both modes. */
export interface SlurmOptions {
  /** What jobs the tasks' specs stand for. @default `slurm.specs` in furu.json */
  specs?: SlurmSpecs;
  /**
   * Whether to leave once the jobs are submitted, which then go on by themselves. Else the run is followed until it has
   * ended.
   *
   * @default {false}
   */
  detach?: boolean;
  /** Names of tasks to compute again although they are stored, or `"ALL"`. @default FURU_ALWAYS_RERUN */
  force?: "ALL" | string[];
  /** How often a failed computation is tried again, after the first attempt. @default FURU_MAX_COMPUTE_RETRIES, 3 */
  maxComputeRetries?: number;
  /** Is an artifact tried again whose latest attempt failed in an earlier run? @default FURU_RETRY_FAILED, true */
  retryFailed?: boolean;
  /** How often something is begun again that was preempted or reached its job's time limit. @default FURU_MAX_PREEMPT_RETRIES, 5 */
  maxPreemptRetries?: number;
  /**
   * Megabytes that V8's heap may have in each process that computes; typed arrays and buffers are outside of it.
   *
   * @default FURU_MAX_HEAP_MB, what the spec's `memGb` leaves for it, V8's own limit
   */
  maxHeapMb?: number;
  /** After so many tasks a process that computes is replaced by a new one. @default FURU_MAX_TASKS_PER_WORKER, no limit */
  maxTasksPerWorker?: number;
  /**
   * A process that computes and has more megabytes of memory after a task is replaced by a new one.
   *
   * @default FURU_MAX_WORKER_MB, 256, or twice what one has after its first task where that is more
   */
  maxWorkerMb?: number;
  /** Seconds between two looks at the jobs. @default `slurm.squeueIntervalSec` in furu.json, 10 */
  squeueIntervalSec?: number;
  /** Told what happens. */
  onEvent?: EventSink;
  /** How the run shows itself, on stderr (`"json"`: on stdout). @default "auto" */
  progress?: "auto" | "plain" | "quiet" | "json" | "none";
  /** Ends the run: what it submitted is cancelled, and the signal's reason is thrown. */
  signal?: AbortSignal;
  /**
   * Is the code kept as it is now, so that jobs import that, whatever becomes of it? Without it they import what is there when
   * they start. @default true
   */
  snapshot?: boolean;
  /** URL of the module that defines the tasks, where it is not the main module. @default Deno.mainModule */
  entry?: string;
}

/** Options of `runSlurm` with a pool of workers, which take one task after another. */
export interface RunPoolOptions extends SlurmOptions {
  /** A pool of workers. @default "pool" */
  mode?: "pool";
  /** Most workers at the same time: in all, or for each spec (`{ default: 20, gpu: 4 }`). @default 50 */
  maxWorkers?: number | Record<string, number>;
  /** Which roots are worked on at the same time: one (`"dfs"`), all (`"bfs"`) or a rolling number. @default "bfs" */
  window?: Window;
  /** Seconds after which a worker leaves that finds nothing to do. @default 60 */
  idleTimeoutSec?: number;
  /** Longest seconds between two looks of a worker at the queue. @default FURU_POLL_INTERVAL_SECS, 2 */
  pollIntervalSec?: number;
  /** Seconds without a sign of life after which a worker counts as dead. @default FURU_LEASE_SECS, 120 */
  leaseSec?: number;
  /** How many tasks a worker computes at the same time. @default 1 */
  tasksPerWorker?: number;
  /** After a failure, do all that does not depend on it before giving up? @default false */
  keepGoing?: boolean;
  /** How workers are started: as jobs of their own, or inside the job that this process runs in. @default "sbatch" */
  launcher?: "sbatch" | "srun";
}

/** Options of `runSlurm` with one job for each artifact, each waiting for those that it needs. */
export interface RunDagOptions extends SlurmOptions {
  /** One job for each artifact. */
  mode: "dag";
}

/** Options of `runSlurm`. */
export type RunSlurmOptions = RunPoolOptions | RunDagOptions;

/** A run whose jobs go on by themselves. */
export interface SubmittedRun {
  /** Its id, for `furu follow` and `furu cancel`. */
  runId: string;
  /** Its folder. */
  runDir: string;
  /**
   * In DAG mode the job of each artifact by its hash, also those found in Slurm that somebody else had submitted. In a pool
   * the jobs with the first workers by the jobs' names.
   */
  jobIds: Record<string, string>;
  /** The jobs of the roots, in the order given; `undefined` for one that is stored already, and for all of them in a pool. */
  rootJobIds: (string | undefined)[];
  /** What was planned. */
  plan: Plan;
}

// What `configure` has, too, is checked with the rest of the configuration; specs with what the roots need.
const COMMON: OptionChecks<RunDagOptions> = {
  mode: oneOf("pool", "dag"),
  specs: anything,
  detach: aBoolean,
  force: namesOfTasks,
  maxComputeRetries: anything,
  retryFailed: anything,
  maxPreemptRetries: anything,
  maxHeapMb: anything,
  maxTasksPerWorker: anything,
  maxWorkerMb: anything,
  squeueIntervalSec: someSeconds,
  onEvent: aFunction,
  progress: aProgress,
  signal: aSignal,
  snapshot: aBoolean,
  entry: aString,
};
const OF_POOL: OptionChecks<RunPoolOptions> = {
  ...COMMON,
  maxWorkers: countBySpec,
  window: aWindow,
  idleTimeoutSec: secondsFromZero,
  pollIntervalSec: someSeconds,
  leaseSec: someSeconds,
  tasksPerWorker: aCount,
  keepGoing: aBoolean,
  launcher: oneOf("sbatch", "srun"),
};

/**
 * Refuses what the types forbid and plain JavaScript can pass.
 *
 * @throws {ValidationError} naming the option, its value and what is allowed.
 */
export function checkSlurmOptions(options: RunSlurmOptions): void {
  if (options?.mode !== "dag") {
    checkOptions("runSlurm", options, OF_POOL);
    if (options.launcher !== "srun" || options.detach !== true) return;
    throw new ValidationError(
      `Cannot use detach with launcher "srun": its workers end with the job that this process runs in`,
    );
  }
  const ofPool = Object.entries(options).find(([name, value]) =>
    value !== undefined && !Object.hasOwn(COMMON, name) && Object.hasOwn(OF_POOL, name)
  );
  if (ofPool) {
    throw new ValidationError(`Cannot use ${ofPool[0]} with mode "dag": it is an option of mode "pool"`);
  }
  checkOptions("runSlurm", options, COMMON);
}

/** The configuration that the options stand for. */
export function slurmOverrides(options: RunSlurmOptions): Partial<Config> {
  const { maxComputeRetries, retryFailed, maxPreemptRetries, maxHeapMb, maxTasksPerWorker, maxWorkerMb } =
    options;
  const { pollIntervalSec, leaseSec }: RunPoolOptions = options.mode === "dag" ? {} : options;
  const ofWorkers = { maxHeapMb, maxTasksPerWorker, maxWorkerMb };
  const overrides = {
    maxComputeRetries,
    retryFailed,
    maxPreemptRetries,
    ...ofWorkers,
    pollIntervalSec,
    leaseSec,
  };
  return Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
}
