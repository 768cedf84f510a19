import { withDisplay } from "../core/system/session.ts";
import { forCell } from "../ui/user_frames.ts";
import type { z } from "zod";
import type { ResultRow, ResultsOptions, ResultStatus } from "../catalog/typed_table.ts";
import type { Task } from "../task/artifact/task.ts";

/**
 * Reads what is stored of a task as rows with typed parameters and values, to look at a sweep or to hand it
 * to whatever draws or fits. Only the store is read: nothing is computed or waited for, and the task's
 * `validate` is not asked. The rows are ordered by hash. Artifacts without a result are left out where their
 * parameters are not known.
 *
 * @typeParam S The schema of the task's parameters.
 * @typeParam T The type of the value that `get` returns for its artifacts.
 * @typeParam R The states that are asked for.
 * @param task The task.
 * @param options Which artifacts are wanted; by default all that have a result.
 * @returns A row for each artifact.
 * @throws {StoreError} If a result is damaged, unless that is asked for, or the store cannot be read.
 * @throws {ValidationError} If an option is unknown or not allowed.
 *
 * @example
 * ```ts
 * import { defineTask, table, z } from "@furu/furu";
 *
 * const Train = defineTask({
 *   name: "docs/TrainedModel",
 *   params: z.object({ lr: z.number(), seed: z.int() }),
 *   create: ({ params }) => ({ score: 1 / (1 + params.lr) }),
 * });
 * const rows = await table(Train, { where: ({ lr }) => lr < 0.1 });
 * const [best] = rows.toSorted((a, b) => b.value.score - a.value.score);
 * if (best) console.log(best.hash, best.params.lr, best.value.score, best.durationMs);
 * ```
 */
export async function resultTable<S extends z.ZodObject, T, R extends ResultStatus = "DONE">(
  task: Task<S, T>,
  options: ResultsOptions<z.output<S>, R> = {},
): Promise<ResultRow<T, z.output<S>, R>[]> {
  // Loaded when used: whatever a pipeline imports, its workers load too.
  const { readResults } = await import("../catalog/typed_table.ts");
  const rows = await forCell(() => readResults(task as never, options as never));
  return withDisplay("table", rows) as never;
}
