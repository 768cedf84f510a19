import type { Shortage } from "../core/attempt_end.ts";
import type { ValidationError } from "../core/errors.ts";
import {
  ARTIFACT,
  type Artifact,
  type SpecAttempt,
  type TaskDefinition,
  type TaskUsage,
} from "./artifact/artifact.ts";
import { checkSpecOption, checkTimeLimit } from "./definition.ts";
import { ladderOf, type SpecNeeds } from "./ladder.ts";
import { answerOf, unusable } from "./task_answer.ts";

/** The most specs that a function is asked for after the first one. */
const MOST_STEPS = 5;

/** What earlier artifacts took, by their task: as the latest plan read it. */
const learnt = new WeakMap<TaskDefinition, TaskUsage>();
const NOTHING: TaskUsage = { count: 0 };

/** A `spec` function asks for what earlier artifacts of its task took, which has not been read yet. */
export class UsageWanted extends Error {}

/** The spec that the first attempt of an artifact needs, as {@link specNeeds} says. */
export function specOf(artifact: Artifact): string {
  return specNeeds(artifact).spec;
}

/**
 * The specs that an artifact needs: the first one, and those to go on with after too little.
 *
 * @param usages What earlier artifacts took, by the names of tasks, where that is read when it is asked for;
 * without it, as the latest plan read it.
 * @throws {ValidationError} If the task's own function gives none.
 * @throws {UsageWanted} If the function asks for what `usages` does not have yet.
 */
export function specNeeds(artifact: Artifact, usages?: ReadonlyMap<string, TaskUsage>): SpecNeeds {
  const { spec } = artifact[ARTIFACT].task;
  if (typeof spec === "string") return { spec };
  if (typeof spec !== "function") return needsOfList(spec);
  let depends = false;
  const ask = (attempt: number, lastEnd: SpecAttempt["lastEnd"]): string | readonly string[] | undefined => {
    const { attempt: asked, value } = askFunction(artifact, { attempt, lastEnd }, usages);
    depends ||= asked;
    return value;
  };
  const first = ask(1, undefined);
  if (typeof first === "object") return needsOfList(first);
  if (first === undefined) throw specFault(artifact, first);
  if (!depends) return { spec: first };
  const depths = new Map([[first, 1]]);
  const ladder: Record<string, Partial<Record<Shortage, string>>> = Object.create(null);
  // A Map's iteration goes on over what is added meanwhile.
  for (const [spec, depth] of depths) {
    if (depth > MOST_STEPS) break;
    for (const lack of ["memory", "time"] as const) {
      const next = ask(depth + 1, { spec, lack });
      if (typeof next === "object") throw specFault(artifact, next);
      // What was tried before on the way is no more than that was.
      if (next === undefined || (depths.get(next) ?? Infinity) <= depth) continue;
      if (!depths.has(next)) depths.set(next, depth + 1);
      (ladder[spec] ??= {})[lack] = next;
    }
  }
  return Object.keys(ladder).length === 0 ? { spec: first } : { spec: first, ladder };
}

/** Takes in what earlier artifacts of a task took. */
export function learnUsage({ [ARTIFACT]: { task } }: Artifact, usage: TaskUsage): void {
  learnt.set(task, usage);
}

function needsOfList(specs: readonly string[]): SpecNeeds {
  const ladder = ladderOf(specs);
  return ladder === undefined ? { spec: specs[0]! } : { spec: specs[0]!, ladder };
}

/** What a task's own function says of one attempt, and whether that depends on the attempt at all. */
function askFunction(
  artifact: Artifact,
  { attempt, lastEnd }: Pick<SpecAttempt, "attempt" | "lastEnd">,
  usages: ReadonlyMap<string, TaskUsage> | undefined,
): { attempt: boolean; value: string | readonly string[] | undefined } {
  const { task } = artifact[ARTIFACT];
  const ask = task.spec as (params: never, attempt: SpecAttempt) => unknown;
  let depends = false, wanted = false;
  const given: SpecAttempt = {
    get attempt() {
      depends = true;
      return attempt;
    },
    get lastEnd() {
      depends = true;
      return lastEnd;
    },
    usage: () => {
      const known = usages === undefined ? learnt.get(task) ?? NOTHING : usages.get(task.name);
      if (known) return known;
      wanted = true;
      throw new UsageWanted(`what earlier artifacts of ${task.name} took was not read yet`);
    },
  };
  let value: unknown;
  try {
    value = answerOf(artifact, "spec", () => ask(artifact.params as never, given));
  } catch (error) {
    if (!wanted) throw error;
  }
  // Whatever the function made of that.
  if (wanted) throw new UsageWanted(`what earlier artifacts of ${task.name} took is to be read`);
  if (value === undefined) return { attempt: depends, value };
  if (typeof value !== "string" && !Array.isArray(value) || value === "") throw specFault(artifact, value);
  checkSpecOption(`spec of ${artifact}`, value, (reason) => {
    throw unusable(artifact, reason);
  });
  return { attempt: depends, value: value as string | readonly string[] };
}

function specFault(artifact: Artifact, value: unknown): ValidationError {
  const what = Array.isArray(value)
    ? "must return one name for each attempt, or all of them for the first one"
    : "must return a name, or several";
  return unusable(artifact, `'spec' of its task ${what}: it returned ${Deno.inspect(value)}`);
}

/**
 * Seconds that an attempt of an artifact may take; `undefined` without a limit.
 *
 * @throws {ValidationError} If the task's `timeLimit` function throws or returns no number above 0.
 */
export function timeLimitOf(artifact: Artifact): number | undefined {
  const { timeLimit } = artifact[ARTIFACT].task;
  if (typeof timeLimit !== "function") return timeLimit;
  const seconds: unknown = answerOf(artifact, "timeLimit", () => timeLimit(artifact.params as never));
  checkTimeLimit(seconds, "what 'timeLimit' of its task returned", (reason) => {
    throw unusable(artifact, reason);
  });
  return seconds;
}
