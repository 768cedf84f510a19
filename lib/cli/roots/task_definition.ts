import type { TaskDefinition } from "../../task/artifact/artifact.ts";

/** The definition of a value that is a task, whichever copy of furu made it; `undefined` for anything else. */
export function taskDefinition(value: unknown): TaskDefinition | undefined {
  if (typeof value !== "function" || !("definition" in value)) return undefined;
  const definition = value.definition as Partial<TaskDefinition> | null | undefined;
  const isOne = typeof definition?.name === "string" && typeof definition.create === "function";
  return isOne ? definition as TaskDefinition : undefined;
}
