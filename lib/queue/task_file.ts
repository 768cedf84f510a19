import { basename } from "@std/path/posix/basename";
import { z } from "zod";
import { ProtocolError } from "../core/errors.ts";
import { type Hash, isHash } from "../core/hash.ts";
import type { Store } from "../store/store.ts";
import { parseJson } from "../store/json_file.ts";
import { parseTaskName } from "./task_name.ts";

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
  /** How long an attempt may take, in seconds. @default as long as it likes */
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
 * @throws {ProtocolError} naming it, when it is truncated, foreign, or of another artifact than its name says.
 * @throws {StoreError} when the system cannot read it.
 */
export async function readTask(store: Store, path: string): Promise<TaskFile | undefined> {
  const text = await store.read(path);
  if (text === undefined) return undefined;
  const parsed = parseJson(text, taskFile);
  const refuse = (fault: string): ProtocolError =>
    new ProtocolError(`Cannot use task file ${path}: ${fault}`);
  if ("fault" in parsed) throw refuse(parsed.fault);
  const named = parseTaskName(basename(path))?.hash;
  if (named !== parsed.value.hash) {
    throw refuse(`it is of artifact ${parsed.value.hash}, not of the one that its name says`);
  }
  return parsed.value;
}
