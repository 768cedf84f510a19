import type { z } from "zod";
import { formatKey } from "../core/encode_tagged.ts";
import { nearest } from "../core/nearest.ts";

type Issue = z.core.$ZodIssue;

/** An issue without its frame: where it is and what is allowed there. */
interface Fault {
  path: readonly PropertyKey[];
  text: string;
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
      return issue.errors.length === 0 ? [fault(issue)] : [union(issue)];
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
  // What was given is the same for all forms that fail at their root: told once, at the end.
  const given = current(issue);
  const told = deeper.length > 0
    ? texts
    : texts.map((text) => text.endsWith(given) ? text.slice(0, -given.length) : text);
  return { path: issue.path, text: [...new Set(told)].join("; or ") + (deeper.length > 0 ? "" : given) };
}

function isUnknownKey({ text }: Fault): boolean {
  return text.startsWith("unknown key");
}

function fault(issue: Issue): Fault {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") return { path, text: issue.message };
  const message = issue.message.replace(/^Invalid input: /, "");
  if (issue.code === "invalid_type") {
    const expected = message.replace(/, received .*$/, "");
    if (issue.input === undefined) return { path, text: `is missing, ${expected}` };
    return { path, text: expected + current(issue) };
  }
  const { input } = issue;
  const near = issue.code === "invalid_value" && typeof input === "string"
    ? nearest(input, issue.values.filter((value) => typeof value === "string"))
    : undefined;
  const hint = near === undefined ? "" : `; did you mean '${near}'?`;
  const custom = issue.code === "custom" ? (issue.params?.expected as string | undefined) : undefined;
  return { path, text: (custom ?? message) + current(issue) + hint };
}

/** `, current value is "x"`, short. */
function current(issue: Issue): string {
  if (issue.input === undefined) return "";
  const text = Deno.inspect(issue.input, {
    depth: 1,
    iterableLimit: 3,
    strAbbreviateSize: 60,
    breakLength: Infinity,
  });
  return `, current value is ${text.length > 120 ? `${text.slice(0, 117)}...` : text}`;
}
