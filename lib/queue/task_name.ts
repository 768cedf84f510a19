import type { Hash } from "../core/hash.ts";

/** What the name of a task file tells: its contents never change, so the counters are here. */
export interface TaskName {
  /** The artifact's hash. */
  readonly hash: Hash;
  /** From 1: one more than its failures of kind compute so far. */
  readonly attempt: number;
  /** From 0: how often it was lost so far. */
  readonly lost: number;
}

/** The name of a task file: `<hash>.<attempt>.<lost>.json`. */
export function formatTaskName({ hash, attempt, lost }: TaskName): string {
  return `${hash}.${attempt}.${lost}.json`;
}

/** Reads the name of a task file; `undefined` for any other name. */
export function parseTaskName(file: string): TaskName | undefined {
  const match = /^([0-9a-f]{32})\.([1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.json$/.exec(file);
  return match ? { hash: match[1] as Hash, attempt: Number(match[2]), lost: Number(match[3]) } : undefined;
}

/** The name under which a task is tried again after a failure of that kind. */
export function nextTaskName({ hash, attempt, lost }: TaskName, kind: "compute" | "lost"): TaskName {
  return kind === "compute" ? { hash, attempt: attempt + 1, lost } : { hash, attempt, lost: lost + 1 };
}

/** The name of the file beside a failed task that tells how it failed. */
export function errorFileName(file: string): string {
  return `${file.replace(/\.json$/, "")}.error.json`;
}
