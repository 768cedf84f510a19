import type { Config } from "../core/config.ts";
import { ValidationError } from "../core/errors.ts";
import type { EventSink } from "../core/event.ts";
import type { Hash } from "../core/hash.ts";
import type { Plan } from "../plan/graph.ts";
import { checkChoices } from "../schedule/check_options.ts";
import type { SlurmSpecs } from "./check_specs.ts";

/** Options of `runSlurm`. */
export interface RunSlurmOptions {
  /** One job for each artifact, each waiting for those that it needs. The only mode so far. */
  mode: "dag";
  /** What jobs the tasks' specs stand for. @default `slurm.specs` in furu.json */
  specs?: SlurmSpecs;
  /** Is the run followed until it has ended? Else the jobs are submitted, and go on by themselves. @default true */
  wait?: boolean;
  /** Names of tasks to compute again although they are stored, or `"ALL"`. @default FURU_ALWAYS_RERUN */
  force?: "ALL" | string[];
  /** How often a failed computation is tried again, after the first attempt. @default FURU_MAX_COMPUTE_RETRIES, 3 */
  maxComputeRetries?: number;
  /** Is an artifact tried again whose latest attempt failed in an earlier run? @default FURU_RETRY_FAILED, true */
  retryFailed?: boolean;
  /** How often a job is begun again that was preempted or reached its time limit. @default FURU_PREEMPT_MAX, 5 */
  preemptMax?: number;
  /** Seconds between two looks at the jobs. @default `slurm.intervalSec` in furu.json, 10 */
  intervalSec?: number;
  /** Told what happens. */
  onEvent?: EventSink;
  /** How the run shows itself, on stderr (`"json"`: on stdout). @default "auto" */
  progress?: "auto" | "plain" | "quiet" | "json" | "none";
  /** Ends the run: what it submitted is cancelled, and the signal's reason is thrown. */
  signal?: AbortSignal;
  /** URL of the module that defines the tasks, where it is not the main module. @default Deno.mainModule */
  entry?: string;
}

/** A run whose jobs go on by themselves. */
export interface SubmittedRun {
  /** Its id, for `furu follow` and `furu cancel`. */
  runId: string;
  /** Its folder. */
  runDir: string;
  /** The job of each artifact, by its hash; also those found in Slurm that somebody else had submitted. */
  jobIds: Record<Hash, string>;
  /** The jobs of the roots, in the order given; `undefined` for one that is stored already. */
  rootJobIds: (string | undefined)[];
  /** What was planned. */
  plan: Plan;
}

/**
 * Refuses what the types forbid and plain JavaScript can pass.
 *
 * @throws {ValidationError} naming the option, its value and what is allowed.
 */
export function checkSlurmOptions(options: RunSlurmOptions): void {
  const given: { mode?: unknown; wait?: unknown; intervalSec?: unknown } = options ?? {};
  const { mode, wait, intervalSec } = given;
  if (mode !== "dag") {
    throw new ValidationError(
      mode === "pool" || mode === undefined
        ? `Cannot use mode ${Deno.inspect(mode)}: the pool is not there yet, use mode: "dag"`
        : `Cannot use mode ${Deno.inspect(mode)}: allowed is "dag"`,
    );
  }
  checkChoices(options);
  if (wait !== undefined && typeof wait !== "boolean") {
    throw new ValidationError(`Cannot use wait ${Deno.inspect(wait)}: allowed are true and false`);
  }
  if (intervalSec !== undefined && !(typeof intervalSec === "number" && intervalSec > 0)) {
    throw new ValidationError(
      `Cannot use intervalSec ${Deno.inspect(intervalSec)}: seconds above 0 are allowed`,
    );
  }
}

/** The configuration that the options stand for. */
export function slurmOverrides(
  { maxComputeRetries, retryFailed, preemptMax }: RunSlurmOptions,
): Partial<Config> {
  return {
    ...(maxComputeRetries === undefined ? {} : { maxComputeRetries }),
    ...(retryFailed === undefined ? {} : { retryFailed }),
    ...(preemptMax === undefined ? {} : { preemptMax }),
  };
}
