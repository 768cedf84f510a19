import { z } from "zod";
import { isLimitName, LIMIT_NAME } from "./limits.ts";
import { notifyForm } from "./notify_setting.ts";

// Forms are made when something is to be checked: making all of them takes a start longer than reading all
// that is set.
const seconds = () => z.number().positive();
const count = () => z.int().nonnegative();
const fromOne = () => z.int().positive();

/** The settings of runs on Slurm, as `slurm` of a configuration has them. */
export const slurmSettingsSchema = () =>
  z.strictObject({
    specs: z.record(z.string(), z.unknown())
      .describe("Kinds of jobs by the names that tasks give as their spec; 'default' is needed"),
    squeueIntervalSec: seconds().describe("Seconds between two looks at the jobs"),
    nodesSubmit: z.boolean().describe("Whether jobs can submit jobs"),
    refusalSec: z.number().nonnegative()
      .describe("For so many seconds refused jobs are submitted again when nothing else is left to do"),
  }).partial();

/** Makes the form of each setting; `furu.schema.json` says what each means. */
export const SETTING_FORMS = {
  root: () =>
    z.string().min(1)
      .describe("The store's folder; ~ is your home, a relative path starts at the folder of this file"),
  slurmRoot: () => z.string().min(1).describe("The folder for the output of Slurm itself"),
  scratchDir: () =>
    z.string().min(1)
      .describe(
        "The folder on each machine for what attempts need only while they run; variables as $SLURM_JOB_ID are those of the machine",
      ),
  retryFailed: () => z.boolean().describe("Whether what failed in an earlier run is tried again"),
  recomputeDamaged: () =>
    z.boolean()
      .describe("Whether a stored result that is damaged is computed again, instead of being an error"),
  maxComputeRetries: () =>
    count()
      .describe("How often a run tries a failed computation again, after the first attempt"),
  maxPreemptRetries: () =>
    count()
      .describe("How often a run tries again what lost its process through no fault of its own"),
  alwaysRerun: () =>
    z.union([z.literal("ALL"), z.array(z.string())])
      .describe("Names of the tasks that each run computes anew, once; or ALL"),
  leaseSec: () => seconds().describe("Seconds for which a claim counts without a heartbeat"),
  heartbeatSec: () => seconds().describe("Seconds between two heartbeats, at most half of the lease"),
  staleAfterSec: () =>
    seconds()
      .describe("Seconds for which a run watches somebody else's attempt without seeing any change"),
  maxWaitSec: () =>
    seconds().describe("Seconds for which a get outside of tasks waits for somebody else's attempt"),
  pollIntervalSec: () => seconds().describe("Longest time between two looks at what others do, in seconds"),
  maxCreates: () => fromOne().describe("How many tasks run at once where get computes, outside of runs"),
  limits: () =>
    z.record(z.string().refine(isLimitName, `a limit's name must be ${LIMIT_NAME}`), fromOne())
      .describe("Units of each limit, by name: what tasks of a run take at once is no more"),
  maxHeapMb: () =>
    z.int().min(16).max(16_777_216)
      .describe("Megabytes of V8's heap in each process that computes"),
  maxTasksPerWorker: () => fromOne().describe("After so many tasks a process that computes is replaced"),
  maxWorkerMb: () =>
    fromOne()
      .describe("A process that computes and has more megabytes of memory after a task is replaced"),
  logLevel: () =>
    z.enum(["debug", "info", "warn", "error"]).describe(
      "The least important messages that are logged",
    ),
  recordGit: () =>
    z.enum(["cached", "ignore", "uncached"])
      .describe(
        "When git is asked for the commit that records hold: once per process, never, for each record",
      ),
  notify: () =>
    notifyForm().describe(
      "Who is told when a run has ended, or first fails: a URL, a command, or an object with one of them",
    ),
  slurm: () => slurmSettingsSchema().describe("Settings of runs on Slurm"),
};

/** The name of a setting. */
export type SettingName = keyof typeof SETTING_FORMS;

/** The settings of a configuration, all of which may be left out. */
export function settingsSchema(): z.ZodObject<Record<string, z.ZodType>> {
  return z.strictObject(
    Object.fromEntries(Object.entries(SETTING_FORMS).map(([name, form]) => [name, form().optional()])),
  );
}

/** What has no default, or one that is known only where it is used. */
export const OPEN_SETTINGS = [
  "slurm",
  "scratchDir",
  "maxCreates",
  "limits",
  "maxHeapMb",
  "maxTasksPerWorker",
  "maxWorkerMb",
  "notify",
] as const;

/** The settings whose defaults do not depend on others. */
export const SETTING_DEFAULTS = {
  retryFailed: true,
  recomputeDamaged: false,
  maxComputeRetries: 3,
  maxPreemptRetries: 5,
  alwaysRerun: [],
  leaseSec: 120,
  staleAfterSec: 1800,
  maxWaitSec: 600,
  pollIntervalSec: 2,
  logLevel: "info",
  recordGit: "cached",
} as const;

/** In words, the defaults of the others. */
export const OTHER_DEFAULTS: Readonly<Record<string, string>> = {
  root: "furu-data of the project",
  slurmRoot: "slurm in the store",
  scratchDir: "SLURM_TMPDIR, else TMPDIR, else /tmp",
  heartbeatSec: "a third of the lease",
  maxCreates: "32, or the cores where these are more",
  limits: "none",
  maxHeapMb: "V8's own; in a Slurm job what memGb leaves for it",
  maxTasksPerWorker: "no limit",
  maxWorkerMb: "256, or twice what the first task takes where that is more",
  notify: "nobody",
  "slurm.specs": "none",
  "slurm.squeueIntervalSec": "10",
  "slurm.nodesSubmit": "true",
  "slurm.refusalSec": "3600",
};
