import { UsageError } from "../core/errors.ts";
import type { DetachedRun } from "./engine.ts";
import { wholeNumber } from "./flag.ts";

/** `4`, or one number per spec: `gpu=1,default=8`. @throws {UsageError} saying what is allowed. */
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

/** `dfs`, `bfs` or how many roots are worked on at a time. @throws {UsageError} saying what is allowed. */
export function parseWindow(text: string): "dfs" | "bfs" | number {
  if (text === "dfs" || text === "bfs") return text;
  try {
    return wholeNumber(text, 1);
  } catch {
    throw new UsageError(`dfs, bfs or a whole number from 1 is needed: current value is '${text}'`);
  }
}

/** Flags that only a run on this machine has. */
const LOCAL_FLAGS = ["workers", "window", "isolation"] as const;

/** Refuses flags that mean nothing together. @throws {UsageError} naming both. */
export function checkTogether(
  flags: { slurm?: unknown; detach: boolean } & Partial<Record<typeof LOCAL_FLAGS[number], unknown>>,
): void {
  if (flags.slurm === undefined) {
    if (flags.detach) {
      throw new UsageError("Cannot use --detach without --slurm: a run on this machine is its process");
    }
    return;
  }
  for (const name of LOCAL_FLAGS) {
    if (flags[name] === undefined) continue;
    throw new UsageError(
      `Cannot use --${name} with --slurm ${flags.slurm}: Slurm decides where and when jobs run`,
    );
  }
}

/** How a run shows itself, by the flags of every command. */
export function progressOf(globals: { json: boolean; quiet: boolean }): "json" | "quiet" | "auto" {
  return globals.json ? "json" : globals.quiet ? "quiet" : "auto";
}

/** What was submitted, as the last of the run's events. */
export function submittedJson({ runId, runDir, jobIds, rootJobIds }: DetachedRun): string {
  return `${JSON.stringify({ type: "run_submitted", runId, runDir, jobIds, rootJobIds })}\n`;
}
