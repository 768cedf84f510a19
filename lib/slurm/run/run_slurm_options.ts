import type { Config } from "../../core/config.ts";
import { ValidationError } from "../../core/errors.ts";
import type { EventSink } from "../../core/event.ts";
import { didYouMean } from "../../core/nearest.ts";
import type { Plan } from "../../plan/graph.ts";
import { checkChoices, type Window, windowSize } from "../../schedule/check_run.ts";
import type { SlurmSpecs } from "./check_specs.ts";

/** Options of `runSlurm` in both modes. */
export interface SlurmOptions {
  /** What jobs the tasks' specs stand for. @default `slurm.specs` in furu.json */
  specs?: SlurmSpecs;
  /** Is the run followed until it has ended? Else its jobs are submitted, and go on by themselves. @default true */
  wait?: boolean;
  /** Names of tasks to compute again although they are stored, or `"ALL"`. @default FURU_ALWAYS_RERUN */
  force?: "ALL" | string[];
  /** How often a failed computation is tried again, after the first attempt. @default FURU_MAX_COMPUTE_RETRIES, 3 */
  maxComputeRetries?: number;
  /** Is an artifact tried again whose latest attempt failed in an earlier run? @default FURU_RETRY_FAILED, true */
  retryFailed?: boolean;
  /** How often something is begun again that was preempted or reached its job's time limit. @default FURU_PREEMPT_MAX, 5 */
  preemptMax?: number;
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
  /** Seconds between two looks at the jobs. @default `slurm.intervalSec` in furu.json, 10 */
  intervalSec?: number;
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
  windowSize?: Window;
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

const POOL_ONLY = [
  "maxWorkers",
  "windowSize",
  "idleTimeoutSec",
  "pollIntervalSec",
  "leaseSec",
  "tasksPerWorker",
  "keepGoing",
  "launcher",
] as const satisfies (keyof RunPoolOptions)[];
const COMMON = [
  "mode",
  "specs",
  "wait",
  "force",
  "maxComputeRetries",
  "retryFailed",
  "preemptMax",
  "maxHeapMb",
  "maxTasksPerWorker",
  "maxWorkerMb",
  "intervalSec",
  "onEvent",
  "progress",
  "signal",
  "entry",
  "snapshot",
] as const satisfies (keyof SlurmOptions | "mode")[];

/**
 * Refuses what the types forbid and plain JavaScript can pass.
 *
 * @throws {ValidationError} naming the option, its value and what is allowed.
 */
export function checkSlurmOptions(options: RunSlurmOptions): void {
  const given: { readonly [name: string]: unknown } = { ...options };
  const isPool = given.mode === undefined || given.mode === "pool";
  oneOf("mode", given.mode, ["pool", "dag"]);
  checkNames(given, isPool);
  checkChoices(options);
  for (const name of ["wait", "keepGoing", "snapshot"]) {
    if (given[name] === undefined || typeof given[name] === "boolean") continue;
    throw refusal(name, given[name], "allowed are true and false");
  }
  seconds("intervalSec", given.intervalSec);
  if (!isPool) return;
  seconds("pollIntervalSec", given.pollIntervalSec);
  seconds("leaseSec", given.leaseSec);
  if (given.idleTimeoutSec !== 0) seconds("idleTimeoutSec", given.idleTimeoutSec, "seconds from 0");
  atLeastOne("tasksPerWorker", given.tasksPerWorker);
  oneOf("launcher", given.launcher, ["sbatch", "srun"]);
  checkWorkers(given.maxWorkers);
  if (given.windowSize !== undefined) windowSize(given.windowSize, "windowSize");
  if (given.launcher === "srun" && given.wait === false) {
    throw new ValidationError(
      `Cannot use wait false with launcher "srun": its workers end with the job that this process runs in`,
    );
  }
}

/** The configuration that the options stand for. */
export function slurmOverrides(options: RunSlurmOptions): Partial<Config> {
  const { maxComputeRetries, retryFailed, preemptMax, maxHeapMb, maxTasksPerWorker, maxWorkerMb } = options;
  const { pollIntervalSec, leaseSec }: RunPoolOptions = options.mode === "dag" ? {} : options;
  const ofWorkers = { maxHeapMb, maxTasksPerWorker, maxWorkerMb };
  const overrides = { maxComputeRetries, retryFailed, preemptMax, ...ofWorkers, pollIntervalSec, leaseSec };
  return Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
}

function checkNames(given: { readonly [name: string]: unknown }, isPool: boolean): void {
  const all: readonly string[] = [...COMMON, ...POOL_ONLY];
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!all.includes(name)) {
      throw new ValidationError(
        `Cannot use option '${name}' as runSlurm has none of that name${didYouMean(name, all)}`,
      );
    }
    if (isPool || (COMMON as readonly string[]).includes(name)) continue;
    throw new ValidationError(`Cannot use ${name} with mode "dag": it is an option of mode "pool"`);
  }
}

function checkWorkers(value: unknown): void {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return atLeastOne(
      "maxWorkers",
      value,
      "a whole number from 1, or such a number for each spec, is allowed",
    );
  }
  for (const [spec, count] of Object.entries(value)) {
    if (count === undefined) throw refusal(`maxWorkers.${spec}`, count, "a whole number from 1 is allowed");
    atLeastOne(`maxWorkers.${spec}`, count);
  }
}

function atLeastOne(name: string, value: unknown, allowed = "a whole number from 1 is allowed"): void {
  if (value === undefined || Number.isSafeInteger(value) && (value as number) >= 1) return;
  throw refusal(name, value, allowed);
}

function seconds(name: string, value: unknown, allowed = "seconds above 0"): void {
  if (value === undefined || typeof value === "number" && value > 0 && value < Infinity) return;
  throw refusal(name, value, `${allowed} are allowed`);
}

function oneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value as string)) return;
  const list = allowed.map((each) => `"${each}"`).join(" and ");
  throw refusal(name, value, `allowed are ${list}${didYouMean(String(value), allowed)}`);
}

function refusal(name: string, value: unknown, allowed: string): ValidationError {
  return new ValidationError(`Cannot use ${name} ${Deno.inspect(value)}: ${allowed}`);
}
