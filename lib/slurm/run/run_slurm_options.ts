import type { Config, ForcedTasks } from "../../core/config.ts";
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
  type OptionCheck,
  type OptionChecks,
  secondsFromZero,
  someSeconds,
} from "../../core/options.ts";
import type { NotifyTarget } from "../../core/settings/notify_setting.ts";
import type { Plan } from "../../plan/graph.ts";
import { aPriority, aProgress, aWindow, type RootPriorities, type Window } from "../../schedule/check_run.ts";
import { isClusterName } from "../client/environment.ts";
import type { SlurmSpecs } from "./check_specs.ts";

/** Options of `runSlurm` in both modes. */
export interface SlurmOptions {
  /**
   * The jobs that the tasks' specs stand for.
   *
   * @default {`slurm.specs` of the configuration}
   */
  specs?: SlurmSpecs;
  /**
   * The cluster that jobs go to whose spec names none (`sbatch -M`), where the site has several.
   *
   * @default {the one that `SLURM_CLUSTERS` of the shell names, else the machine's own}
   */
  cluster?: string;
  /**
   * Whether to leave once the jobs are submitted, which then go on by themselves. Else the run is followed
   * until it has ended.
   *
   * @default {false}
   */
  detach?: boolean;
  /**
   * The tasks whose artifacts are computed again, each once, although they are stored. What depends on them
   * stays as it is, and the run says how many results that are.
   *
   * @default {`alwaysRerun` of the configuration, which is none}
   */
  force?: ForcedTasks;
  /**
   * Whether what depends on the tasks of `force`, over however many steps, is computed again, too.
   *
   * @default {false}
   */
  forceDependents?: boolean;
  /**
   * The number of times that a failed computation is tried again, after the first attempt, where its task
   * says no number itself. With 0 nothing is tried again, whatever tasks say.
   *
   * @default {`maxComputeRetries` of the configuration, which is 3}
   */
  maxComputeRetries?: number;
  /**
   * Whether an artifact is tried again whose latest attempt failed in an earlier run.
   *
   * @default {`retryFailed` of the configuration, which is true}
   */
  retryFailed?: boolean;
  /**
   * The number of times that an artifact is tried again after it lost its process through no fault of its
   * own, as when its job was preempted or reached its time limit.
   *
   * @default {`maxPreemptRetries` of the configuration, which is 5}
   */
  maxPreemptRetries?: number;
  /**
   * Megabytes for V8's heap in each process that computes. Typed arrays and buffers are outside of it.
   *
   * @default {`maxHeapMb` of the configuration: what the spec's `memGb` leaves for it, else V8's own limit}
   */
  maxHeapMb?: number;
  /**
   * The number of tasks after which a process that computes is replaced by a new one.
   *
   * @default {`maxTasksPerWorker` of the configuration, which is no limit}
   */
  maxTasksPerWorker?: number;
  /**
   * Megabytes of memory: a process that computes and has more after a task is replaced by a new one.
   *
   * @default {`maxWorkerMb` of the configuration: 256, or twice what one has after its first task}
   */
  maxWorkerMb?: number;
  /**
   * Seconds between two looks at the jobs.
   *
   * @default {`slurm.squeueIntervalSec` of the configuration, which is 10}
   */
  squeueIntervalSec?: number;
  /**
   * The priority of roots, which come with all that they need before others of a lower one: by the names of
   * their tasks, or as a function gives it. In DAG mode their jobs are submitted first.
   *
   * @default {what their tasks say, else 0}
   */
  priority?: RootPriorities;
  /**
   * Who is told when the run has ended, or the first of its artifacts has failed for good: a URL, or a
   * command, which is given a line of JSON; `false` for nobody.
   *
   * @default {`notify` of the configuration, which is nobody}
   */
  notify?: NotifyTarget | false;
  /** Receives everything that happens. */
  onEvent?: EventSink;
  /**
   * The way in which the run shows itself on stderr: a block that is redrawn on a terminal and lines
   * elsewhere (`"auto"`), lines (`"plain"`), only failures and errors (`"quiet"`), nothing (`"none"`),
   * or the events on stdout (`"json"`).
   *
   * @default {"auto"}
   */
  progress?: "auto" | "plain" | "quiet" | "json" | "none";
  /** Ends the run: what it submitted is cancelled, and the reason of the signal is thrown. */
  signal?: AbortSignal;
  /**
   * Whether the code is kept as it is now, so that the jobs import that, whatever becomes of it. Else they
   * import what is there when they start.
   *
   * @default {true}
   */
  snapshot?: boolean;
  /**
   * URL of the module that defines the tasks, where that is not the main module.
   *
   * @default {Deno.mainModule}
   */
  entry?: string;
}

/** Options of `runSlurm` with a pool of workers, each of which takes one task after another. */
export interface RunPoolOptions extends SlurmOptions {
  /**
   * A pool of workers.
   *
   * @default {"pool"}
   */
  mode?: "pool";
  /**
   * The most workers at the same time: in all, or for each spec (`{ default: 20, gpu: 4 }`).
   *
   * @default {50}
   */
  maxWorkers?: number | Record<string, number>;
  /**
   * The roots that are worked on at the same time: one after another (`"dfs"`), all (`"bfs"`), or so many,
   * where the next joins when one is finished.
   *
   * @default {"bfs"}
   */
  window?: Window;
  /**
   * Seconds after which a worker leaves that finds nothing to do.
   *
   * @default {60}
   */
  idleTimeoutSec?: number;
  /**
   * The longest time between two looks of a worker at the queue, in seconds.
   *
   * @default {`pollIntervalSec` of the configuration, which is 2}
   */
  pollIntervalSec?: number;
  /**
   * Seconds without a sign of life after which a worker counts as dead.
   *
   * @default {`leaseSec` of the configuration, which is 120}
   */
  leaseSec?: number;
  /**
   * The number of tasks that a worker computes at the same time.
   *
   * @default {1}
   */
  tasksPerWorker?: number;
  /**
   * Whether everything that does not depend on a failure is still done before the run gives up.
   *
   * @default {false}
   */
  keepGoing?: boolean;
  /**
   * The units that there are of each limit, by name, as `{ license: 3, api: 8 }`: tasks with `limits` take no
   * more at once, over all workers of the run. They count above those of the configuration, by name.
   *
   * @default {`limits` of the configuration, which is none}
   */
  limits?: Record<string, number>;
  /**
   * The way in which workers are started: as jobs of their own, or inside the job that this process runs in.
   *
   * @default {"sbatch"}
   */
  launcher?: "sbatch" | "srun";
  /**
   * Whether a run of the same roots is taken up, too, that another user began, or that was begun on another
   * cluster, if its controller is gone. Its workers that live go on; its jobs are left alone, which nobody
   * can cancel from here. Without this such a run is waited for while it is at work, and then what is missing
   * is computed.
   *
   * @default {false}
   */
  takeOver?: boolean;
}

/** Options of `runSlurm` with one job for each artifact, which waits for the jobs of those that it needs. */
export interface RunDagOptions extends SlurmOptions {
  /** One job for each artifact. */
  mode: "dag";
}

/** Options of `runSlurm`. */
export type RunSlurmOptions = RunPoolOptions | RunDagOptions;

/** A run whose jobs go on by themselves, as `runSlurm` returns it with `detach: true`. */
export interface SubmittedRun {
  /** Its id, for `furu follow` and `furu cancel`. */
  runId: string;
  /** Its folder. */
  runDir: string;
  /**
   * Ids of jobs. In DAG mode those of each artifact by its hash, also of jobs that were found in Slurm and
   * that somebody else had submitted. In a pool those of the first workers, by the names of the jobs.
   */
  jobIds: Record<string, string>;
  /**
   * The jobs of the roots, in the order given: `undefined` for a root that is stored already, and for all
   * roots of a pool.
   */
  rootJobIds: (string | undefined)[];
  /** The plan of the run. */
  plan: Plan;
}

const aCluster: OptionCheck = (value) =>
  typeof value === "string" && isClusterName(value) ? undefined : { must: "the name of one cluster" };

// What `configure` has, too, is checked with the rest of the configuration; specs with what the roots need.
const COMMON: OptionChecks<RunDagOptions> = {
  mode: oneOf("pool", "dag"),
  specs: anything,
  cluster: aCluster,
  detach: aBoolean,
  force: namesOfTasks,
  forceDependents: aBoolean,
  maxComputeRetries: anything,
  retryFailed: anything,
  maxPreemptRetries: anything,
  maxHeapMb: anything,
  maxTasksPerWorker: anything,
  maxWorkerMb: anything,
  squeueIntervalSec: someSeconds,
  priority: aPriority,
  notify: anything,
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
  limits: anything,
  launcher: oneOf("sbatch", "srun"),
  takeOver: aBoolean,
};

/**
 * Refuses what the types forbid and plain JavaScript can pass.
 *
 * @throws {ValidationError} Naming the option, its value and what is allowed.
 */
export function checkSlurmOptions(options: RunSlurmOptions): void {
  if (options?.mode !== "dag") {
    checkOptions("runSlurm", options, OF_POOL);
    if (options.launcher === "srun" && options.cluster !== undefined) {
      throw new ValidationError(
        `Cannot use cluster with launcher "srun": its workers are in the job that this process runs in`,
      );
    }
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
  const {
    maxComputeRetries,
    retryFailed,
    maxPreemptRetries,
    maxHeapMb,
    maxTasksPerWorker,
    maxWorkerMb,
    notify,
  } = options;
  const { pollIntervalSec, leaseSec, limits }: RunPoolOptions = options.mode === "dag" ? {} : options;
  const ofWorkers = { maxHeapMb, maxTasksPerWorker, maxWorkerMb };
  const overrides = {
    maxComputeRetries,
    retryFailed,
    maxPreemptRetries,
    notify,
    ...ofWorkers,
    pollIntervalSec,
    leaseSec,
    limits,
  };
  return Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
}
