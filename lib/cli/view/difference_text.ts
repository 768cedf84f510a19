import { artifactLabel } from "../../core/hash.ts";
import type { ArtifactDifference, FieldDifference } from "../../explain/differences.ts";
import { flatParams, foldedLine, paramsLine } from "../../ui/params_text.ts";
import { oneLine, textWidth } from "../../ui/text.ts";
import { paramsJson } from "./value_text.ts";

/** What stands for a field that one of two has not. */
const ABSENT = "(none)";
/** Columns of a value that is long, around the place where it differs. */
const AROUND = 30;

/** The old and the new value of a field, as texts that differ. */
export function sidesText(field: FieldDifference): { old: string; new: string } {
  const [old, now] = [sideText(field, "old"), sideText(field, "new")];
  if (old !== now) return { old, new: now };
  // They differ behind the end of what is shown of them.
  const [a, b] = [oneLine(JSON.stringify(field.old) ?? ""), oneLine(JSON.stringify(field.new) ?? "")];
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return { old: around(a, at), new: around(b, at) };
}

function sideText(field: FieldDifference, side: "old" | "new"): string {
  if (!(side in field)) return ABSENT;
  const value = field[side];
  return field.of === "params" || field.of === "dependencies"
    ? paramsLine(flatParams(value)) || "{}"
    : String(value);
}

function around(text: string, at: number): string {
  const start = Math.max(0, at - 10);
  const end = start + AROUND;
  return `${start > 0 ? "…" : ""}${text.slice(start, end)}${end < text.length ? "…" : ""}`;
}

/** Lines about how two artifacts differ; what differs in a dependency stands below it, further in. */
export function differenceLines(fields: readonly FieldDifference[], indent = "  "): string[] {
  const shown = new Set<ArtifactDifference>();
  const rows: { path: string; text: string }[] = [];
  const visit = (field: FieldDifference, start: string): void => {
    const { old, new: now } = sidesText(field);
    const { below } = field;
    const again = below !== undefined && shown.has(below) ? " (as above)" : "";
    const note = below !== undefined && below.fields === undefined ? " (what is not known)" : again;
    rows.push({ path: `${start}${field.path || "parameters"}`, text: `${old} → ${now}${note}` });
    if (below === undefined || again !== "") return;
    shown.add(below);
    for (const each of below.fields ?? []) visit(each, `${start}  `);
  };
  for (const field of fields) visit(field, indent);
  return aligned(rows);
}

/** Rows of two columns. */
export function aligned(rows: readonly { path: string; text: string }[]): string[] {
  const width = Math.max(0, ...rows.map(({ path }) => textWidth(path)));
  return rows.map(({ path, text }) => `${path}${" ".repeat(width - textWidth(path))}  ${text}`);
}

/** Values of a field in many artifacts, folded: `0.01..0.8`. */
export function foldedValues(texts: readonly string[]): string {
  const distinct = new Set(texts);
  if (distinct.size === 1) return texts[0]!;
  return foldedLine(texts.map((text) => new Map([["", text]]))).slice(1);
}

/** A field that differs for programs: values as plain JSON. */
export function fieldJson(field: FieldDifference): Record<string, unknown> {
  const { path, of, below } = field;
  return {
    path,
    of,
    ...("old" in field ? { old: paramsJson(field.old) } : {}),
    ...("new" in field ? { new: paramsJson(field.new) } : {}),
    ...(below?.fields === undefined ? {} : { differences: below.fields.map(fieldJson) }),
  };
}

/** Who computed something when: `2026-11-29 10:15 by ann on node7`. */
export function originText(
  { at, user, host, run }: {
    at?: string | undefined;
    user?: string | undefined;
    host?: string | undefined;
    run?: string | undefined;
  },
  timeText: (at: string) => string,
): string {
  const parts = [
    at === undefined ? "" : timeText(at),
    user === undefined ? "" : `by ${user}`,
    host === undefined ? "" : `on ${host}`,
    run === undefined ? "" : `(${run})`,
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** Both of two artifacts, as a heading. */
export function pairText({ old, new: now }: ArtifactDifference): string {
  return `${artifactLabel(old.name, old.hash)} → ${artifactLabel(now.name, now.hash)}`;
}
