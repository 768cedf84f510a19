import { ConfigError, ValidationError } from "../../core/errors.ts";
import { furuGlobals } from "../../core/globals.ts";
import { currentSession, hasFile } from "../../core/system/session.ts";
import type { TaskDefinition } from "./artifact.ts";
import { didYouMean } from "../../core/nearest.ts";

/**
 * Makes a definition known by its name to all copies of furu in this process.
 *
 * @param session Whether a person may define it anew: in a cell, or by importing its module again.
 * @returns The definition that it replaces.
 * @throws {ValidationError} If the name is taken: names both modules.
 */
export function registerTask(
  definition: TaskDefinition,
  session: boolean = currentSession() !== undefined,
): TaskDefinition | undefined {
  const { tasks } = furuGlobals();
  const { name } = definition;
  const other = tasks.get(name) as TaskDefinition | undefined;
  if (other && !isAgain(other, definition) && !(session && mayReplace(other, definition))) {
    const here = definition.module ?? "an unknown module";
    const there = other.module ?? "an unknown module";
    throw new ValidationError(
      `Cannot define task '${name}' as there may be one definition of a name in a process: ` +
        (here === there ? `${here} defines it twice, or is loaded twice` : `${there} and ${here} define it`),
    );
  }
  tasks.set(name, definition);
  return other;
}

/** Whether a module has been loaded again, as another version of itself: `tasks.ts?2`. */
function isAgain({ module, place }: TaskDefinition, next: TaskDefinition): boolean {
  return place !== undefined && next.place !== undefined && module !== next.module &&
    withoutQuery(place) === withoutQuery(next.place);
}

/** Code that is typed in replaces any, and is replaced by any; two files are two tasks. */
function mayReplace({ module }: TaskDefinition, next: TaskDefinition): boolean {
  return !hasFile(module) || !hasFile(next.module) || withoutQuery(module) === withoutQuery(next.module);
}

/** A URL without what only tells versions of it apart; line and column, where there are any, stay. */
function withoutQuery(url: string): string {
  return url.replace(/[?#].*?(?=(?::\d+:\d+)?$)/, "");
}

/**
 * Says that a newer definition counts, which differs: artifacts made by the older one can still be loaded.
 */
export function outdate(older: TaskDefinition): void {
  (furuGlobals().outdated ??= new WeakSet()).add(older);
}

/** Whether a newer definition counts, which differs. */
export function isOutdated(definition: TaskDefinition): boolean {
  return furuGlobals().outdated?.has(definition) ?? false;
}

/** The definition of that name; `undefined` while no module that was imported defines one. */
export function findTask(name: string): TaskDefinition | undefined {
  return furuGlobals().tasks.get(name) as TaskDefinition | undefined;
}

/** The names of all tasks defined so far, sorted. */
export function taskNames(): string[] {
  return [...furuGlobals().tasks.keys()].sort();
}

/**
 * Refuses names of tasks to force that no task has.
 *
 * @throws {ConfigError} For such a name, with the nearest one.
 */
export function checkTaskNames(names: "ALL" | readonly string[]): void {
  if (names === "ALL") return;
  const known = taskNames();
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new ConfigError(
      `Cannot force task '${name}' (force, FURU_ALWAYS_RERUN) as there is no such task ` +
        `(known are: ${known.join(", ") || "none"})${didYouMean(name, known)}`,
    );
  }
}
