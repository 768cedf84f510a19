import { errorCode } from "../core/errors.ts";
import type { ErrorInfo } from "./outcome.ts";

/** Longest text of an error that is passed on and written down, in characters. */
const MAX_CHARS = 20_000;
/** How many causes, and errors inside an AggregateError, are followed. */
const MAX_DEPTH = 5;
const MAX_ERRORS = 10;

/** What was thrown as text, cut where it is very long; the stacks of its causes follow its own. Never throws. */
export function toErrorInfo(error: unknown): ErrorInfo {
  try {
    if (!(error instanceof Error)) return { name: "Error", message: clip(`Thrown value: ${inspect(error)}`) };
    const code = errorCode(error);
    return {
      name: clip(String(error.name)),
      message: clip(messageOf(error)),
      stack: clip(stackOf(error, 0)),
      ...(code === undefined ? {} : { code }),
    };
  } catch {
    return { name: "Error", message: "Thrown value that cannot be shown: looking at it threw again" };
  }
}

/** An AggregateError often says nothing itself. */
function messageOf(error: Error): string {
  if (!(error instanceof AggregateError)) return String(error.message);
  const inside = error.errors.slice(0, MAX_ERRORS).map((each) =>
    each instanceof Error ? each.message : inspect(each)
  );
  return [error.message || `${error.errors.length} errors`, ...inside].join("; ");
}

function stackOf(error: Error, depth: number): string {
  const parts = [String(error.stack ?? `${error.name}: ${error.message}`)];
  if (depth === MAX_DEPTH) return parts[0] as string;
  const inside: unknown[] = error instanceof AggregateError ? error.errors.slice(0, MAX_ERRORS) : [];
  for (const each of inside) parts.push(`Error inside: ${shown(each, depth)}`);
  if (error.cause !== undefined) parts.push(`Caused by: ${shown(error.cause, depth)}`);
  return parts.join("\n");
}

function shown(error: unknown, depth: number): string {
  return error instanceof Error ? stackOf(error, depth + 1) : inspect(error);
}

function inspect(value: unknown): string {
  return Deno.inspect(value, { depth: 2 });
}

function clip(text: string): string {
  return text.length <= MAX_CHARS ? text : `${text.slice(0, MAX_CHARS)} ... (${text.length} characters)`;
}
