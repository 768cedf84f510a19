import type { Clock } from "../../core/system/clock.ts";
import { SlurmError } from "../../core/errors.ts";
import { type JobEntry, MAX_NAME_LENGTH, parseSubmitted, type SubmittedJob } from "./parse_jobs.ts";
import type { ProgramResult } from "./program.ts";

/** A job to be submitted. */
export interface Submission {
  /** Path of its batch script. */
  script: string;
  /** Unique for ever: by it the job is found again when the answer is lost. */
  name: string;
  /** Options for sbatch, but the name: see {@link jobOptions}. */
  options: readonly string[];
  /**
   * Milliseconds for which a submit limit is waited out.
   *
   * @default {the client's}
   */
  limitMs?: number | undefined;
  /** Stops waiting. What was submitted already stays. */
  signal?: AbortSignal | undefined;
  /** Called before each pause. */
  onWait?: ((wait: SubmitWait) => void) | undefined;
}

/** A pause of a submission, for the progress. */
export interface SubmitWait {
  /** The job's name. */
  name: string;
  /** A limit of the site, or trouble on the way to the controller. */
  why: "limit" | "unclear";
  /** Slurm's own words. */
  text: string;
  /** Milliseconds until it goes on. */
  waitMs: number;
}

/** A limit of the site was not waited out any longer: the job is not in Slurm. */
export class SubmitLimitError extends SlurmError {}

/** Sbatch refused a job, or is not there: the job is not in Slurm. */
export class SubmitRefusedError extends SlurmError {}

/** What {@link submitJob} works with. */
export interface SubmitTools {
  /** Time. */
  clock: Clock;
  /** Runs sbatch with these arguments. */
  sbatch(args: readonly string[], signal?: AbortSignal): Promise<ProgramResult>;
  /** All jobs of that name, asked of the controller itself; `undefined` when it does not say. */
  lookup(name: string, signal?: AbortSignal): Promise<JobEntry[] | undefined>;
  /** Milliseconds between two looks for a job that may still arrive. */
  intervalMs: number;
  /** Milliseconds for which a submit limit is waited out. */
  limitMs: number;
  /** Milliseconds for which an unclear answer is cleared up. */
  unclearMs: number;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Submits a job exactly once, however sbatch answers: before it is submitted again it is looked for, until
 * that is clear where the request may still be under way.
 *
 * @throws {SlurmError} with sbatch's own words: refused, or not cleared up in time (then the job may exist).
 */
export async function submitJob(submission: Submission, tools: SubmitTools): Promise<SubmittedJob> {
  const { script, name, options, signal } = submission;
  checkName(name);
  const { clock } = tools;
  const begun = clock.monotonic();
  let pauseMs = FIRST_PAUSE_MS;
  while (true) {
    const result = await tools.sbatch(["--parsable", `--job-name=${name}`, ...options, script], signal);
    const submitted = result.code === 0 ? parseSubmitted(result.stdout) : undefined;
    if (submitted) return submitted;
    const failure = submitFailure(result);
    const words = wordsOf(result);
    // Nobody was asked: where there is no sbatch, nothing else would answer either.
    if (failure === "missing") throw new SubmitRefusedError(`Cannot submit ${name} as ${words}`);
    const found = failure === "unclear"
      ? await clearUp(submission, tools, words)
      : await foundJob(submission, tools);
    if (found) return found;
    if (failure === "refused") {
      throw new SubmitRefusedError(`Cannot submit ${name} as sbatch refuses it: ${words}`);
    }
    const waitedMs = clock.monotonic() - begun;
    const atMost = failure === "limit" ? submission.limitMs ?? tools.limitMs : tools.unclearMs;
    if (waitedMs + pauseMs > atMost) {
      const Failure = failure === "limit" ? SubmitLimitError : SlurmError;
      const since = waitedMs < 1000
        ? "does not take it"
        : `has not taken it for ${Math.round(waitedMs / 1000)} s`;
      throw new Failure(`Cannot submit ${name} as sbatch ${since}: ${words}`);
    }
    submission.onWait?.({ name, why: failure, text: words, waitMs: pauseMs });
    await clock.sleep(pauseMs, signal);
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
}

/** Looks once for a job that sbatch says it has not taken. Where Slurm does not tell, that is believed. */
async function foundJob(
  { name, signal }: Submission,
  { lookup }: SubmitTools,
): Promise<SubmittedJob | undefined> {
  return takenOf(await lookup(name, signal));
}

/** Slurm also keeps a record of a job that it refused as impossible: sbatch has told of that one. */
function takenOf(entries: readonly JobEntry[] | undefined): SubmittedJob | undefined {
  const found = entries?.find(({ state }) => !(state.status === "dead" && state.reason === "refused"));
  return found && { jobId: found.jobId };
}

/**
 * Looks for a job that Slurm may or may not have, or get any moment: until it is found, or was absent from
 * two answers with some time between.
 */
async function clearUp(
  submission: Submission,
  tools: SubmitTools,
  words: string,
): Promise<SubmittedJob | undefined> {
  const { name, signal, onWait } = submission;
  const { clock, lookup, intervalMs, unclearMs } = tools;
  const begun = clock.monotonic();
  for (let since: number | undefined;;) {
    const askedAt = clock.monotonic();
    const entries = await lookup(name, signal);
    const found = takenOf(entries);
    if (found) return found;
    if (entries) {
      since ??= askedAt;
      if (askedAt - since >= intervalMs) return undefined;
    }
    if (clock.monotonic() - begun > unclearMs) {
      throw new SlurmError(
        `Cannot tell whether ${name} was submitted as Slurm does not answer either: it may be in Slurm under that name; ` +
          `sbatch said: ${words}`,
      );
    }
    onWait?.({ name, why: "unclear", text: words, waitMs: intervalMs });
    await clock.sleep(intervalMs, signal);
  }
}

function checkName(name: string): void {
  // A comma separates names for squeue; a name cut short in the listing would be another one.
  if (/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) && name.length <= MAX_NAME_LENGTH) return;
  throw new SlurmError(
    `Cannot use job name '${name}' as it must be one word of [A-Za-z0-9_.-] with at most ${MAX_NAME_LENGTH} characters`,
  );
}

function wordsOf({ code, stdout, stderr, timedOut }: ProgramResult): string {
  const said = stderr.trim() || stdout.trim().slice(0, 500);
  if (timedOut) return said === "" ? "it did not answer in time" : `it did not answer in time: ${said}`;
  return said || (code === undefined ? "it was killed" : `it ended with exit code ${code} and said nothing`);
}

/**
 * The meaning of a failed sbatch. *limit*: a limit of the site or the controller, or another cluster that
 * cannot be reached, to be waited out.
 * *unclear*: the controller may or may not have taken the job. *refused*: trying again gives the same.
 * *missing*: so it does, as there is no sbatch.
 */
export type SubmitFailure = "limit" | "unclear" | "refused" | "missing";

/**
 * `QOSMaxSubmitJobPerUserLimit`, `AssocMaxSubmitJobLimit`, `MaxSubmitJobsPerAccount`,
 * `AssocGrpSubmitJobsLimit`, `QOSGrpSubmitJobsLimit`, MaxJobCount, a busy controller.
 */
const LIMIT =
  /(Max|Grp)SubmitJob|job submit limit|temporarily unable to accept job|Resource temporarily unavailable|too many (jobs|requests)|Rate limit/i;

/** Messages about the way to the controller. */
const UNCLEAR =
  /Unable to contact slurm controller|Socket timed out|Zero Bytes were transmitted|Connection (refused|reset|timed out)|Transport endpoint|Communication (connection )?failure|Unexpected message received|Message receive failure|Slurm backup controller in standby|Invalid authentication credential|Protocol authentication error|Munge (en|de)code failed|Incompatible versions|System call interrupted/i;

/** Messages about the way to another cluster, to which nothing was sent: it may be there again later. */
const UNREACHED = /problem talking to the database|can't be reached now/i;

/** A cluster that there is none of: sbatch says that it cannot be reached, too. */
const NO_CLUSTER = /No cluster '.*' known by database/;

/** Messages that say what cannot be, though they mention a limit. */
const NEVER = /time limit|size and\/or time limits\)?\s*$/i;

/** Judges an sbatch that gave no job id. */
export function submitFailure({ code, stderr, timedOut }: ProgramResult): SubmitFailure {
  if (LIMIT.test(withoutPolicy(stderr))) return "limit";
  if (code === undefined && stderr.includes("there is no program")) return "missing";
  if (timedOut || code === undefined) return "unclear";
  if (NO_CLUSTER.test(stderr)) return "refused";
  if (UNREACHED.test(stderr)) return "limit";
  if (UNCLEAR.test(stderr)) return "unclear";
  // It ended well but gave no id: who knows what a site's wrapper around it has done.
  return code === 0 ? "unclear" : "refused";
}

/**
 * The general sentence after any violated policy names the submit limit as one of several: it says nothing.
 */
function withoutPolicy(stderr: string): string {
  return stderr.split("\n").filter((line) => !NEVER.test(line)).join("\n");
}
