import type { z } from "zod";
import { formatKey } from "../core/encode_tagged.ts";
import { didYouMean, listNames } from "../core/nearest.ts";
import type { Finding } from "./unknown_keys.ts";

/** What zod found to be wrong at a place. */
export type Issue = z.core.$ZodIssue;
/** Keys that a schema does not have. */
export type UnrecognizedKeys = z.core.$ZodIssueUnrecognizedKeys;

/** An issue without its frame: where it is and what is allowed there. */
interface Fault {
  path: readonly PropertyKey[];
  text: string;
}

/** What was found to be unknown, as zod tells of strict objects, with the valid keys and the nearest. */
export function unknownKeysIssue({ path, unknown }: Finding): UnrecognizedKeys | undefined {
  if (!unknown) return undefined;
  const { keys, valid } = unknown;
  const faults = keys.map((key) => `unknown key '${key}'${didYouMean(key, valid)}`);
  return {
    code: "unrecognized_keys",
    path: [...path],
    keys,
    message: `${faults.join(", ")} (valid keys: ${listNames(valid)})`,
  };
}

/**
 * What is wrong with parameters, for people: a line for each issue, as `params.lr: expected number, current value is
 * "x"`. Of a failed union the forms that come nearest are told.
 *
 * @param issues From a parse with `reportInput`.
 */
export function formatIssues(issues: readonly Issue[]): string[] {
  return issues.flatMap((issue) => faults(issue)).map(({ path, text }) =>
    `params${path.map(formatKey).join("")}: ${text}`
  );
}

function faults(issue: Issue): Fault[] {
  switch (issue.code) {
    case "invalid_union":
      return [issue.errors.length === 0 ? discriminator(issue) : union(issue)];
    case "invalid_key":
    case "invalid_element":
      return issue.issues.flatMap((inner) => faults(inner)).map((inner) => below(issue, inner));
    default:
      return [fault(issue)];
  }
}

function below(outer: Issue, inner: Fault): Fault {
  return { path: [...outer.path, ...inner.path], text: inner.text };
}

/** The forms that fit at least at their own root, or else all of them. */
function union(issue: Extract<Issue, { code: "invalid_union" }>): Fault {
  const forms = issue.errors.map((errors) => errors.flatMap(faults));
  const deeper = forms.filter((form) => form.some(({ path }) => path.length > 0) || form.some(isUnknownKey));
  const nearer = deeper.length > 0 ? deeper : forms;
  const [only] = nearer;
  if (nearer.length === 1 && only!.length === 1) return below(issue, only![0]!);
  const texts = nearer.map((form) =>
    form.map(({ path, text }) => (path.length > 0 ? `${path.map(formatKey).join("")}: ` : "") + text).join(
      " and ",
    )
  );
  // What was given is the same for all forms that fail at their root: told once.
  const given = deeper.length > 0 ? "" : issue.input === undefined ? MISSING : current(issue);
  const told = new Set(texts.map((text) => text.replace(given, "")));
  const all = [...told].join("; or ");
  return { path: issue.path, text: given === MISSING ? given + all : all + given };
}

/** No form has this value in the key that tells the forms apart. */
function discriminator(issue: Extract<Issue, { code: "invalid_union" }>): Fault {
  const { options, discriminator: key } = issue as { options?: unknown[]; discriminator?: string };
  if (options === undefined || key === undefined) return fault(issue);
  const value = (issue.input as Record<string, unknown> | undefined)?.[key];
  const names = options.map(String);
  const text = `expected one of ${listNames(names)}`;
  if (value === undefined) return { path: issue.path, text: MISSING + text };
  return { path: issue.path, text: `${text}${shown(value)}${didYouMean(String(value), names)}` };
}

function isUnknownKey({ text }: Fault): boolean {
  return text.startsWith("unknown key");
}

const MISSING = "is missing, ";

function fault(issue: Issue): Fault {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") return { path, text: issue.message };
  const message = issue.message.replace(/^Invalid input: /, "");
  if (issue.code === "invalid_type") {
    const expected = message.replace(/, received .*$/, "");
    return { path, text: issue.input === undefined ? MISSING + expected : expected + current(issue) };
  }
  const values = issue.code === "invalid_value"
    ? issue.values.filter((value) => typeof value === "string")
    : [];
  const hint = typeof issue.input === "string" ? didYouMean(issue.input, values) : "";
  return { path, text: message + current(issue) + hint };
}

function current(issue: Issue): string {
  return issue.input === undefined ? "" : shown(issue.input);
}

/** `, current value is "x"`, short. */
function shown(value: unknown): string {
  const text = Deno.inspect(value, {
    depth: 1,
    iterableLimit: 3,
    strAbbreviateSize: 60,
    breakLength: Infinity,
  });
  return `, current value is ${text.length > 120 ? `${text.slice(0, 117)}...` : text}`;
}
