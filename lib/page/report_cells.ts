import { ArtifactCell, type Cells } from "../catalog/cells.ts";
import { plainCell } from "../catalog/table_rows.ts";
import { artifactLabel } from "../core/hash.ts";
import { truncate } from "../ui/text.ts";
import type { ReportCell } from "./report_model.ts";

/** So many parameters, and cells of a value, are shown of an artifact. */
const MOST_CELLS = 60;
/** The longest text of a cell, in columns. */
const MOST_COLUMNS = 300;
/** Of more artifacts in a list no more are looked at. */
const MOST_ITEMS = 100;
/** Of a longer text no more is looked at, in characters. */
const MOST_CHARS = 2000;

/** Cells as a report has them: short, and as JSON can say them. */
export function reportCells(cells: Cells): Record<string, ReportCell> {
  const all = [...cells];
  const shown = all.slice(0, MOST_CELLS).map(([path, value]) => [path, reportCell(value)] as const);
  const more = all.length - shown.length;
  return Object.fromEntries(more > 0 ? [...shown, ["…", `${more} more`]] : shown);
}

function reportCell(value: unknown): ReportCell {
  if (value instanceof ArtifactCell) return artifactLabel(value.name, value.hash);
  if (Array.isArray(value) && value.some((item) => item instanceof ArtifactCell)) {
    return truncate(`[${value.slice(0, MOST_ITEMS).map(reportCell).join(", ")}]`, MOST_COLUMNS);
  }
  const plain = plainCell(value);
  if (plain === undefined) return "undefined";
  if (plain === null || typeof plain === "boolean") return plain;
  if (typeof plain === "number") return Number.isFinite(plain) ? plain : `${plain}`;
  const text = typeof plain === "string" ? plain : JSON.stringify(plain) ?? "undefined";
  return truncate(text.slice(0, MOST_CHARS), MOST_COLUMNS);
}
