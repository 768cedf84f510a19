import type { TaskLimits } from "../../lib/core/settings/limits.ts";
import { getWith } from "../../lib/run/get/get.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import type { SuccessRecord } from "../../lib/store/record.ts";
import type { Artifact, CreateContext, StoredContext, Value } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { z } from "zod";

let tasks = 0;

/** What a test's task does. */
export interface TestTask {
  // deno-lint-ignore no-explicit-any -- whatever a test stores
  create: (ctx: CreateContext<any>) => any;
  // deno-lint-ignore no-explicit-any -- whatever a test stores
  load?: (ctx: StoredContext<any, any>) => any;
  // deno-lint-ignore no-explicit-any -- whatever a test stores
  validate?: (ctx: StoredContext<any, any>) => boolean | void | Promise<boolean | void>;
  timeLimit?: number;
  retries?: number;
  retryDelaySec?: number;
  retryable?: (error: unknown) => boolean;
  limits?: TaskLimits;
  spec?: string;
}

/** An artifact of a task of its own: names may be defined only once in a process. */
// deno-lint-ignore no-explicit-any -- whatever a test stores
export function artifactOf(task: TestTask, params: Record<string, unknown> = {}): Artifact<any> {
  const define = defineTask({
    name: `test/Task${++tasks}`,
    params: z.object({ lr: z.number().optional() }),
    ...task,
  });
  return define(params);
}

/** `get` as interactive code calls it, over a runtime of the test's own. */
export async function getFrom<A extends Artifact>(
  runtime: Runtime,
  artifact: A,
  options: { force?: boolean; signal?: AbortSignal } = {},
): Promise<Value<A>> {
  return await getWith(runtime, undefined, artifact, options) as Value<A>;
}

/** The success record of an artifact, as it is in the file. */
export function recordOf(runtime: Runtime, artifact: Artifact): SuccessRecord {
  return JSON.parse(Deno.readTextFileSync(runtime.store.paths(artifact).record));
}
