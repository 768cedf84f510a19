import { z } from "zod";
import { readJson } from "./json_file.ts";
import { progressPath, RECORD_SCHEMA } from "./layout.ts";
import { ownerSchema } from "./record.ts";
import type { Store } from "./store.ts";

const nodeRef = z.object({ name: z.string(), hash: z.string() });

const runProgress = z.object({
  schema: z.literal(RECORD_SCHEMA),
  runId: z.string(),
  /** Where it computes. */
  mode: z.enum(["local", "pool", "dag"]),
  /** When it began, and when this was written; ISO 8601. */
  createdAt: z.string(),
  at: z.string(),
  /** The process that writes this: who runs, controls or follows the run. */
  owner: ownerSchema,
  /** URL of the module that the run was started with. */
  entry: z.string().exactOptional(),
  /** The first of its roots. */
  roots: z.array(nodeRef),
  /** Of its nodes: how many there are, were stored before, were computed, ... */
  counts: z.object({
    nodes: z.int(),
    cached: z.int(),
    computed: z.int(),
    elsewhere: z.int(),
    failed: z.int(),
    running: z.int(),
    waiting: z.int(),
  }),
  /** The same by task. */
  tasks: z.array(
    z.object({ name: z.string(), nodes: z.int(), done: z.int(), failed: z.int(), running: z.int() }),
  ),
  /** What is computed now, the oldest first. */
  running: z.array(z.object({
    ...nodeRef.shape,
    attempt: z.int(),
    worker: z.string().exactOptional(),
    since: z.number(),
    params: z.string().exactOptional(),
    fraction: z.number().exactOptional(),
    message: z.string().exactOptional(),
    log: z.string().exactOptional(),
  })),
  /** What others compute now. */
  watched: z.array(z.object({ ...nodeRef.shape, owner: z.string() })),
  /** How much of its limits is taken now, of those that anything needs. */
  limits: z.array(
    z.object({ name: z.string(), units: z.number(), used: z.number(), waiting: z.number() }),
  ).exactOptional(),
  /** The latest failures, the last one last. */
  failures: z.array(
    z.object({ ...nodeRef.shape, error: z.string(), params: z.string(), log: z.string().exactOptional() }),
  ),
  /** An estimate of the milliseconds that are left. */
  leftMs: z.number().exactOptional(),
  /** How it ended, when it has ended. */
  ended: z.object({
    at: z.string(),
    interrupted: z.boolean(),
    notRun: z.int(),
    retries: z.int(),
    durationMs: z.number(),
  }).exactOptional(),
});

/** How far a run is, as the process that drives it writes it down: `runs/<id>/progress.json`. */
export type RunProgress = z.output<typeof runProgress>;

/**
 * Reads how far a run is; nothing where it has not said so, or where that cannot be understood.
 *
 * @throws {StoreError} If the system cannot read it.
 */
export async function readProgressFile(store: Store, runId: string): Promise<RunProgress | undefined> {
  const parsed = await readJson(store, progressPath(store.root, runId), runProgress);
  return parsed && "value" in parsed ? parsed.value : undefined;
}
