import { ConfigError } from "../core/errors.ts";
import { isStoredBy } from "../store/read_record.ts";
import type { Store } from "../store/store.ts";
import type { Hash } from "../core/hash.ts";
import { ARTIFACT, type Artifact, isArtifact } from "../task/artifact/artifact.ts";
import { withAllBelow } from "../task/artifact/reference.ts";
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
  /** Hashes of what depends on the tasks that are named, where that is computed again, too. */
  readonly forcedDependents?: readonly string[] | undefined;
}

/** Whether a result that was stored before the run began does not count for it. */
export function isForced(
  { force, invalid, forcedDependents }: ForceRules,
  { name, hash }: ForcibleNode,
): boolean {
  return force === "ALL" || force.includes(name) || invalid?.includes(hash) === true ||
    forcedDependents !== undefined && setOf(forcedDependents).has(hash);
}

const sets = new WeakMap<readonly string[], ReadonlySet<string>>();

/** It may be asked for each of many nodes. */
function setOf(hashes: readonly string[]): ReadonlySet<string> {
  let set = sets.get(hashes);
  if (!set) sets.set(hashes, set = new Set(hashes));
  return set;
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
  { runId, force, invalid = [], forcedDependents = [] }: ForceRules,
): ForcedNodes | undefined {
  if (force.length === 0 && invalid.length === 0 && forcedDependents.length === 0) return undefined;
  const names = force === "ALL" ? force : new Set(force);
  const hashes = new Set(invalid);
  return {
    has: ({ name, hash }) =>
      names === "ALL" || names.has(name) || hashes.has(hash) || setOf(forcedDependents).has(hash),
    why: ({ name, hash }) =>
      names === "ALL" || names.has(name)
        ? "its task is forced"
        : hashes.has(hash)
        ? "what was stored is invalid, or partial"
        : "what it depends on is forced",
    done: (artifact) => isStoredBy(store, store.paths(artifact), runId),
  };
}

/**
 * As {@link forcedNodes}, for what a user gave, who may err.
 *
 * @param dependentsOf The roots, where all of them that depends on what is forced is computed again, too.
 * @default {what depends on it stays}
 * @throws {ConfigError} If `force` is neither a list of tasks' names nor `"ALL"`, or names a task that there
 * is not.
 */
export function forcedByUser(
  store: Store,
  force: "ALL" | readonly string[],
  runId: string,
  dependentsOf?: Iterable<Artifact>,
): ForcedNodes | undefined {
  if (force !== "ALL" && !Array.isArray(force)) {
    throw new ConfigError(
      `Cannot force ${Deno.inspect(force)}: allowed is a list of task names, or "ALL" alone`,
    );
  }
  checkTaskNames(force);
  return forcedNodes(store, {
    runId,
    force,
    forcedDependents: dependentsOfForced(dependentsOf ?? [], force),
  });
}

/** The hashes of all artifacts of some roots that depend, over however many steps, on a forced task. */
export function dependentsOfForced(roots: Iterable<Artifact>, force: "ALL" | readonly string[]): Hash[] {
  if (force === "ALL" || force.length === 0) return [];
  const names = new Set(force);
  // The planner says what is wrong with what is no artifact.
  const all = [...roots].filter(isArtifact);
  const forced = new Set<Hash>();
  for (const { name, hash } of withAllBelow(all)) if (names.has(name)) forced.add(hash);
  return forced.size === 0 ? [] : dependents(all, forced).map(({ hash }) => hash);
}

/** All that depends on some artifacts, each once, without these. */
export function dependents(roots: Iterable<Artifact>, on: ReadonlySet<Hash>): Artifact[] {
  const found: Artifact[] = [];
  const depends = new Map<Hash, boolean>();
  // A stack of its own, for a chain may be deeper than calls can be nested: each is met again when all below
  // it is known.
  const open = [...roots];
  const entered = new Set<Hash>();
  for (let artifact = open.pop(); artifact; artifact = open.pop()) {
    const { hash } = artifact;
    if (depends.has(hash)) continue;
    const { dependencies } = artifact[ARTIFACT];
    const unknown = dependencies.filter((below) => !depends.has(below.hash));
    // One that is met again with something unknown below it is in a cycle, which the planner names.
    if (unknown.length > 0 && !entered.has(hash)) {
      entered.add(hash);
      open.push(artifact);
      for (const below of unknown) open.push(below);
      continue;
    }
    const reaches = dependencies.some((below) => on.has(below.hash) || depends.get(below.hash) === true);
    depends.set(hash, reaches);
    if (reaches && !on.has(hash)) found.push(artifact);
  }
  return found;
}
