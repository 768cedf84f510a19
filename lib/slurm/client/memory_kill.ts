/** What slurmstepd and the kernel's accounting write into a job's log when it used more memory than it had asked for. */
const LINES =
  /^slurmstepd\S*: error: .*(exceeded (job |step )?memory limit|Exceeded job memory limit|oom[-_ ]?kill|out[- ]of[- ]memory)/i;

/**
 * What a job's log says of an end for want of memory. Not every site makes such a job OUT_OF_MEMORY: where the accounting
 * kills it (`OverMemoryKill`) it is FAILED with JobLaunchFailure, as one whose log folder is missing.
 *
 * @returns The first such line; `undefined` when there is none.
 */
export function memoryKill(log: string): string | undefined {
  return log.split("\n").find((line) => LINES.test(line))?.trim();
}
