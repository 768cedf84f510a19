import { ConfigError, ValidationError } from "../../core/errors.ts";
import { furuGlobals } from "../../core/globals.ts";
import type { TaskDefinition } from "./artifact.ts";
import { didYouMean } from "../../core/nearest.ts";

/**
 * Makes a definition known by its name to all copies of furu in this process.
 *
 * @throws {ValidationError} If the name is taken: names both modules.
 */
export function registerTask(definition: TaskDefinition): void {
  const { tasks } = furuGlobals();
  const { name } = definition;
  const other = tasks.get(name) as TaskDefinition | undefined;
  if (other) {
    const here = definition.module ?? "an unknown module";
    const there = other.module ?? "an unknown module";
    throw new ValidationError(
      `Cannot define task '${name}' as there may be one definition of a name in a process: ` +
        (here === there ? `${here} defines it twice, or is loaded twice` : `${there} and ${here} define it`),
    );
  }
  tasks.set(name, definition);
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
