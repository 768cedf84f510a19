import { join } from "@std/path/posix/join";
import { SlurmError } from "../../core/errors.ts";

/**
 * Pattern for `--output` of a job's log: `<folder>/<name>.<id>.log`, or with the id of the array and the
 * index.
 *
 * @param folder An absolute path; made before submitting, or the job fails without a word.
 * @throws {SlurmError} for a folder with a backslash, in which Slurm replaces nothing.
 */
export function logPattern(folder: string, name: string, isArray = false): string {
  if (folder.includes("\\")) {
    throw new SlurmError(
      `Cannot keep Slurm's logs in ${folder} as its path has a backslash: Slurm fills in no job id`,
    );
  }
  return join(folder.replaceAll("%", "%%"), `${name}.${isArray ? "%A_%a" : "%j"}.log`);
}

/** The log of one job of a {@link logPattern}. */
export function logPath(folder: string, name: string, jobId: string, index?: number): string {
  return join(folder, `${name}.${jobId}${index === undefined ? "" : `_${index}`}.log`);
}

/** The path of a job's batch script: beside its log. */
export function scriptPath(folder: string, name: string): string {
  return join(folder, `${name}.sh`);
}

/**
 * Lines that slurmstepd and the kernel's accounting write into a job's log when it used more memory than it
 * had asked for.
 */
const LINES =
  /^slurmstepd\S*: error: .*(exceeded (job |step )?memory limit|Exceeded job memory limit|oom[-_ ]?kill|out[- ]of[- ]memory)/i;

/**
 * Finds the words in a job's log about an end for want of memory. Not every site makes such a job
 * OUT_OF_MEMORY: where the accounting kills it (`OverMemoryKill`) it is FAILED with JobLaunchFailure, as one
 * whose log folder is missing.
 *
 * @returns The first such line; `undefined` when there is none.
 */
export function memoryKill(log: string): string | undefined {
  return log.split("\n").find((line) => LINES.test(line))?.trim();
}

/** The first words of a worker in its log: it has begun. */
export const WORKER_MARK = "furu worker ";
