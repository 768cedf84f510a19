import { z } from "zod";
import { StoreError } from "../core/errors.ts";
import type { RunSummary } from "../core/event.ts";
import type { QueuePaths } from "../queue/layout.ts";
import { linkJson, readJson } from "../store/json_file.ts";
import { RECORD_SCHEMA } from "../store/layout.ts";
import type { Store } from "../store/store.ts";

const runEnded = z.object({
  schema: z.literal(RECORD_SCHEMA),
  runId: z.string(),
  /** Of the controller that ended it. */
  term: z.int().positive(),
  endedAt: z.string(),
  summary: z.custom<RunSummary>((value) => typeof value === "object" && value !== null).exactOptional(),
  interrupted: z.boolean(),
  /** Why it could not go on, where no failure is to blame. */
  stalled: z.string().exactOptional(),
  /** What broke it: no failure of a task, and nobody's wish. */
  error: z.string().exactOptional(),
});

/** How a run ended: its `ended.json`. */
export type RunEnded = z.output<typeof runEnded>;

/**
 * Writes how a run ended, once: the first that does so is right.
 *
 * @returns Whether ours is the one that counts.
 */
export async function writeEnded(store: Store, paths: QueuePaths, ended: RunEnded): Promise<boolean> {
  return await linkJson(store, paths.ended, ended);
}

/**
 * How a run ended; `undefined` while it has not.
 *
 * @throws {StoreError} naming the file, when it is damaged or of another version.
 */
export async function readEnded(store: Store, paths: QueuePaths): Promise<RunEnded | undefined> {
  const read = await readJson(store, paths.ended, runEnded);
  if (read === undefined || "value" in read) return read?.value;
  throw new StoreError(`Cannot use ${paths.ended}: ${read.fault}`);
}
