import type { z } from "zod";
import type { TaskDefinition } from "./artifact/artifact.ts";
import { callingPlace } from "./call_site.ts";
import { checkDefinition, checkParameters, type TaskOptions } from "./definition.ts";
import { makeArtifact } from "./artifact/make.ts";
import { parseParams } from "./schema/parse.ts";
import { changedOptions } from "./definition_text.ts";
import { outdate, registerTask } from "./artifact/registry.ts";
import { type AnyTask, artifactSchema, type Task } from "./artifact/task.ts";

/**
 * Defines a task. Calling it with parameters makes an artifact, which `get` computes once and loads ever
 * after.
 *
 * @typeParam S The schema of the parameters.
 * @typeParam T The type of the value that `create` returns.
 * @typeParam L The type of the value that `load` returns, where there is one.
 * @param options The name, the schema of the parameters, the function that computes, and more.
 * @returns The task.
 * @throws {ValidationError} If an option is unknown or not allowed, or if the name is taken: names both
 * modules. In a notebook and in the REPL a cell may define a task again: the newer definition counts.
 *
 * @example
 * ```ts
 * import { defineTask, z } from "@furu/furu";
 *
 * const Square = defineTask({
 *   name: "docs/Square",
 *   params: z.object({ n: z.number() }),
 *   create: ({ params }) => params.n ** 2,
 * });
 * console.log(`${Square({ n: 3 })}`);
 * ```
 *
 * @example The type of an exported task, which JSR asks for
 * ```ts
 * import { defineTask, type Task, z } from "@furu/furu";
 *
 * export const Train: Task<z.ZodObject<{ lr: z.ZodNumber }>, { loss: number }> = defineTask({
 *   name: "docs/Train",
 *   params: z.object({ lr: z.number() }),
 *   create: ({ params }) => ({ loss: 1 / params.lr }),
 * });
 * ```
 */
export function defineTask<S extends z.ZodObject, T, L = T>(options: TaskOptions<S, T, L>): Task<S, L> {
  const place = callingPlace(defineTask);
  const module = options.module === undefined ? place?.module : String(options.module);
  const definition = checkDefinition(options as TaskOptions<z.ZodObject, unknown>, module, place?.at);
  const task = createTask(definition);
  const older = registerTask(definition);
  if (older !== undefined) replaceTask(older, definition);
  return task as unknown as Task<S, L>;
}

/** Says in one line that a newer definition differs from the one that artifacts were made by. */
function replaceTask(older: TaskDefinition, newer: TaskDefinition): void {
  const changed = changedOptions(older, newer);
  if (changed.length === 0) return;
  outdate(older);
  console.warn(
    `furu: task '${newer.name}' is defined anew, with another ${
      listed(changed)
    }; artifacts made before are to be ` +
      `made again` +
      (changed.includes("create") && !changed.includes("version")
        ? ", and results that are stored still count (get them with force, or give the task another version)"
        : ""),
  );
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

function createTask(definition: TaskDefinition): AnyTask {
  let checked = checkParameters(definition);
  const apply = (params: unknown = {}) => {
    checked ||= checkParameters(definition);
    return makeArtifact(definition, parseParams(definition, params));
  };
  let schema: z.core.$ZodType | undefined;
  const task = Object.defineProperties(apply, {
    name: { value: definition.name },
    definition: { value: definition, enumerable: true },
    // Built when it is first asked for, which for most tasks is never.
    schema: { get: () => schema ??= artifactSchema(task), enumerable: true },
  }) as unknown as AnyTask;
  return task;
}
