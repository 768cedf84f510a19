import { ValidationError } from "./errors.ts";
import { didYouMean, nearest } from "./nearest.ts";
import type { NotifyTarget } from "./settings/notify_setting.ts";

/** Settings of runs on Slurm, the same for all of them. */
export interface SlurmSettings {
  /**
   * The jobs that the tasks' specs stand for, by name, as `specs` of `runSlurm`. They are checked when they
   * are used.
   *
   * @default {none}
   */
  specs?: Record<string, unknown>;
  /**
   * Seconds between two looks at the jobs.
   *
   * @default {10}
   */
  squeueIntervalSec?: number;
  /**
   * Seconds for which jobs that Slurm refuses (a limit, a partition that is down) are submitted again when
   * the run has nothing else to do any more; as long as it has, they are in any case. Then the tasks that
   * need them fail.
   *
   * @default {3600}
   */
  refusalSec?: number;
  /**
   * Whether jobs can submit jobs. Where they cannot, a detached run of a pool has all its workers submitted
   * when it begins.
   *
   * @default {true}
   */
  nodesSubmit?: boolean;
}

/** Names of the tasks to compute again although they are stored, or `"ALL"` for every task. */
export type ForcedTasks = "ALL" | string[];

/**
 * Options of `configure`, which are also the names in `furu.json`. Durations are in seconds. Without an
 * option its environment variable counts (`FURU_LEASE_SECS` for `leaseSec`), then `furu.json`, then the
 * default.
 */
export interface ConfigOptions {
  /**
   * The folder of the store. `~` is your home, a relative path starts at the current folder of the call.
   *
   * @default {`furu-data` beside the nearest deno.json, deno.jsonc or git root}
   */
  root?: string;
  /**
   * The folder for the output of Slurm itself.
   *
   * @default {`slurm` in the root}
   */
  slurmRoot?: string;
  /**
   * The folder on each machine in which attempts have their `ctx.scratchDir`. Variables in it (`$USER`,
   * `${SLURM_JOB_ID}`) have the values that they have there; where one is not set the default holds.
   *
   * @default {`SLURM_TMPDIR`, else `TMPDIR`, else `/tmp`}
   */
  scratchDir?: string;
  /**
   * Whether an artifact whose latest attempt failed in an earlier run is tried again.
   *
   * @default {true}
   */
  retryFailed?: boolean;
  /**
   * Whether a stored result that is damaged (its record torn or edited, its files gone or cut) is computed
   * again. Else it is an error that names the file. Meant for stores on a disk that somebody cleans up.
   *
   * @default {false}
   */
  recomputeDamaged?: boolean;
  /**
   * The number of times that a run tries a failed computation again, after the first attempt.
   *
   * @default {3}
   */
  maxComputeRetries?: number;
  /**
   * The number of times that a run tries an artifact again after it lost its process through no fault of its
   * own, as when its job was preempted or its node failed.
   *
   * @default {5}
   */
  maxPreemptRetries?: number;
  /**
   * The default of `force` for every run: the tasks that each run computes anew, once.
   *
   * @default {none}
   */
  alwaysRerun?: ForcedTasks;
  /**
   * Seconds for which a claim counts without a heartbeat.
   *
   * @default {120}
   */
  leaseSec?: number;
  /**
   * Seconds between two heartbeats, at most half of the lease.
   *
   * @default {a third of the lease}
   */
  heartbeatSec?: number;
  /**
   * Seconds for which a run watches somebody else's attempt without seeing any change.
   *
   * @default {1800}
   */
  staleAfterSec?: number;
  /**
   * Seconds for which a `get` outside of tasks waits for somebody else's attempt.
   *
   * @default {600}
   */
  maxWaitSec?: number;
  /**
   * The longest time between two looks at what others do, in seconds.
   *
   * @default {2}
   */
  pollIntervalSec?: number;
  /**
   * The number of `create`s that run at the same time where `get` computes, outside of runs. One that waits
   * for another `get` does not count.
   *
   * @default {32, or the number of cores where that is more}
   */
  maxCreates?: number;
  /**
   * The units that there are of each limit, by name: tasks that say that they take some (`limits` of
   * `defineTask`) take no more at once, over all workers of a run. Those of several places add up, by name.
   *
   * @default {none}
   */
  limits?: Record<string, number>;
  /**
   * Megabytes for V8's heap, which has all objects and strings, in each process that computes. Typed arrays
   * and buffers are outside of it.
   *
   * @default {V8's own limit; in a Slurm job what the spec's `memGb` leaves for it}
   */
  maxHeapMb?: number;
  /**
   * The number of tasks after which a process that computes is replaced by a new one.
   *
   * @default {no limit}
   */
  maxTasksPerWorker?: number;
  /**
   * Megabytes of memory: a process that computes and has more after a task is replaced by a new one.
   *
   * @default {256, or twice what such a process has after its first task where that is more}
   */
  maxWorkerMb?: number;
  /**
   * The least important messages that are logged.
   *
   * @default {"info"}
   */
  logLevel?: "debug" | "info" | "warn" | "error";
  /**
   * When git is asked for the commit and state that records hold: once per process, never, or for each
   * record.
   *
   * @default {"cached"}
   */
  recordGit?: "cached" | "ignore" | "uncached";
  /**
   * Who is told when a run has ended, or the first of its artifacts has failed for good: a URL, or a command,
   * which is given a line of JSON.
   *
   * @default {nobody}
   */
  notify?: NotifyTarget | false;
  /**
   * Settings of runs on Slurm.
   *
   * @default {none}
   */
  slurm?: SlurmSettings;
}

/** Why a value is refused. */
export interface OptionFault {
  /** What the value must be: goes on from "as it must be". */
  readonly must: string;
  /** The part of the option concerned, as `.gpu`. */
  readonly at?: string | undefined;
  /** The value of that part. */
  readonly value?: unknown;
}

/** Checks the value of an option, which is given. */
export type OptionCheck = (value: unknown) => OptionFault | undefined;

/** A check for every option of a function, so that none of its type can be forgotten. */
export type OptionChecks<O> = Readonly<Record<keyof O & string, OptionCheck>>;

/** Options by their former names, and what there is instead. */
const RENAMED: Readonly<Record<string, string>> = {
  intervalSec: "its name is 'squeueIntervalSec'",
  preemptMax: "its name is 'maxPreemptRetries'",
  wait: "use 'detach', which says the opposite",
  windowSize: "its name is 'window'",
};

/**
 * Refuses what the types forbid and plain JavaScript can pass, so that no option is silently ignored.
 *
 * @param call The function, for the error: `runLocal`.
 * @param checks What its options must be. One that is `undefined` counts as not given.
 * @throws {ValidationError} naming the option with the nearest name or with its value, and what is allowed.
 */
export function checkOptions<O>(call: string, options: O, checks: OptionChecks<O>): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const value = Deno.inspect(options, { depth: 1 });
    throw new ValidationError(
      `Cannot use the options of ${call} as they must be an object: they are ${value}`,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(checks, name)) {
      throw new ValidationError(
        `Cannot use option '${name}' of ${call}: ${unknownOption(name, Object.keys(checks))}`,
      );
    }
    const fault = checks[name as keyof typeof checks](value);
    if (fault === undefined) continue;
    const { must, at = "" } = fault;
    const shown = Deno.inspect("value" in fault ? fault.value : value, { depth: 1 });
    throw new ValidationError(
      `Cannot use option '${name}${at}' of ${call} as it must be ${must}: current value is ${shown}`,
    );
  }
}

/** What to say of an option that there is none of. */
export function unknownOption(name: string, known: readonly string[]): string {
  const renamed = Object.hasOwn(RENAMED, name) ? RENAMED[name] : undefined;
  if (renamed !== undefined && known.some((each) => renamed.includes(`'${each}'`))) return renamed;
  const near = nearest(name, known);
  return near === undefined
    ? `options are ${known.join(", ")}`
    : `did you mean '${near}'? Options are ${known.join(", ")}`;
}

/** Any value: it is checked where it is used. */
export const anything: OptionCheck = () => undefined;

/** `true` or `false`. */
export const aBoolean: OptionCheck = (value) =>
  typeof value === "boolean" ? undefined : { must: "true or false" };

/** A text. */
export const aString: OptionCheck = (value) => typeof value === "string" ? undefined : { must: "a string" };

/** A function. */
export const aFunction: OptionCheck = (value) =>
  typeof value === "function" ? undefined : { must: "a function" };

/** A whole number from 1. */
export const aCount: OptionCheck = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 1 ? undefined : { must: "a whole number from 1" };

/** Seconds above 0. */
export const someSeconds: OptionCheck = (value) =>
  typeof value === "number" && value > 0 && value < Infinity ? undefined : { must: "seconds above 0" };

/** Seconds from 0. */
export const secondsFromZero: OptionCheck = (value) =>
  value === 0 || someSeconds(value) === undefined ? undefined : { must: "seconds from 0" };

/** An `AbortSignal`. */
export const aSignal: OptionCheck = (value) =>
  typeof value === "object" && value !== null && "aborted" in value && "addEventListener" in value
    ? undefined
    : { must: "an AbortSignal" };

/** One of some words. */
export function oneOf(...words: readonly string[]): OptionCheck {
  return (value) => {
    if (words.includes(value as string)) return undefined;
    const list = words.map((word) => `"${word}"`).join(", ");
    return { must: `one of ${list}${typeof value === "string" ? didYouMean(value, words) : ""}` };
  };
}

/** A whole number from 1, or such a number for each spec. */
export const countBySpec: OptionCheck = (value) => {
  if (aCount(value) === undefined) return undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { must: "a whole number from 1, or such a number for each spec" };
  }
  for (const [spec, count] of Object.entries(value)) {
    const fault = aCount(count);
    if (fault) return { ...fault, at: `.${spec}`, value: count };
  }
  return undefined;
};

/** Names of tasks, or `"ALL"`. */
export const namesOfTasks: OptionCheck = (value) =>
  value === "ALL" || (Array.isArray(value) && value.every((name) => typeof name === "string"))
    ? undefined
    : { must: 'a list of task names, or "ALL" alone' };
