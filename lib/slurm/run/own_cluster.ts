import { SlurmError } from "../../core/errors.ts";
import type { Clock } from "../../core/system/clock.ts";
import type { RunLog } from "../../core/run_log.ts";
import type { SlurmClient } from "../client/client.ts";

/** Options of {@link ownCluster}. */
export interface OwnClusterOptions {
  /** Asks Slurm. */
  client: Pick<SlurmClient, "cluster" | "noCluster">;
  /** Time. */
  clock: Clock;
  /** What cannot be done without it, as "submit jobs". */
  action: string;
  /**
   * Told that Slurm does not answer.
   *
   * @default {nobody}
   */
  log?: Pick<RunLog, "warn"> | undefined;
  /**
   * Milliseconds for which Slurm is asked.
   *
   * @default {600000}
   */
  limitMs?: number | undefined;
  /** Ends the waiting with its reason. */
  signal?: AbortSignal | undefined;
}

/** The pause between two questions. */
const PAUSE_MS = 1000;
/** Silence that is worth a word. */
const NOTICE_MS = 5000;
/** What cannot change by itself: no cluster is reached from a machine without Slurm's programs. */
const NO_PROGRAM = /there is no program '[^']*' on PATH/;

/**
 * The name of the cluster that jobs are submitted to from here. Slurm is asked until it says so: a job whose
 * cluster nobody knows can never be cancelled.
 *
 * @throws {SlurmError} If it does not answer in time; at once where there is no Slurm.
 * @throws The signal's reason when it aborts.
 */
export async function ownCluster(
  { client, clock, action, log, limitMs = 600_000, signal }: OwnClusterOptions,
): Promise<string> {
  const began = clock.monotonic();
  for (let told = false;;) {
    const name = await client.cluster();
    if (name !== undefined) return name;
    const { noCluster } = client;
    const missing = NO_PROGRAM.exec(noCluster ?? "");
    if (missing) {
      throw new SlurmError(
        `Cannot ${action} as ${missing[0]}: go to a machine of the cluster, or have its programs on PATH`,
      );
    }
    const waited = clock.monotonic() - began;
    const why = noCluster === undefined ? "" : `: ${noCluster}`;
    if (waited >= limitMs) {
      throw new SlurmError(
        `Cannot ${action} as Slurm does not say which cluster this is: for ${Math.round(waited / 1000)} s ` +
          `"scontrol show config" has not told a ClusterName${why}`,
      );
    }
    if (!told && waited >= NOTICE_MS) {
      log?.warn(`Slurm does not say which cluster this is (scontrol show config)${why}: it is asked again`);
      told = true;
    }
    await clock.sleep(PAUSE_MS, signal);
  }
}
