import { ConfigError } from "../core/errors.ts";
import type { ForcedNodes } from "../plan/status.ts";
import type { Runtime } from "../run/runtime.ts";
import { isStoredBy } from "../store/commit.ts";
import { namedTasks } from "../task/task_names.ts";

/**
 * The nodes that a run computes again although they are stored: once, for the record then carries the run's id.
 *
 * @param names Task names, or `"ALL"`.
 * @returns `undefined` when nothing is forced.
 * @throws {ConfigError} for a name that no task has, with the nearest one.
 */
export function forcedNodes(
  runtime: Runtime,
  names: "ALL" | readonly string[],
  runId: string,
): ForcedNodes | undefined {
  if (names !== "ALL" && !Array.isArray(names)) {
    throw new ConfigError(
      `Cannot force ${Deno.inspect(names)}: allowed is a list of task names, or "ALL" alone`,
    );
  }
  if (names.length === 0) return undefined;
  const isNamed = namedTasks(names);
  return {
    has: ({ name }) => isNamed(name),
    done: (artifact) => isStoredBy(runtime.store, runtime.store.paths(artifact), runId),
  };
}
