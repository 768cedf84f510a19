import { ConfigError } from "../core/errors.ts";
import { isStoredBy } from "../store/read_record.ts";
import type { Store } from "../store/store.ts";
import { checkTaskNames } from "../task/artifact/registry.ts";
import type { ForcedNodes } from "./node.ts";

/** Names what a run computes although it is stored. Once: the record then carries the run's id. */
export interface ForceRules {
  /** The run's id, or the session's. */
  readonly runId: string;
  /** Names of tasks, or `"ALL"`. */
  readonly force: "ALL" | readonly string[];
  /**
   * Hashes of what was stored and invalid when the run began: `validate` is not asked without the user's
   * code.
   */
  readonly invalid?: readonly string[] | undefined;
}

/** Whether a result that was stored before the run began does not count for it. */
export function isForced({ force, invalid }: ForceRules, { name, hash }: ForcibleNode): boolean {
  return force === "ALL" || force.includes(name) || invalid?.includes(hash) === true;
}

/** Whether a stored result counts for the run: where the node is forced, only the run's own does. */
export function countsForRun(
  rules: ForceRules,
  node: ForcibleNode,
  { run }: { readonly run?: string | undefined },
): boolean {
  return run === rules.runId || !isForced(rules, node);
}

/** An artifact, a node of a plan, or a node of a run's record. */
interface ForcibleNode {
  readonly name: string;
  readonly hash: string;
}

/** The nodes that a run computes although they are stored; `undefined` where there are none. */
export function forcedNodes(
  store: Store,
  { runId, force, invalid = [] }: ForceRules,
): ForcedNodes | undefined {
  if (force.length === 0 && invalid.length === 0) return undefined;
  const names = force === "ALL" ? force : new Set(force);
  const hashes = new Set(invalid);
  return {
    has: ({ name, hash }) => names === "ALL" || names.has(name) || hashes.has(hash),
    done: (artifact) => isStoredBy(store, store.paths(artifact), runId),
  };
}

/**
 * As {@link forcedNodes}, for what a user gave, who may err.
 *
 * @throws {ConfigError} If `force` is neither a list of tasks' names nor `"ALL"`, or names a task that there
 * is not.
 */
export function forcedByUser(
  store: Store,
  force: "ALL" | readonly string[],
  runId: string,
): ForcedNodes | undefined {
  if (force !== "ALL" && !Array.isArray(force)) {
    throw new ConfigError(
      `Cannot force ${Deno.inspect(force)}: allowed is a list of task names, or "ALL" alone`,
    );
  }
  checkTaskNames(force);
  return forcedNodes(store, { runId, force });
}
