import { basename } from "@std/path/posix/basename";
import { z } from "zod";
import type { Shortage } from "../core/attempt_end.ts";
import { ProtocolError } from "../core/errors.ts";
import { type Hash, isHash } from "../core/hash.ts";
import { readJson } from "../store/json_file.ts";
import type { Store } from "../store/store.ts";
import { lackedAlso } from "../task/ladder.ts";

/** What is in a task file, from when it is made until the end of the run. */
export interface TaskFile {
  /** Version of this form. */
  schema: 1;
  /** The artifact's hash. */
  hash: Hash;
  /** The task's name. */
  name: string;
  /** The spec of the workers that may take it first. */
  spec: string;
  /**
   * All specs of workers that may come to take it: see `SpecLadder`.
   *
   * @default {the first one}
   */
  specs?: string[];
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
  specs: z.array(z.string().min(1)).exactOptional(),
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
   * What those of its attempts had too little of that went on with another spec, a letter each: `mt`. With
   * the spec that it began with it tells which one it has now.
   *
   * @default {""}
   */
  readonly lacked?: string | undefined;
  /**
   * Its turn: of several in the queue higher ones are taken first.
   *
   * @default {0}
   */
  readonly turn?: number | undefined;
}

/** The name of a task file: `<hash>.<attempt>.<lost>[.<lacked>][.<turn>].json`. */
export function formatTaskName({ hash, attempt, lost, lacked = "", turn = 0 }: TaskName): string {
  return `${hash}.${attempt}.${lost}${lacked === "" ? "" : `.${lacked}`}${turn === 0 ? "" : `.${turn}`}.json`;
}

const NAME =
  /^([0-9a-f]{32})\.([1-9]\d{0,8})\.(0|[1-9]\d{0,8})(?:\.([mt]{1,64}))?(?:\.(-?[1-9]\d{0,8}))?\.json$/;

/** Reads the name of a task file; `undefined` for any other name. */
export function parseTaskName(file: string): TaskName | undefined {
  const match = NAME.exec(file);
  if (!match) return undefined;
  const [, hash, attempt, lost, lacked, turn] = match;
  return {
    hash: hash as Hash,
    attempt: Number(attempt),
    lost: Number(lost),
    ...(lacked === undefined ? {} : { lacked }),
    ...(turn === undefined ? {} : { turn: Number(turn) }),
  };
}

/** How often a task came back: the later of two names of one task has more of them. */
export function endsOf({ attempt, lost, lacked = "" }: TaskName): number {
  return attempt - 1 + lost + lacked.length;
}

/** What an attempt that has ended counts as, which the next name of its task says. */
export type CountsAs = "compute" | "lost" | Shortage;

/** The name under which a task is tried again after such an end. */
export function nextTaskName(name: TaskName, end: CountsAs): TaskName {
  const { attempt, lost, lacked = "" } = name;
  if (end === "compute") return { ...name, attempt: attempt + 1 };
  if (end === "lost") return { ...name, lost: lost + 1 };
  return { ...name, lacked: lackedAlso(lacked, end) };
}

/** The name of the file beside a failed task that tells how it failed. */
export function errorFileName(file: string): string {
  return `${file.replace(/\.json$/, "")}.error.json`;
}
