import { z } from "zod";
import { type QueuePaths, workerFiles } from "../queue/layout.ts";
import { listWorkers } from "../queue/worker_liveness.ts";
import { readJson, writeJson } from "../store/json_file.ts";
import { RECORD_SCHEMA } from "../store/layout.ts";
import type { Store } from "../store/store.ts";

const unfit = z.object({
  schema: z.literal(RECORD_SCHEMA),
  /** The id that the worker would have had. */
  id: z.string(),
  spec: z.string(),
  /** Where it was. */
  node: z.string(),
  /** The key by which its launcher knows it. */
  job: z.string().exactOptional(),
  /** `node`: this node is to blame; `protocol`: no worker of that kind can do better anywhere. */
  kind: z.enum(["node", "protocol"]),
  error: z.string(),
  /** As ISO 8601, for people. */
  at: z.string(),
});

/** A worker that did not enter its run's queue, and the reason. */
export type PreflightFailure = z.output<typeof unfit>;

/**
 * Writes why a worker does not enter the queue.
 *
 * @throws {StoreError} when it cannot be written.
 */
export async function writePreflightFailure(
  store: Store,
  paths: QueuePaths,
  init: Omit<PreflightFailure, "schema" | "at">,
): Promise<void> {
  const record: PreflightFailure = {
    schema: RECORD_SCHEMA,
    ...init,
    at: new Date(store.machine.clock.now()).toISOString(),
  };
  await writeJson(store, workerFiles(paths, init.id).unfit, record);
}

/**
 * Why a worker did not enter the queue; nothing where it did, or where that cannot be understood.
 *
 * @throws {StoreError} when the system cannot read it.
 */
export async function readPreflightFailure(
  store: Store,
  paths: QueuePaths,
  id: string,
): Promise<PreflightFailure | undefined> {
  const parsed = await readJson(store, workerFiles(paths, id).unfit, unfit);
  return parsed && "value" in parsed ? parsed.value : undefined;
}

/**
 * The nodes on which some worker of the run could not work, each once.
 *
 * @throws {StoreError} when the system cannot read.
 */
export async function preflightFailedNodes(store: Store, paths: QueuePaths): Promise<string[]> {
  const nodes = new Set<string>();
  for (const [id, { unfit }] of await listWorkers(store, paths)) {
    const told = unfit ? await readPreflightFailure(store, paths, id) : undefined;
    if (told?.kind === "node") nodes.add(told.node);
  }
  return [...nodes].sort();
}
