import { isLimitName, LIMIT_NAME, type LimitUnits, NO_UNITS } from "../core/settings/limits.ts";
import { ARTIFACT, type Artifact } from "./artifact/artifact.ts";
import { answerOf, unusable } from "./task_answer.ts";

/**
 * The units that a task says that it takes.
 *
 * @param value What stands for `TaskLimits`, as far as anybody knows.
 * @param fail Refuses it: goes on from "as".
 */
export function unitsOf(value: unknown, what: string, fail: (reason: string) => never): LimitUnits {
  const units: Record<string, number> = {};
  const add = (name: string, count: unknown): void => {
    if (!isLimitName(name)) fail(`${what} must name limits, each ${LIMIT_NAME}: it names '${name}'`);
    if (Object.hasOwn(units, name)) fail(`${what} must name each limit once: it names '${name}' again`);
    if (!Number.isSafeInteger(count) || (count as number) < 0) {
      fail(`${what} must take a whole number of '${name}' from 0: current value is ${Deno.inspect(count)}`);
    }
    units[name] = count as number;
  };
  for (const each of Array.isArray(value) ? value : [value]) {
    if (typeof each === "string") add(each, 1);
    else if (typeof each === "object" && each !== null && !Array.isArray(each)) {
      for (const [name, count] of Object.entries(each)) add(name, count);
    } else {
      fail(
        `${what} must be names of limits, or units by name, as ["license", { api: 2 }]: it has ${
          Deno.inspect(each)
        }`,
      );
    }
  }
  const taken = Object.entries(units).filter(([, count]) => count > 0).sort(([a], [b]) => a < b ? -1 : 1);
  return taken.length === 0 ? NO_UNITS : Object.freeze(Object.fromEntries(taken));
}

/**
 * What an attempt of an artifact takes of the limits of its run.
 *
 * @throws {ValidationError} If the task's own function throws, or gives something else.
 */
export function limitsOf(artifact: Artifact): LimitUnits {
  const { limits } = artifact[ARTIFACT].task;
  if (limits === undefined) return NO_UNITS;
  const fail = (reason: string): never => {
    throw unusable(artifact, reason);
  };
  const given: unknown = typeof limits === "function"
    ? answerOf(artifact, "limits", () => limits(artifact.params as never))
    : limits;
  return given === undefined ? NO_UNITS : unitsOf(given, "'limits' of its task", fail);
}

/**
 * What a task says of the turn of an artifact; `undefined` where it says nothing.
 *
 * @throws {ValidationError} If the task's own function throws, or gives no whole number.
 */
export function priorityOf(artifact: Artifact): number | undefined {
  const { priority } = artifact[ARTIFACT].task;
  if (typeof priority !== "function") return priority;
  const given: unknown = answerOf(artifact, "priority", () => priority(artifact.params as never));
  if (given !== undefined && !isPriority(given)) {
    throw unusable(
      artifact,
      `'priority' of its task must return ${PRIORITY}: it returned ${Deno.inspect(given)}`,
    );
  }
  return given;
}

/** What a priority must be, for errors. */
export const PRIORITY = "a whole number from -1000000 to 1000000";

/** Whether something is a priority. */
export function isPriority(value: unknown): value is number {
  return Number.isSafeInteger(value) && Math.abs(value as number) <= 1_000_000;
}
