import { z } from "zod";
import type { Store } from "../store/store.ts";
import { hasName } from "../store/file_steps.ts";
import { type QueuePaths, workerFiles } from "./layout.ts";
import { parseJson } from "../store/json_file.ts";
import { writeJson } from "../store/json_file.ts";

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
 * @throws {StoreError} when the run's folder cannot be written.
 */
export async function askToLeave(store: Store, paths: QueuePaths, id: string, why: string): Promise<void> {
  const at = new Date(store.machine.clock.now()).toISOString();
  const request: z.output<typeof leaveRequest> = { schema: 1, why, at };
  await writeJson(store, workerFiles(paths, id).leave, request);
}

/**
 * Why a worker was asked to leave; `undefined` where it was not.
 *
 * @throws {StoreError} when the system cannot read it.
 */
export async function readLeave(store: Store, paths: QueuePaths, id: string): Promise<string | undefined> {
  const { leave } = workerFiles(paths, id);
  // A host may remember for a minute that the name is missing; to list its folder makes it look again.
  if (!await hasName(store, leave)) return undefined;
  const parsed = parseJson(await store.read(leave) ?? "", leaveRequest);
  return "value" in parsed ? parsed.value.why : `the request ${leave} cannot be read: ${parsed.fault}`;
}
