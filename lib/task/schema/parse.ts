import { z } from "zod";
import { lasting, ValidationError } from "../../core/errors.ts";
import type { TaskDefinition } from "../artifact/artifact.ts";
import { type ChoosingSchema, choosingSchema } from "./choose_form.ts";
import { formatIssues, type Issue, unknownKeysIssue, type UnrecognizedKeys } from "./issues.ts";
import { type Finding, inspectInput } from "./unknown_keys.ts";

// Built where a union is in need of it: a module of many tasks costs nothing for those it does not apply.
const choosing = new WeakMap<TaskDefinition, ChoosingSchema>();

/**
 * The parameters of a task as its schema returns them, defaults filled in: what zod makes of them, unless
 * there is a key that its schema does not have.
 *
 * @throws {ValidationError} naming the task, the paths, what is allowed and what was given; for schemas that
 * need to wait; or with the cause, when a refinement or transform throws.
 */
export function parseParams(task: TaskDefinition, input: unknown): Record<string, unknown> {
  let result = safeParse(task, task.params, input);
  const { findings, choices } = inspectInput(task.params, input);
  if (choices && result.success) {
    let schema = choosing.get(task);
    if (!schema) choosing.set(task, schema = choosingSchema(task.params));
    result = safeParse(task, schema.with(choices), input);
  }
  if (result.success && findings.length === 0) return result.data;
  const unknown = findings.flatMap((finding) => unknownKeysIssue(finding) ?? []);
  const issues = [...unknown, ...withoutTold(result.error?.issues ?? [], unknown)];
  if (issues.length > 0) {
    const lines = formatIssues(issues);
    const head = `Cannot make an artifact of ${task.name} as its parameters are not allowed:`;
    // By the same code it would be the same again, in a task that makes artifacts itself.
    throw lasting(
      new ValidationError(
        lines.length === 1 ? `${head} ${lines[0]}` : `${head}\n  ${lines.join("\n  ")}`,
        { cause: result.error ?? new z.ZodError(issues) },
      ),
    );
  }
  warnOfCaught(task, findings);
  return result.data!;
}

type Result = z.core.util.SafeParseResult<Record<string, unknown>>;

function safeParse(task: TaskDefinition, schema: z.ZodObject, input: unknown): Result {
  try {
    return schema.safeParse(input, { reportInput: true });
  } catch (cause) {
    const reason = cause instanceof z.core.$ZodAsyncError || waits(task.params, input)
      ? "its schema has an asynchronous refinement or transform, and parameters are parsed synchronously"
      : `its schema threw: ${cause instanceof Error ? cause.message : cause}${endless(cause)}`;
    throw new ValidationError(`Cannot parse the parameters of ${task.name} as ${reason}`, { cause });
  }
}

function endless(cause: unknown): string {
  // By no regular expression: near the end of the stack that cannot be compiled.
  return cause instanceof RangeError && cause.message.includes("call stack")
    ? " (do they contain themselves?)"
    : "";
}

/** Whether a promise made the parse fail. zod's compiled parser of objects stumbles over one unawares. */
function waits(schema: z.ZodObject, input: unknown): boolean {
  try {
    schema.safeParse(input, { jitless: true });
    return false;
  } catch (error) {
    return error instanceof z.core.$ZodAsyncError;
  }
}

/**
 * The issues but for those of strict objects and the like that are told better, with the valid keys, already.
 */
function withoutTold(issues: readonly Issue[], unknown: readonly UnrecognizedKeys[]): Issue[] {
  const told = new Set(unknown.flatMap(placesOf));
  return issues.filter((issue) =>
    issue.code !== "unrecognized_keys" || !placesOf(issue).every((place) => told.has(place))
  );
}

/** The paths of the unknown keys, without the numbers of members of collections, which zod does not tell. */
function placesOf({ path, keys }: UnrecognizedKeys): string[] {
  const told = path.map(String).filter((key) => !/^\[(key|value|member) \d+\]$/.test(key));
  return keys.map((key) => JSON.stringify([...told, key]));
}

const warned = new WeakSet<object>();

/**
 * Says once for each `.catch()` that it replaced what was given: that is another result than was asked for.
 */
function warnOfCaught(task: TaskDefinition, findings: readonly Finding[]): void {
  for (const { path, caught } of findings) {
    if (!caught || warned.has(caught.schema)) continue;
    warned.add(caught.schema);
    const { error } = z.core.safeParse(caught.schema, caught.input, { reportInput: true });
    const issues = error?.issues.map((issue) => ({ ...issue, path: [...path, ...issue.path] })) ?? [];
    console.warn(
      `furu: what ${task.name} was given is replaced by the .catch() of its schema: ${
        formatIssues(issues)[0]
      }`,
    );
  }
}
