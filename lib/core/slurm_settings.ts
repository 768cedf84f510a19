import { z } from "zod";

/** What {@link SlurmSettings} may be. */
export const slurmSettingsSchema: z.ZodType<SlurmSettings> = z.strictObject({
  specs: z.record(z.string(), z.unknown()).exactOptional(),
  squeueIntervalSec: z.number().positive().exactOptional(),
  nodesSubmit: z.boolean().exactOptional(),
});

/** What is configured for runs on Slurm. */
export interface SlurmSettings {
  /** What jobs the tasks' specs stand for, by name; checked when they are used. */
  specs?: Record<string, unknown>;
  /** Seconds between two looks at the jobs. @default 10 */
  squeueIntervalSec?: number;
  /**
   * Can jobs submit other jobs? Where they cannot, a detached run of a pool has all its workers submitted when it begins.
   * @default true
   */
  nodesSubmit?: boolean;
}
