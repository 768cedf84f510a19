import type { Clock } from "../../core/system/clock.ts";
import type { SlurmClient } from "../../slurm/client/client.ts";

/** What Slurm is asked with. */
export interface QueueTools {
  /** Asks it. */
  client: Pick<SlurmClient, "listJobs" | "showJob" | "ended">;
  /** Time. */
  clock: Clock;
  /** Ends it with its reason. */
  signal: AbortSignal;
}

/** Seconds after which a list is not waited for any more. */
const LIST_LIMIT_SEC = 150;
const SACCT_LIMIT_SEC = 30;
const END_LIMIT_SEC = 60;
/** Milliseconds between two questions: more later on, so that nobody is bothered for long. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;

/**
 * Seconds until squeue's list, as a run asks for it, shows a job, or that it has ended.
 *
 * @param endedAt When it had ended, by the monotonic clock; nothing where it is to be shown at all.
 * @returns `null` where that did not happen in time.
 */
export async function untilSeen(tools: QueueTools, jobId: string, endedAt?: number): Promise<number | null> {
  const since = endedAt ?? tools.clock.monotonic();
  const at = await until(tools, LIST_LIMIT_SEC, async (signal) => {
    const rows = await tools.client.listJobs({ mineAnd: [] }, { signal });
    const row = rows?.find((each) => each.jobId === jobId);
    if (endedAt === undefined) return row !== undefined;
    return rows !== undefined && (row === undefined || row.state.status === "dead");
  });
  return at === undefined ? null : (at - since) / 1000;
}

/** When Slurm's controller said that a job had ended; nothing where it did not. */
export async function untilEnded(tools: QueueTools, jobId: string): Promise<number | undefined> {
  return await until(tools, END_LIMIT_SEC, async (signal) => {
    const jobs = await tools.client.showJob(jobId, signal);
    return jobs !== undefined && jobs.every(({ state }) => state.status === "dead");
  });
}

/** Seconds until sacct told that a job had ended; `null` where it did not in time. */
export async function untilTold(tools: QueueTools, jobId: string, endedAt: number): Promise<number | null> {
  const at = await until(tools, SACCT_LIMIT_SEC, async (signal) => {
    const jobs = await tools.client.ended([jobId], signal);
    return jobs?.some(({ state }) => state.status === "dead") ?? false;
  });
  return at === undefined ? null : (at - endedAt) / 1000;
}

/** Asks again and again. An answer counts for the moment at which it was asked for. */
async function until(
  { clock, signal }: QueueTools,
  limitSec: number,
  ask: (signal: AbortSignal) => Promise<boolean>,
): Promise<number | undefined> {
  const ends = clock.monotonic() + limitSec * 1000;
  for (let pause = FIRST_PAUSE_MS;; pause = Math.min(pause * 1.3, LONGEST_PAUSE_MS)) {
    const askedAt = clock.monotonic();
    if (await ask(signal)) return askedAt;
    if (clock.monotonic() > ends) return undefined;
    await clock.sleep(pause, signal);
  }
}
