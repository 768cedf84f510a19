import { parseLimits } from "./limits.ts";
import type { SettingName } from "./settings_schema.ts";

/** A variable of the environment that sets something. */
export interface SettingVariable {
  /** The setting. */
  readonly field: SettingName;
  /** Reads its text. What cannot be read is given back as it is, for the schema to refuse. */
  readonly parse: (text: string) => unknown;
  /** What its text may be, for errors. */
  readonly allowed: string;
}

const BOOLEAN = "1, 0, true or false";
const SECONDS = "seconds above 0";
const FROM_ZERO = "a whole number from 0";
const FROM_ONE = "a whole number from 1";

/** The variables by their names. */
export const SETTING_VARIABLES: Readonly<Record<string, SettingVariable>> = {
  FURU_PATH: { field: "root", parse: String, allowed: "a folder" },
  FURU_SLURM_PATH: { field: "slurmRoot", parse: String, allowed: "a folder" },
  FURU_SCRATCH_DIR: { field: "scratchDir", parse: String, allowed: "a folder" },
  FURU_RETRY_FAILED: { field: "retryFailed", parse: toBoolean, allowed: BOOLEAN },
  FURU_RECOMPUTE_DAMAGED: { field: "recomputeDamaged", parse: toBoolean, allowed: BOOLEAN },
  FURU_MAX_COMPUTE_RETRIES: { field: "maxComputeRetries", parse: Number, allowed: FROM_ZERO },
  FURU_MAX_PREEMPT_RETRIES: { field: "maxPreemptRetries", parse: Number, allowed: FROM_ZERO },
  FURU_ALWAYS_RERUN: {
    field: "alwaysRerun",
    parse: toNames,
    allowed: "task names with commas between, or ALL alone",
  },
  FURU_LEASE_SECS: { field: "leaseSec", parse: Number, allowed: SECONDS },
  FURU_HEARTBEAT_SECS: { field: "heartbeatSec", parse: Number, allowed: SECONDS },
  FURU_STALE_AFTER_SECS: { field: "staleAfterSec", parse: Number, allowed: SECONDS },
  FURU_MAX_WAIT_SECS: { field: "maxWaitSec", parse: Number, allowed: SECONDS },
  FURU_SLURM_REFUSAL_SECS: {
    field: "slurm",
    parse: (text) => ({ refusalSec: Number(text) }),
    allowed: "seconds from 0",
  },
  FURU_POLL_INTERVAL_SECS: { field: "pollIntervalSec", parse: Number, allowed: SECONDS },
  FURU_MAX_CREATES: { field: "maxCreates", parse: Number, allowed: FROM_ONE },
  FURU_LIMITS: {
    field: "limits",
    parse: parseLimits,
    allowed: "NAME=UNITS with commas between, units from 1 (license=3,api=8)",
  },
  FURU_MAX_HEAP_MB: { field: "maxHeapMb", parse: Number, allowed: "megabytes, a whole number from 16" },
  FURU_MAX_TASKS_PER_WORKER: { field: "maxTasksPerWorker", parse: Number, allowed: FROM_ONE },
  FURU_MAX_WORKER_MB: { field: "maxWorkerMb", parse: Number, allowed: "megabytes, a whole number from 1" },
  FURU_LOG_LEVEL: {
    field: "logLevel",
    parse: (text) => text.toLowerCase(),
    allowed: "debug, info, warn or error",
  },
  FURU_NOTIFY: {
    field: "notify",
    parse: (text) => text === "none" ? false : text,
    allowed: "a URL, a command, or none",
  },
  FURU_RECORD_GIT: { field: "recordGit", parse: String, allowed: "cached, ignore or uncached" },
};

function toBoolean(text: string): boolean | string {
  const word = text.toLowerCase();
  if (["1", "true", "yes", "on"].includes(word)) return true;
  if (["0", "false", "no", "off"].includes(word)) return false;
  return text;
}

function toNames(text: string): string | string[] {
  const names = text.split(",").map((name) => name.trim()).filter((name) => name !== "");
  if (!names.includes("ALL")) return names;
  return names.length === 1 ? "ALL" : text;
}
