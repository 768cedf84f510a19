import { ValidationError } from "../core/errors.ts";
import { didYouMean } from "../core/nearest.ts";
import { ARTIFACT, type Artifact, isArtifact } from "../task/artifact/artifact.ts";
import type { PlanNode } from "../plan/node.ts";
import { refuseLoadOnly } from "../task/artifact/load_only.ts";

const ISOLATIONS = ["process", "inline"];
const PROGRESS = ["auto", "plain", "quiet", "json", "none"];

/**
 * Refuses what the types forbid and plain JavaScript can pass, so that no option is silently ignored.
 *
 * @throws {ValidationError} naming the option, its value and what is allowed.
 */
export function checkChoices({ isolation, progress }: { isolation?: unknown; progress?: unknown }): void {
  checkOneOf("isolation", isolation, ISOLATIONS);
  checkOneOf("progress", progress, PROGRESS);
}

function checkOneOf(option: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value as string)) return;
  throw new ValidationError(
    `Cannot use ${option} ${Deno.inspect(value)}${didYouMean(String(value), allowed)}: allowed are ${
      allowed.map((each) => `"${each}"`).join(", ")
    }`,
  );
}

/**
 * The roots as they were given: one artifact, or several.
 *
 * @throws {ValidationError} for anything else; what is in them is the planner's to check.
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

/** Names that Deno gives to code from stdin, from `deno eval` and from the REPL. */
const NO_FILE = /\$deno\$(stdin|eval|repl)/;

/**
 * Refuses artifacts that can be loaded but not computed, before anything starts.
 *
 * @param nodes What may have to be computed.
 * @throws {ExecutionError} that names the artifact and says what to do.
 */
export function checkComputable(nodes: Iterable<PlanNode>): void {
  for (const { artifact, status } of nodes) if (status === "TODO") refuseLoadOnly(artifact);
}

/**
 * Refuses tasks whose code no worker process can import, before anything starts.
 *
 * @param nodes What may have to be computed.
 * @param entry URL of the module that the run was started with: a worker looks there as well.
 * @throws {ValidationError} that says what to do.
 */
export function checkImportable(nodes: Iterable<PlanNode>, entry: string): void {
  // Any other entry may define the task, wherever its name was met first.
  if (!NO_FILE.test(entry)) return;
  for (const { artifact, status } of nodes) {
    const { module } = artifact[ARTIFACT].task;
    if (status === "DONE" || (module !== undefined && !NO_FILE.test(module))) continue;
    throw new ValidationError(
      `Cannot run ${artifact} in a worker process as its task is defined in code that has no file (stdin, eval or ` +
        `REPL): put the task into a module of its own, or run with isolation: "inline"`,
      { artifact: `${artifact}` },
    );
  }
}

/**
 * How many roots are worked on at the same time: `"dfs"` = one after another, `"bfs"` = all, a number k = k of them,
 * where the next joins when one of these is finished (done, or failed for good).
 */
export type Window = "dfs" | "bfs" | number;

/**
 * The number of roots that a window lets in.
 *
 * @param window As the user gave it.
 * @param option What the option is called, for the error.
 * @returns A positive integer, or `Infinity`.
 * @throws ValidationError when it is no {@link Window}.
 */
export function windowSize(window: unknown, option = "window"): number {
  if (window === "dfs") return 1;
  if (window === "bfs") return Infinity;
  if (typeof window === "number" && Number.isSafeInteger(window) && window >= 1) return window;
  throw new ValidationError(
    `Cannot use ${option} as it must be "dfs" (one root after another), "bfs" (all at once) or an integer of at ` +
      `least 1: current value is ${Deno.inspect(window)}`,
  );
}
