import { z } from "zod";
import { lasting, ValidationError } from "../core/errors.ts";
import type { TaskDefinition } from "./artifact.ts";
import { formatIssues } from "./issues.ts";
import { strictSchema } from "./strict_schema.ts";

/** So many faults of parameters are told: each row of a long list may have one. */
const MAX_ISSUES = 20;

// Built at the first use: a module of many tasks costs nothing for those it does not apply.
const strictOf = new WeakMap<TaskDefinition, z.ZodObject>();

/**
 * The parameters of a task as its schema returns them, defaults filled in.
 *
 * @throws ValidationError naming the task, the paths, what is allowed and what was given; for schemas that need to
 * wait; or with the cause, when a refinement or transform throws.
 */
export function parseParams(task: TaskDefinition, input: unknown): Record<string, unknown> {
  let schema = strictOf.get(task);
  if (!schema) strictOf.set(task, schema = strictSchema(task.params));
  let result;
  try {
    result = schema.safeParse(input, { reportInput: true });
  } catch (cause) {
    const reason = cause instanceof z.core.$ZodAsyncError || waits(schema, input)
      ? "its schema has an asynchronous refinement or transform, and parameters are parsed synchronously"
      : `its schema threw: ${cause instanceof Error ? cause.message : cause}`;
    throw new ValidationError(`Cannot parse the parameters of ${task.name} as ${reason}`, { cause });
  }
  if (result.success) return result.data;
  const lines = formatIssues(result.error.issues.slice(0, MAX_ISSUES));
  const more = result.error.issues.length - MAX_ISSUES;
  if (more > 0) lines.push(`… and ${more} more`);
  const head = `Cannot make an artifact of ${task.name} as its parameters are not allowed:`;
  // By the same code it would be the same again, in a task that makes artifacts itself.
  throw lasting(
    new ValidationError(
      lines.length === 1 ? `${head} ${lines[0]}` : `${head}\n  ${lines.join("\n  ")}`,
      { cause: result.error },
    ),
  );
}

/** Was it a promise that made the parse fail? zod's compiled parser of objects stumbles over one unawares. */
function waits(schema: z.ZodObject, input: unknown): boolean {
  try {
    schema.safeParse(input, { jitless: true });
    return false;
  } catch (error) {
    return error instanceof z.core.$ZodAsyncError;
  }
}
