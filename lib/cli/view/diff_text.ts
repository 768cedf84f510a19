import { artifactLabel } from "../../core/hash.ts";
import type { ArtifactDiff, DiffSide } from "../../explain/artifact_diff.ts";
import { formatDuration } from "../../ui/duration.ts";
import { flatParams, paramsLine } from "../../ui/params_text.ts";
import { style } from "../../ui/style.ts";
import { bytesText, localTime, oneLine, truncate } from "../../ui/text.ts";
import { aligned, differenceLines, fieldJson, originText, pairText } from "./difference_text.ts";
import { entryJson, type ListOptions } from "./list_text.ts";
import { paramsJson } from "./value_text.ts";

/** Columns of a value. */
const VALUE = 70;

/** How two artifacts compare, for people. */
export function diffText({ old, new: now, identity }: ArtifactDiff, options: ListOptions): string {
  const paint = style(options.color);
  const isSameTask = identity.old.name === identity.new.name;
  const lines = [paint.strong(pairText(identity))];
  if (identity.fields === undefined) {
    lines.push("  what one of them is, is not known: give the module that makes it");
  } else if (identity.old.hash === identity.new.hash) lines.push("  the same artifact");
  else if (identity.fields.length === 0 && isSameTask) lines.push("  the same in all fields that are known");
  else lines.push(...differenceLines(identity.fields));
  const rows = aligned(
    [...sideRows("old", old), ...sideRows("new", now)].map(([path, text]) => ({ path, text })),
  );
  lines.push("", ...rows);
  if (old.code !== undefined && now.code !== undefined) {
    lines.push(old.code === now.code ? "code: the same" : `code: ${old.code} → ${now.code}`);
  }
  if (old.commit !== undefined && now.commit !== undefined && old.commit !== now.commit) {
    lines.push(`git: ${old.commit} → ${now.commit}`);
  }
  const cut = (line: string) => options.width === undefined ? line : truncate(line, options.width);
  return `${lines.map(cut).join("\n")}\n`;
}

function sideRows(word: string, side: DiffSide): [string, string][] {
  const { entry, valueFile } = side;
  const { status, name, hash, durationMs, bytes, error } = entry;
  const rows: [string, string][] = [[word, artifactLabel(name, hash)]];
  const origin = originText(entry, localTime);
  const took = durationMs === undefined ? "" : `, in ${formatDuration(durationMs)}`;
  const STATUS = {
    DONE: "computed",
    IN_PROGRESS: "in progress",
    FAILED: "failed",
    TODO: "not stored",
    DAMAGED: "damaged",
  };
  rows.push(["", `${STATUS[status]} ${origin}${took}`.trim()]);
  if (error !== undefined) rows.push(["", truncate(oneLine(error), 2 * VALUE)]);
  if (status !== "DONE") return rows;
  const size = bytes === undefined ? "" : `${bytesText(bytes)}, `;
  rows.push(["", `${size}value ${valueFile === undefined ? headText(side.value) : `in ${valueFile}`}`]);
  return rows;
}

/** The beginning of a value. */
function headText(value: unknown): string {
  const text = value === undefined ? "none" : paramsLine(flatParams(value));
  return truncate(text === "" ? "{}" : text, VALUE);
}

/** The same for programs. */
export function diffJson({ old, new: now, identity }: ArtifactDiff): Record<string, unknown> {
  const side = ({ entry, code, commit, value, valueFile }: DiffSide) => ({
    ...entryJson(entry),
    ...(code === undefined ? {} : { code }),
    ...(commit === undefined ? {} : { commit }),
    ...(valueFile === undefined ? {} : { valueFile }),
    ...(value === undefined ? {} : { value: plainValue(value) }),
  });
  return {
    ...{ old: side(old), new: side(now) },
    ...(identity.fields === undefined ? {} : { differences: identity.fields.map(fieldJson) }),
    ...(old.code === undefined || now.code === undefined ? {} : { sameCode: old.code === now.code }),
  };
}

/** A stored value has forms that parameters have not (NaN, files): then it is given as it is stored. */
function plainValue(value: unknown): unknown {
  try {
    return paramsJson(value);
  } catch {
    return value;
  }
}
