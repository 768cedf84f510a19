import type { z } from "zod";
import { formatKey } from "../../core/json/encode_tagged.ts";
import { didYouMean, listNames } from "../../core/nearest.ts";
import { isArtifact } from "../artifact/artifact.ts";
import type { Finding } from "./unknown_keys.ts";

/** A fault that zod found. */
export type Issue = z.core.$ZodIssue;
/** Keys that a schema does not have; with `valid`, what it has, where furu itself found them. */
export type UnrecognizedKeys = z.core.$ZodIssueUnrecognizedKeys & { readonly valid?: readonly string[] };

/** An issue without its frame: where it is and what is allowed there. */
interface Fault {
  path: readonly PropertyKey[];
  text: string;
  /** Whether the input looks like this form, of a union, apart from the fault. */
  near: boolean;
  /** Whether nothing is given where something must be. */
  missing?: boolean;
}

/** The most faults that are told of a kind: a wrong list can have thousands. */
const MOST = 20;

/** Unknown keys as zod tells of them for strict objects, with the valid keys and the nearest. */
export function unknownKeysIssue({ path, unknown }: Finding): UnrecognizedKeys | undefined {
  if (!unknown) return undefined;
  const { keys } = unknown;
  const valid = [...new Set(unknown.valid)];
  const faults = keys.slice(0, MOST).map((key) => `unknown key '${key}'${didYouMean(key, valid)}`);
  if (keys.length > MOST) faults.push(`${keys.length - MOST} more`);
  return {
    code: "unrecognized_keys",
    path: [...path],
    keys,
    valid,
    message: `${faults.join(", ")} (valid keys: ${listNames(valid)})`,
  };
}

/**
 * Says what is wrong with parameters: a line for each issue, as
 * `params.lr: expected number, current value is "x"`. Of a failed union the forms that come nearest are told.
 *
 * @param issues From a parse with `reportInput`.
 */
export function formatIssues(issues: readonly Issue[]): string[] {
  const lines = issues.slice(0, MOST).flatMap(faults).map((found) =>
    `params${pathText(found)}: ${found.text}`
  );
  return issues.length > MOST ? [...lines, `and ${issues.length - MOST} more`] : lines;
}

function faults(issue: Issue): Fault[] {
  switch (issue.code) {
    case "invalid_union":
      return [issue.errors.length === 0 ? noForm(issue) : union(issue)];
    case "invalid_key":
      return issue.issues.flatMap(faults).map((inner) =>
        issue.origin === "map"
          ? inside(issue, `a key${pathText(inner)}: `, inner)
          : inside(issue, `is no valid key${pathText(inner)}: `, inner)
      );
    case "invalid_element":
      return issue.issues.flatMap(faults).map((inner) =>
        inside(issue, `the value of ${inspected(issue.key)}${pathText(inner)}: `, inner)
      );
    default:
      return [fault(issue)];
  }
}

function inside(outer: Issue, what: string, { text }: Fault): Fault {
  return { path: outer.path, text: what + text, near: true };
}

function pathText({ path }: Fault): string {
  return path.map(formatKey).join("");
}

/** The most characters that tell of all forms of a union: unions of unions have many. */
const LONGEST_UNION = 600;

/** The forms that come nearest to what was given, or else all of them. */
function union(issue: Extract<Issue, { code: "invalid_union" }>): Fault {
  const forms = issue.errors.map((errors) => errors.flatMap(faults)).filter((form) => form.length > 0);
  const nearer = isArtifact(issue.input) ? [] : nearest(forms);
  const told = nearer.length > 0 ? nearer : forms;
  const [only] = told;
  if (told.length === 1 && only!.length === 1) {
    const [fault] = only as [Fault];
    return { ...fault, path: [...issue.path, ...fault.path] };
  }
  const texts = told.map((form) =>
    form.map((inner) => (inner.path.length > 0 ? `${pathText(inner)}: ` : "") + inner.text).join(" and ")
  );
  // What was given is the same for all forms that fail at their root: told once.
  const given = nearer.length > 0 ? "" : issue.input === undefined ? MISSING : current(issue);
  const all = shorten(
    [...new Set(texts.map((text) => text.replace(given, "")))].join("; or "),
    LONGEST_UNION,
  );
  const missing = given === MISSING;
  const text = missing ? given + all : all + given;
  return { path: issue.path, text, near: issue.path.length > 0 || nearer.length > 0, missing };
}

/** Of the forms that fit at their own root those in which nothing is missing, if there are such. */
function nearest(forms: Fault[][]): Fault[][] {
  const near = forms.filter((form) => form.some((fault) => fault.near));
  const complete = near.filter((form) => form.every(({ missing }) => !missing));
  return complete.length > 0 ? complete : near;
}

/** No form has this value in the key that tells the forms apart, or several forms fit where one should. */
function noForm(issue: Extract<Issue, { code: "invalid_union" }>): Fault {
  const { path } = issue;
  const { options, discriminator: key, matches } = issue as unknown as {
    options?: unknown[];
    discriminator?: string;
    matches?: number[];
  };
  if (matches !== undefined) {
    const numbers = matches.map((i) => i + 1).join(" and ");
    return {
      path,
      text: `fits the forms ${numbers}, but has to fit exactly one${current(issue)}`,
      near: false,
    };
  }
  if (options === undefined || key === undefined) return fault(issue);
  const value = (issue.input as Record<string, unknown> | undefined)?.[key];
  const names = options.map(String);
  const text = `expected one of ${shorten(listNames(names), LONGEST)}`;
  if (value === undefined) return { path, text: MISSING + text, near: true, missing: true };
  return { path, text: `${text}${shown(value)}${didYouMean(String(value), names)}`, near: true };
}

const MISSING = "is missing, ";

/** The most characters of a message: enums can have hundreds of names. */
const LONGEST = 300;

function fault(issue: Issue): Fault {
  const { path } = issue;
  const near = path.length > 0 || issue.code === "unrecognized_keys";
  if (issue.code === "unrecognized_keys") {
    const own = (issue as UnrecognizedKeys).valid !== undefined;
    return { path, text: own ? issue.message : `unknown keys: ${listNames(issue.keys)}`, near };
  }
  const message = shorten(messageOf(issue), LONGEST);
  if (issue.code === "invalid_type") {
    const expected = message.replace(/, received .*$/, "");
    if (issue.input !== undefined) return { path, text: expected + current(issue), near };
    if (expected === "expected nonoptional") return { path, text: "is missing", near };
    return { path, text: MISSING + expected, near, missing: true };
  }
  const values = issue.code === "invalid_value"
    ? issue.values.filter((value) => typeof value === "string")
    : [];
  const hint = typeof issue.input === "string" ? didYouMean(issue.input, values) : "";
  return { path, text: message + current(issue) + hint, near };
}

function messageOf(issue: Issue): string {
  if (issue.code === "invalid_format" && issue.format === "template_literal") {
    return `expected text that matches ${issue.pattern}`;
  }
  return issue.message.replace(/^Invalid input: /, "").replace(/\s*\n\s*/g, " ");
}

function current(issue: Issue): string {
  return issue.input === undefined ? "" : shown(issue.input);
}

/** `, current value is "x"`, short. */
function shown(value: unknown): string {
  return `, current value is ${inspected(value)}`;
}

function inspected(value: unknown): string {
  if (isArtifact(value)) return String(value);
  const text = Deno.inspect(value, {
    depth: 1,
    iterableLimit: 3,
    strAbbreviateSize: 60,
    breakLength: Infinity,
  });
  return shorten(text.replace(/\s*\n\s*/g, " "), 120);
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 3)}...` : text;
}
