import type { ForcedNodes } from "../plan/status.ts";
import type { Runtime } from "../run/runtime.ts";
import { isStoredBy } from "../store/results/commit.ts";
import type { PoolRun } from "./run_record.ts";

/**
 * The nodes that a run computes although they are stored, as `run.json` names them: those of forced tasks, and those whose
 * stored result was invalid when the run began (its `validate` cannot be asked without the user's code). Once each: the record
 * then carries the run's id.
 *
 * @returns `undefined` where there are none.
 */
export function poolForced(
  { store }: Pick<Runtime, "store">,
  { force, invalid, runId }: Pick<PoolRun, "force" | "invalid" | "runId">,
): ForcedNodes | undefined {
  if (force.length === 0 && invalid.length === 0) return undefined;
  const byHash = new Set(invalid);
  return {
    has: ({ name, hash }) => force === "ALL" || force.includes(name) || byHash.has(hash),
    done: (artifact) => isStoredBy(store, store.paths(artifact), runId),
  };
}
