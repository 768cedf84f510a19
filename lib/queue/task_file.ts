import { basename } from "@std/path/posix/basename";
import { z } from "zod";
import { ProtocolError } from "../core/errors.ts";
import { type Hash, isHash } from "../core/hash.ts";
import { readJson } from "../store/json_file.ts";
import type { Store } from "../store/store.ts";

/** What is in a task file, from when it is made until the end of the run. */
export interface TaskFile {
  /** Version of this form. */
  schema: 1;
  /** The artifact's hash. */
  hash: Hash;
  /** The task's name. */
  name: string;
  /** The spec of the workers that may take it. */
  spec: string;
  /**
   * How long an attempt may take, in seconds.
   *
   * @default {as long as it likes}
   */
  timeLimitSec?: number;
}

const taskFile: z.ZodType<TaskFile> = z.object({
  schema: z.literal(1),
  hash: z.string().refine(isHash, "must be 32 hex digits") as unknown as z.ZodType<Hash>,
  name: z.string().min(1),
  spec: z.string().min(1),
  timeLimitSec: z.number().positive().exactOptional(),
});

/**
 * Reads a task file.
 *
 * @returns `undefined` where it is gone: somebody else moved it.
 * @throws {ProtocolError} If it is truncated, foreign, or of another artifact than its name
 * says.
 * @throws {StoreError} If the system cannot read it.
 */
export async function readTask(store: Store, path: string): Promise<TaskFile | undefined> {
  const parsed = await readJson(store, path, taskFile);
  if (parsed === undefined) return undefined;
  const refuse = (fault: string): ProtocolError =>
    new ProtocolError(`Cannot use task file ${path}: ${fault}`);
  if ("fault" in parsed) throw refuse(parsed.fault);
  const named = parseTaskName(basename(path))?.hash;
  if (named !== parsed.value.hash) {
    throw refuse(`it is of artifact ${parsed.value.hash}, not of the one that its name says`);
  }
  return parsed.value;
}

/** What the name of a task file tells: its contents never change, so the counters are here. */
export interface TaskName {
  /** The artifact's hash. */
  readonly hash: Hash;
  /** From 1: one more than its failures of kind compute so far. */
  readonly attempt: number;
  /** From 0: how often it was lost so far. */
  readonly lost: number;
  /**
   * Its turn: of several in the queue higher ones are taken first.
   *
   * @default {0}
   */
  readonly turn?: number | undefined;
}

/** The name of a task file: `<hash>.<attempt>.<lost>.json`, or `<hash>.<attempt>.<lost>.<turn>.json`. */
export function formatTaskName({ hash, attempt, lost, turn }: TaskName): string {
  return `${hash}.${attempt}.${lost}${turn ? `.${turn}` : ""}.json`;
}

/** Reads the name of a task file; `undefined` for any other name. */
export function parseTaskName(file: string): TaskName | undefined {
  const match = /^([0-9a-f]{32})\.([1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:\.(-?[1-9]\d{0,8}))?\.json$/.exec(file);
  if (!match) return undefined;
  const [, hash, attempt, lost, turn] = match;
  const name = { hash: hash as Hash, attempt: Number(attempt), lost: Number(lost) };
  return turn === undefined ? name : { ...name, turn: Number(turn) };
}

/** The name under which a task is tried again after a failure of that kind. */
export function nextTaskName(name: TaskName, kind: "compute" | "lost"): TaskName {
  const { attempt, lost } = name;
  return kind === "compute" ? { ...name, attempt: attempt + 1 } : { ...name, lost: lost + 1 };
}

/** The name of the file beside a failed task that tells how it failed. */
export function errorFileName(file: string): string {
  return `${file.replace(/\.json$/, "")}.error.json`;
}
