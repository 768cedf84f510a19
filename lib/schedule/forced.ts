import { ConfigError } from "../core/errors.ts";
import type { KeptResults } from "../plan/graph.ts";
import type { ForcedNodes } from "../plan/status.ts";
import type { Runtime } from "../run/runtime.ts";
import { isStoredBy } from "../store/results/commit.ts";
import { namedTasks } from "../task/artifact/task_names.ts";
import { plural } from "../ui/text.ts";

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

/** So many tasks are named. */
const NAMED = 6;

/** What is to be said of results that stay although they depend on what is computed again. */
export function keptText({ forced, kept }: KeptResults): string {
  const again = sum(forced);
  const stay = sum(kept);
  const names = Object.keys(kept).sort((a, b) => kept[b]! - kept[a]! || (a < b ? -1 : 1));
  const rest = names.length - NAMED;
  const list = names.slice(0, NAMED).map((name) => `${name} (${kept[name]})`).join(", ");
  const flags = rest > 0 ? "--force ALL" : names.map((name) => `--force ${name}`).join(" ");
  return `forced: ${plural(again, "artifact")} of ${Object.keys(forced).slice(0, NAMED).join(", ")} ` +
    `${again === 1 ? "is" : "are"} computed again, and ${plural(stay, "stored result")} that ` +
    `${
      stay === 1
        ? "depends on it stays as it is"
        : `depend on ${again === 1 ? "it" : "them"} stay as they are`
    }: ` +
    `${list}${rest > 0 ? `, and of ${plural(rest, "other task")}` : ""}; ` +
    `to compute ${stay === 1 ? "that" : "those"} again, too: ${flags}`;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}
