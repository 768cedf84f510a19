import { ValidationError } from "../core/errors.ts";
import { hasFile } from "../core/system/session.ts";
import { aCount, oneOf, type OptionCheck } from "../core/options.ts";
import { ARTIFACT, type Artifact, isArtifact } from "../task/artifact/artifact.ts";
import { didYouMean, listNames } from "../core/nearest.ts";
import type { RootPriority } from "../plan/graph.ts";
import type { PlanNode } from "../plan/node.ts";
import { isPriority, PRIORITY } from "../task/limits.ts";
import { retriesOf } from "../task/retry.ts";
import { refuseLoadOnly } from "../task/artifact/load_only.ts";

/** The ways in which a run shows itself. */
export const aProgress: OptionCheck = oneOf("auto", "plain", "quiet", "json", "none");

/**
 * The roots as they were given: one artifact, or several.
 *
 * @throws {ValidationError} If they are anything else. The planner checks what is in them.
 */
export function rootsOf(roots: Artifact | Iterable<Artifact>): Iterable<Artifact> {
  if (isArtifact(roots)) return [roots];
  const given: unknown = roots;
  if (typeof given === "object" && given !== null && Symbol.iterator in given) return roots;
  throw new ValidationError(
    `Cannot use roots as they must be an artifact (a task applied to parameters) or several of them: they are ${
      Deno.inspect(given, { depth: 1 })
    }`,
  );
}

/**
 * Refuses artifacts that can be loaded but not computed, and tasks whose functions say nothing of use about
 * retries, before anything starts.
 *
 * @param nodes What may have to be computed.
 * @throws {ExecutionError} If there is one of the first: names it and says what to do.
 * @throws {ValidationError} If there is one of the others.
 */
export function checkComputable(nodes: Iterable<PlanNode>): void {
  for (const { artifact, status } of nodes) {
    if (status !== "TODO") continue;
    refuseLoadOnly(artifact);
    retriesOf(artifact);
  }
}

/**
 * Refuses tasks whose code no worker process can import, before anything starts.
 *
 * @param nodes What may have to be computed.
 * @param entry URL of the module that the run was started with: a worker looks there as well.
 * @throws {ValidationError} If there is one: says what to do.
 */
export function checkImportable(nodes: Iterable<PlanNode>, entry: string): void {
  // Any other entry may define the task, wherever its name was met first.
  if (hasFile(entry)) return;
  for (const { artifact, status } of nodes) {
    if (status === "DONE" || hasFile(artifact[ARTIFACT].task.module)) continue;
    throw new ValidationError(
      `Cannot run ${artifact} in a worker process as its task is defined in code that has no file (a notebook's ` +
        `cell, the REPL, stdin or eval): put the task into a module file and import that, or run with ` +
        `isolation: "inline"`,
      { artifact: `${artifact}` },
    );
  }
}

/**
 * The number of roots that are worked on at the same time: `"dfs"` = one after another, `"bfs"` = all, a
 * number k = k of them, where the next joins when one of these is finished (done, or failed for good).
 */
export type Window = "dfs" | "bfs" | number;

const MUST =
  '"dfs" (one root after another), "bfs" (all at once) or a whole number from 1 (so many at the same time)';

/** A {@link Window}. */
export const aWindow: OptionCheck = (value) =>
  value === "dfs" || value === "bfs" || aCount(value) === undefined ? undefined : { must: MUST };

/**
 * The number of roots that a window lets in.
 *
 * @returns A positive integer, or `Infinity`.
 * @throws {ValidationError} If it is no {@link Window}.
 */
export function windowSize(window: unknown): number {
  if (window === "dfs") return 1;
  if (window === "bfs") return Infinity;
  if (aWindow(window) === undefined) return window as number;
  throw new ValidationError(
    `Cannot use window as it must be ${MUST}: current value is ${Deno.inspect(window)}`,
  );
}

/** The priority of roots: by the names of their tasks, or as a function gives it. */
export type RootPriorities = Readonly<Record<string, number>> | ((root: Artifact) => number | undefined);

/** A {@link RootPriorities}. */
export const aPriority: OptionCheck = (value) => {
  if (typeof value === "function") return undefined;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { must: "a function of a root, or priorities by the names of tasks" };
  }
  for (const [name, priority] of Object.entries(value)) {
    if (!isPriority(priority)) return { must: PRIORITY, at: `.${name}`, value: priority };
  }
  return undefined;
};

/**
 * The function of roots that the option stands for; `undefined` where it says nothing.
 *
 * @throws {ValidationError} If no root is of a task that it names.
 */
export function rootPriority(
  given: RootPriorities | undefined,
  roots: Iterable<Artifact>,
): RootPriority | undefined {
  if (given === undefined) return undefined;
  if (typeof given === "function") {
    return (root) => {
      const priority: unknown = given(root);
      if (priority === undefined || isPriority(priority)) return priority;
      throw new ValidationError(
        `Cannot use priority of ${root} as it must be ${PRIORITY}: current value is ${
          Deno.inspect(priority)
        }`,
        { artifact: `${root}` },
      );
    };
  }
  const names = new Set([...roots].map(({ name }) => name));
  for (const name of Object.keys(given)) {
    if (names.has(name)) continue;
    throw new ValidationError(
      `Cannot use priority of '${name}' as no root is of a task of that name${didYouMean(name, names)} ` +
        `(tasks of the roots: ${listNames([...names])})`,
    );
  }
  return ({ name }) => Object.hasOwn(given, name) ? given[name] : undefined;
}
