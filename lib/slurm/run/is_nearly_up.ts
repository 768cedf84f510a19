import type { SlurmJob } from "../../store/record.ts";
import type { SlurmClient } from "../client/client.ts";
import { signalLeadSec } from "../client/job_options.ts";

/**
 * Whether a warning of the time limit is to be heeded. One that comes with much more time left than it was
 * asked for is not Slurm's; Slurm's own comes up to a minute early.
 *
 * @param client Asks Slurm for the job's end.
 * @param slurm The job that was warned.
 * @param timeMin The job's time limit in minutes.
 */
export async function isNearlyUp(
  client: SlurmClient,
  slurm: SlurmJob,
  timeMin: number | undefined,
): Promise<boolean> {
  if (timeMin === undefined) return true;
  const details = await client.showJob(slurm.jobId);
  const end = Date.parse(details?.find(({ name }) => name === slurm.name)?.endTime ?? "");
  if (Number.isNaN(end)) return true;
  const lead = signalLeadSec(timeMin);
  const leftSec = (end - client.clock.now()) / 1000;
  return leftSec <= Math.max(2 * lead, lead + 75);
}
