import { z } from "zod";
import { hasName } from "../store/file_steps.ts";
import { linkJson, readJson, writeJson } from "../store/json_file.ts";
import type { Store } from "../store/store.ts";
import { type QueuePaths, workerFiles } from "./layout.ts";
import { order } from "./orders.ts";

/** What stop was asked for. */
export interface StopRequest {
  /** Version of this form. */
  schema: 1;
  /** `drain`: what runs is finished, nothing new begins; `stop`: what runs is ended too. */
  how: "drain" | "stop";
  /** Why, for people. */
  why: string;
  /** When it was asked for, as ISO 8601, for people. */
  at: string;
}

const stopRequest: z.ZodType<StopRequest> = z.object({
  schema: z.literal(1),
  how: z.enum(["drain", "stop"]),
  why: z.string(),
  at: z.string(),
});

/**
 * Asks all workers of a run to leave. The first request stays, but for one to drain, which one to stop
 * replaces.
 *
 * @throws {StoreError} If the run's folder cannot be written.
 */
export async function askToStop(
  store: Store,
  paths: QueuePaths,
  how: StopRequest["how"],
  why: string,
): Promise<void> {
  const at = new Date(store.machine.clock.now()).toISOString();
  const request: StopRequest = { schema: 1, how, why, at };
  if (!await linkJson(store, paths.stop, request)) {
    const there = await readStop(store, paths);
    if (!there || (how === "stop" && there.how === "drain")) await writeJson(store, paths.stop, request);
  }
  await order(store, paths);
}

/**
 * Reads what stop was asked for; `undefined` where none was. A request that cannot be read is one to stop:
 * somebody made it.
 *
 * @throws {StoreError} If the system cannot read it.
 */
export async function readStop(store: Store, paths: QueuePaths): Promise<StopRequest | undefined> {
  // A host may remember for a minute that the name is missing; to list its folder makes it look again.
  await store.list(paths.run);
  const read = await readJson(store, paths.stop, stopRequest);
  if (read === undefined || "value" in read) return read?.value;
  return {
    schema: 1,
    how: "stop",
    why: `the request ${paths.stop} cannot be read: ${read.fault}`,
    at: new Date(store.machine.clock.now()).toISOString(),
  };
}

const leaveRequest = z.object({
  schema: z.literal(1),
  /** Why, for people. */
  why: z.string(),
  /** When it was asked for, as ISO 8601, for people. */
  at: z.string(),
});

/**
 * Asks one worker to leave: what it computes is finished, and it claims nothing more.
 *
 * @throws {StoreError} If the run's folder cannot be written.
 */
export async function askToLeave(store: Store, paths: QueuePaths, id: string, why: string): Promise<void> {
  const at = new Date(store.machine.clock.now()).toISOString();
  const request: z.output<typeof leaveRequest> = { schema: 1, why, at };
  await writeJson(store, workerFiles(paths, id).leave, request);
  await order(store, paths, id);
}

/**
 * Why a worker was asked to leave; `undefined` where it was not.
 *
 * @param surely Whether it was told that it was asked: a host may remember for a minute that the name is
 * missing. To list its folder makes it look again, which holds the names of all workers.
 * @default {false}
 * @throws {StoreError} If the system cannot read it.
 */
export async function readLeave(
  store: Store,
  paths: QueuePaths,
  id: string,
  surely = false,
): Promise<string | undefined> {
  const { leave } = workerFiles(paths, id);
  if (surely && !await hasName(store, leave)) return undefined;
  const read = await readJson(store, leave, leaveRequest);
  if (read === undefined && !surely) return undefined;
  if (read === undefined) return `the request ${leave} cannot be read: it is gone`;
  return "value" in read ? read.value.why : `the request ${leave} cannot be read: ${read.fault}`;
}
