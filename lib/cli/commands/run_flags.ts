import { UsageError } from "../../core/errors.ts";
import { mergeLimits, parseLimits } from "../../core/settings/limits.ts";
import { isPriority, PRIORITY } from "../../task/limits.ts";
import { isClusterName } from "../../slurm/client/environment.ts";
import type { DetachedRun, RunOptions } from "../program/engine.ts";
import { type Flag, listFlag, switchFlag, valueFlag, wholeNumber } from "../program/flag.ts";

/** `--force NAME` of commands that are about a run. */
export const forceFlag: Flag<string[]> = listFlag(
  "NAME",
  "Compute all of this task again, stored or not, or ALL; what depends on it stays (may be repeated)",
  { short: "f" },
);

/** `--force-dependents` beside it. */
export const forceDependentsFlag: Flag<boolean> = switchFlag(
  "Also compute again what depends on what is forced (with --force)",
);

/**
 * The options of a run that they set. Without them the configuration decides.
 *
 * @throws {UsageError} If dependents are to be computed again, and of what is not said.
 */
export function forcedBy(
  { force: names, "force-dependents": dependents }: { force: string[]; "force-dependents": boolean },
): Pick<RunOptions, "force" | "forceDependents"> {
  if (dependents && names.length === 0) {
    throw new UsageError("Cannot use --force-dependents without --force: what they depend on is missing");
  }
  if (names.length === 0) return {};
  const force = names.includes("ALL") ? "ALL" : names;
  return dependents ? { force, forceDependents: true } : { force };
}

/**
 * `4`, or one number per spec: `gpu=1,default=8`.
 *
 * @throws {UsageError} If it is anything else, with what is allowed.
 */
export function parseWorkers(text: string): number | Record<string, number> {
  if (!text.includes("=")) return wholeNumber(text, 1);
  const workers: Record<string, number> = {};
  for (const part of text.split(",")) {
    const [, spec, count] = /^([A-Za-z0-9_-][A-Za-z0-9_.-]*)=(.*)$/.exec(part.trim()) ?? [];
    if (spec === undefined || count === undefined) {
      throw new UsageError(
        `a number, or SPEC=N with commas between (gpu=1,default=8) is needed: current value is '${text}'`,
      );
    }
    if (Object.hasOwn(workers, spec)) throw new UsageError(`spec ${spec} has two numbers in '${text}'`);
    workers[spec] = wholeNumber(count, 1);
  }
  return workers;
}

/**
 * `dfs`, `bfs` or how many roots are worked on at a time.
 *
 * @throws {UsageError} If it is anything else, with what is allowed.
 */
export function parseWindow(text: string): "dfs" | "bfs" | number {
  if (text === "dfs" || text === "bfs") return text;
  try {
    return wholeNumber(text, 1);
  } catch {
    throw new UsageError(`dfs, bfs or a whole number from 1 is needed: current value is '${text}'`);
  }
}

/**
 * Seconds from 0.
 *
 * @throws {UsageError} If it is anything else, with what is allowed.
 */
export function parseSeconds(text: string): number {
  const value = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && Number.isFinite(value)) return value;
  throw new UsageError(`seconds from 0 are needed: current value is '${text}'`);
}

/** `--limit NAME=UNITS` of commands that are about a run. */
export const limitFlag: Flag<string[]> = listFlag(
  "NAME=UNITS",
  "Units of a limit: tasks that take some of it take no more at once " +
    "(default: limits of furu.json, FURU_LIMITS; may be repeated)",
  { also: ["limits"] },
);

/** `--priority TASK=N` of commands that are about a run. */
export const priorityFlag: Flag<string[]> = listFlag(
  "TASK=N",
  "Priority of the roots of a task: higher ones come first, with what they need (default: 0; may be repeated)",
);

/**
 * Units by the names of limits, as the flags say.
 *
 * @throws {UsageError} If one has another form.
 */
export function limitsBy(texts: readonly string[]): Record<string, number> | undefined {
  const all = texts.map((text) => {
    const limits = parseLimits(text);
    if (typeof limits !== "string" && Object.values(limits).every((units) => units > 0)) return limits;
    throw new UsageError(
      `Cannot use --limit as NAME=UNITS is needed, units from 1 (license=3): current value is '${text}'`,
    );
  });
  return mergeLimits(...all);
}

/**
 * Priorities of roots by the names of their tasks, as the flags say.
 *
 * @throws {UsageError} If one has another form.
 */
export function priorityBy(texts: readonly string[]): Record<string, number> | undefined {
  if (texts.length === 0) return undefined;
  return Object.fromEntries(texts.map((text) => {
    const [, name, priority] = /^([^=\s]+)=(-?\d+)$/.exec(text) ?? [];
    if (name !== undefined && isPriority(Number(priority))) return [name, Number(priority)];
    throw new UsageError(
      `Cannot use --priority as TASK=N is needed, N ${PRIORITY} (toy/Train=10): current value is '${text}'`,
    );
  }));
}

/** `--cluster NAME` of commands that are about a run on Slurm. */
export const clusterFlag: Flag<string | undefined> = valueFlag(
  "NAME",
  "The cluster of specs that name none (default: SLURM_CLUSTERS, else this machine's; with --slurm)",
  (text) => {
    if (isClusterName(text)) return text;
    throw new UsageError(`the name of one cluster is needed: current value is '${text}'`);
  },
  { short: "M" },
);

/** Flags that some places where tasks run do not have, and why. */
const MISFITS = {
  local: {
    flags: ["idle-timeout", "tasks-per-worker", "launcher", "no-snapshot", "take-over", "cluster"],
    why: "without --slurm: it is about jobs, and a run on this machine has none",
  },
  pool: { flags: ["isolation"], why: "with --slurm pool: each worker has a process for its tasks" },
  dag: {
    flags: [
      "workers",
      "window",
      "isolation",
      "keep-going",
      "limit",
      "idle-timeout",
      "tasks-per-worker",
      "launcher",
      "take-over",
    ],
    why: "with --slurm dag: there Slurm decides where and when jobs run",
  },
} as const;

/**
 * Refuses flags that mean nothing together.
 *
 * @throws {UsageError} If there are such flags, with the names of both.
 */
export function checkTogether(
  flags:
    & { slurm?: "pool" | "dag" | undefined; detach: boolean; launcher?: unknown }
    & Record<string, unknown>,
): void {
  if (flags.detach && flags.slurm === undefined) {
    throw new UsageError("Cannot use --detach without --slurm: a run on this machine is its process");
  }
  const { flags: misfits, why } = MISFITS[flags.slurm ?? "local"];
  for (const name of misfits) {
    const value = flags[name];
    if (value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0)) {
      throw new UsageError(`Cannot use --${name} ${why}`);
    }
  }
  if (flags.detach && flags.launcher === "srun") {
    throw new UsageError(
      "Cannot use --detach with --launcher srun: its workers end with the job they run in",
    );
  }
  if (flags.cluster !== undefined && flags.launcher === "srun") {
    throw new UsageError(
      "Cannot use --cluster with --launcher srun: its workers are in the job this runs in",
    );
  }
}

/** The way in which a run shows itself, by the flags of every command. */
export function progressOf(globals: { json: boolean; quiet: boolean }): "json" | "quiet" | "auto" {
  return globals.json ? "json" : globals.quiet ? "quiet" : "auto";
}

/** The submission, as the last of the run's events. */
export function submittedJson({ runId, runDir, jobIds, rootJobIds }: DetachedRun): string {
  return `${JSON.stringify({ type: "run_submitted", runId, runDir, jobIds, rootJobIds })}\n`;
}
