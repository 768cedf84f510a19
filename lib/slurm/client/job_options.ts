import { SlurmError } from "../../core/errors.ts";
import { type ParsedSpec, type SbatchOption, sbatchOptions } from "./spec.ts";
import { signalLeadSec } from "./job_time.ts";

/** A job for {@link jobOptions}. */
export interface JobPlan {
  /**
   * The name that furu gives it.
   *
   * @default {no comment says it}
   */
  name?: string | undefined;
  /** Its resources. */
  spec: ParsedSpec;
  /** Pattern of its output file: see {@link logPattern}. */
  log: string;
  /**
   * Ids of the jobs that must have succeeded before.
   *
   * @default {none}
   */
  afterOk?: readonly string[] | undefined;
  /**
   * Ids of the jobs that must have ended before, however.
   *
   * @default {none}
   */
  afterAny?: readonly string[] | undefined;
  /**
   * Whether Slurm may begin it again after a preemption or the failure of a node. Its output is appended
   * then.
   */
  requeue: boolean;
  /** The indices of an array, as `0-99`. */
  array?: string | undefined;
}

/** The kernel takes no longer argument. */
const MAX_ARGUMENT = 128 * 1024 - 1;

/**
 * All options of sbatch for a job, but `--job-name`. What the spec's `extra` has comes last, and replaces
 * what furu would give.
 *
 * @throws {SlurmError} when it depends on more jobs than one argument can name (some 12,000).
 */
export function jobOptions(job: JobPlan): string[] {
  const own: SbatchOption[] = [
    // By this a job is found and known where a site rewrites the names of jobs.
    ["comment", job.name === undefined ? undefined : jobComment(job.name)],
    ["output", job.log],
    ["input", "/dev/null"],
    ["export", "ALL"],
    [job.requeue ? "requeue" : "no-requeue", true],
    ["open-mode", job.requeue ? "append" : undefined],
    ["signal", `B:USR1@${signalLeadSec(job.spec.timeMin)}`],
    // Without it a job whose dependency failed stays pending for ever.
    ["kill-on-invalid-dep", "yes"],
    ["dependency", dependencyText(job)],
    ["array", job.array],
  ];
  return sbatchOptions(job.spec, own);
}

const COMMENT = "furu:";

/** The comment of a job that furu submits: the name that furu gave it. */
export function jobComment(name: string): string {
  return `${COMMENT}${name}`;
}

/** The name that furu gave a job, by its comment, to which a site may have added words, if that says so. */
export function nameInComment(comment: string | undefined): string | undefined {
  const word = comment?.split(/[\s,;]+/).find((each) => each.startsWith(COMMENT));
  return word?.slice(COMMENT.length);
}

function dependencyText({ afterOk = [], afterAny = [] }: JobPlan): string | undefined {
  const parts = [["afterok", afterOk], ["afterany", afterAny]] as const;
  const text = parts.filter(([, ids]) => ids.length > 0)
    .map(([kind, ids]) => [kind, ...new Set(ids)].join(":")).join(",");
  if (text.length + "--dependency=".length > MAX_ARGUMENT) {
    throw new SlurmError(
      `Cannot submit a job with ${
        afterOk.length + afterAny.length
      } dependencies as one argument of sbatch cannot name ` +
        `them all (${text.length} of ${MAX_ARGUMENT} bytes): put artifacts between that collect some of them, or use ` +
        `mode "pool"`,
    );
  }
  return text === "" ? undefined : text;
}

/**
 * Splits jobs of one kind into arrays.
 *
 * @param count How many jobs.
 * @param maxArraySize Slurm's MaxArraySize: indices go up to one less.
 * @returns What `--array` takes for each: `["0-1000", "0-199"]`. Empty where Slurm has arrays switched off
 * (0).
 */
export function arrayRanges(count: number, maxArraySize: number): string[] {
  const ranges: string[] = [];
  for (let left = maxArraySize > 0 ? count : 0; left > 0; left -= maxArraySize) {
    ranges.push(`0-${Math.min(left, maxArraySize) - 1}`);
  }
  return ranges;
}
