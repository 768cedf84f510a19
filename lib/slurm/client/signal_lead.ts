/**
 * How long before its time limit a job is warned, for `--signal=B:USR1@<lead>`: two minutes, but at most a quarter of the
 * time. Slurm sends it up to a minute earlier.
 *
 * @param timeMin The job's time limit in minutes.
 * @returns Seconds, at least 1.
 */
export function signalLeadSec(timeMin: number): number {
  return Math.max(1, Math.floor(Math.min(120, timeMin * 60 / 4)));
}
