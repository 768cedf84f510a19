import { ConfigError } from "../core/errors.ts";
import { furuGlobals } from "../core/globals.ts";
import { nearest } from "../core/nearest.ts";
import type { ForcedNodes } from "../plan/status.ts";
import type { Runtime } from "../run/runtime.ts";
import { readRecord } from "../store/commit.ts";

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
  if (names.length === 0) return undefined;
  if (names !== "ALL") { for (const name of names) checkTaskName(name); }
  const wanted = new Set(names === "ALL" ? [] : names);
  return {
    has: ({ name }) => names === "ALL" || wanted.has(name),
    done: async (artifact) => {
      const record = await readRecord(runtime.store, runtime.store.paths(artifact));
      return record?.run === runId;
    },
  };
}

function checkTaskName(name: string): void {
  const known = [...furuGlobals().tasks.keys()];
  if (known.includes(name)) return;
  const near = nearest(name, known);
  throw new ConfigError(
    `Cannot force task '${name}' (force, FURU_ALWAYS_RERUN): there is no such task${
      near ? `, did you mean '${near}'?` : ""
    }; known are ${known.sort().join(", ") || "none"}`,
  );
}
