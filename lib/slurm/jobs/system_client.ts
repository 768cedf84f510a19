import { environmentVariables } from "../../core/environment.ts";
import { systemClock } from "../../core/system/clock.ts";
import { SlurmClient } from "../client/client.ts";
import { chosenCluster } from "../client/environment.ts";

/** By what they were made with: a process asks each question once. */
const systemClients = new Map<string, SlurmClient>();

/** Options of {@link systemClient}. */
export interface SystemClientOptions {
  /**
   * The cluster that is asked, and that jobs go to whose spec names none.
   *
   * @default {the one that the user's shell chooses, else the machine's own}
   */
  cluster?: string | undefined;
  /**
   * Whether jobs are to be submitted: a shell that chooses several clusters is refused then. Else the
   * machine's own is asked, as each job is looked up on the cluster that it is on.
   *
   * @default {false}
   */
  submits?: boolean | undefined;
}

/**
 * Asks the Slurm of this machine, or the cluster that the user's shell chooses. All who ask in the same way
 * share the client.
 *
 * @param intervalSec Seconds between two listings.
 * @default {10}
 * @throws {ConfigError} If jobs are to be submitted and the shell chooses several clusters.
 */
export function systemClient(
  intervalSec?: number,
  { cluster: given, submits = false }: SystemClientOptions = {},
): SlurmClient {
  const env = environmentVariables();
  const cluster = given ?? chosenCluster(env, submits);
  const key = JSON.stringify([intervalSec, cluster, Object.entries(env).sort()]);
  const client = systemClients.get(key) ??
    new SlurmClient({ env, clock: systemClock, intervalSec, cluster });
  systemClients.set(key, client);
  return client;
}
