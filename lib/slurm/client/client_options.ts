import type { Clock } from "../../core/system/clock.ts";
import type { RunProgram } from "./program.ts";

/** Options of a `SlurmClient`. */
export interface SlurmClientOptions {
  /** The environment of this process; what would mislead Slurm's programs is removed from it. */
  env: Readonly<Record<string, string>>;
  /** Time. */
  clock: Clock;
  /** Starts programs. @default the machine's own */
  run?: RunProgram;
  /** Seconds that one program may take. @default 60 */
  timeoutSec?: number;
  /** Seconds between two listings. @default 10 */
  intervalSec?: number;
  /** Seconds for which a submit limit is waited out. @default 86400 */
  limitSec?: number;
  /** Seconds for which trouble on the way to the controller is waited out. @default 600 */
  unclearSec?: number;
  /** The cluster all jobs are on, where the user has several (`-M`). @default the only one */
  cluster?: string;
}
