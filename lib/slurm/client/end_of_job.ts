import type { Clock } from "../../core/system/clock.ts";
import type { SlurmJob } from "../../store/record.ts";
import type { SlurmClient } from "./client.ts";

/** What is known of a job that began just now. */
export interface EndOfJobOptions {
  /** The environment of its process. */
  env: Readonly<Record<string, string>>;
  /** The job, where it is one of ours. */
  slurm: SlurmJob | undefined;
  /** Asks Slurm. */
  client: Pick<SlurmClient, "showJob">;
  /** Minutes that were asked for. */
  timeMin: number | undefined;
}

/**
 * When the Slurm job of this process ends: as Slurm told it, else as Slurm answers, else by what was asked for.
 *
 * @returns In milliseconds of the clock's monotonic scale; `undefined` outside of Slurm.
 */
export async function endOfJob(
  clock: Clock,
  { env, slurm, client, timeMin }: EndOfJobOptions,
): Promise<number | undefined> {
  if (env.SLURM_JOB_ID === undefined) return undefined;
  const fromNow = (atMs: number): number => clock.monotonic() + atMs - clock.now();
  // Versions from 22.05 on; in seconds.
  const told = Number(env.SLURM_JOB_END_TIME);
  if (told > 0) return fromNow(told * 1000);
  const began = clock.monotonic();
  const jobId = slurm?.jobId ?? env.SLURM_JOB_ID;
  const details = await client.showJob(jobId).catch(() => undefined);
  const detail = slurm ? details?.find(({ name }) => name === slurm.name) : details?.[0];
  const answered = Date.parse(detail?.endTime ?? "");
  if (!Number.isNaN(answered)) return fromNow(answered);
  return slurm && timeMin !== undefined ? began + timeMin * 60_000 : undefined;
}
