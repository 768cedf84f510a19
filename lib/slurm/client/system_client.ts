import { systemClock } from "../../core/system/clock.ts";
import { environmentVariables } from "../../core/environment.ts";
import { SlurmClient } from "./client.ts";

/** Asks the Slurm of this machine. @param intervalSec Seconds between two listings. @default 10 */
export function systemClient(intervalSec?: number): SlurmClient {
  return new SlurmClient({
    env: environmentVariables(),
    clock: systemClock,
    ...(intervalSec === undefined ? {} : { intervalSec }),
  });
}
