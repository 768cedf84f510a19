import { join } from "@std/path/posix/join";
import { z } from "zod";
import type { Shortage } from "../core/attempt_end.ts";
import { readJson, writeJson } from "../store/json_file.ts";
import type { Store } from "../store/store.ts";
import type { QueuePaths } from "./layout.ts";
import { shelfOf } from "./shelf.ts";
import { errorFileName, parseTaskName } from "./task_file.ts";

/** How a task failed: the side file of a task in `failed/`. */
export interface TaskFailure {
  /** Version of this form. */
  schema: 1;
  /** What the failure counts as; `start`: the worker's node could not begin the task at all. */
  kind: "compute" | "lost" | "protocol" | "start";
  /** What was thrown, or what is known of how it ended. */
  error: string;
  /** The stack of what was thrown. */
  stack?: string;
  /** Trying again cannot help. */
  lasting?: true;
  /** What it had too little of, by the evidence. */
  lack?: Shortage;
  /** The log of the attempt. */
  log?: string;
  /** The last lines of that log. */
  logTail?: string[];
  /** The worker that had it. */
  worker?: string;
  /** The job of that worker, by the launcher's key. */
  job?: string;
  /** The node of that worker. */
  node?: string;
  /** The number of the attempt in the store. */
  storeAttempt?: number;
  /** When it failed, as ISO 8601, for people. */
  at: string;
}

/** How a task failed, as its writer knows it. */
export type FailureInit = Omit<TaskFailure, "schema" | "at">;

const taskFailure: z.ZodType<TaskFailure> = z.object({
  schema: z.literal(1),
  kind: z.enum(["compute", "lost", "protocol", "start"]),
  error: z.string(),
  stack: z.string().exactOptional(),
  lasting: z.literal(true).exactOptional(),
  lack: z.enum(["memory", "time"]).exactOptional(),
  log: z.string().exactOptional(),
  logTail: z.array(z.string()).exactOptional(),
  worker: z.string().exactOptional(),
  job: z.string().exactOptional(),
  node: z.string().exactOptional(),
  storeAttempt: z.int().positive().exactOptional(),
  at: z.string(),
});

/**
 * Writes how a task failed; the task's file is moved to `failed/` afterwards.
 *
 * @param file The name that the task's file has, or will have, in `failed/`.
 * @throws {StoreError} If the queue cannot be written.
 */
export async function writeFailure(
  store: Store,
  paths: QueuePaths,
  file: string,
  failure: FailureInit,
): Promise<void> {
  const record: TaskFailure = {
    schema: 1,
    ...failure,
    at: new Date(store.machine.clock.now()).toISOString(),
  };
  await writeJson(store, join(paths.failed, errorFileName(file)), record);
}

/**
 * Reads how a task failed. One that cannot be read counts as a failure of the task itself, which says so: the
 * task did fail.
 *
 * @param file The name of the task's file in `failed/`, or on its shelf.
 * @returns `undefined` where nothing was written.
 * @throws {StoreError} If the system cannot read it.
 */
export async function readFailure(
  store: Store,
  paths: QueuePaths,
  file: string,
): Promise<TaskFailure | undefined> {
  const name = parseTaskName(file);
  let path = join(paths.failed, errorFileName(file));
  let read = await readJson(store, path, taskFailure);
  if (read === undefined && name) {
    path = join(shelfOf(paths, "failed", name), errorFileName(file));
    read = await readJson(store, path, taskFailure);
  }
  if (read === undefined || "value" in read) return read?.value;
  return {
    schema: 1,
    kind: "compute",
    error: `How it failed cannot be read from ${path}: ${read.fault}`,
    at: new Date(store.machine.clock.now()).toISOString(),
  };
}
