import { ArtifactCell } from "../../catalog/cells.ts";
import { cellOf, plainCell, type TableRow } from "../../catalog/table_rows.ts";
import { artifactLabel } from "../../core/hash.ts";
import { formatDuration } from "../../ui/duration.ts";
import { escapeHtml } from "../../ui/cell_block.ts";
import { style } from "../../ui/style.ts";
import { table } from "../../ui/table.ts";
import { bytesText, oneLine, truncate } from "../../ui/text.ts";
import { SHORT_STATUS } from "../view/list_text.ts";

/** The widest cell of an aligned table, in columns of the terminal. */
const MOST_OF_ONE = 40;

/** Heads for people, who also get these numbers with units. */
const HEADS: Readonly<Record<string, string>> = {
  durationMs: "duration",
  peakMemoryBytes: "memory",
  cpuSec: "cpu",
  bytes: "size",
};

/** Rows as an array of flat objects with real types. A row has no member where it has no cell. */
export function tableJson(rows: readonly TableRow[], columns: readonly string[]): string {
  const objects = rows.map((row) =>
    Object.fromEntries(columns.flatMap((column) => {
      const cell = cellOf(row, column);
      return cell === undefined ? [] : [[column, plainCell(cell)]];
    }))
  );
  return objects.length === 0 ? "[]\n" : `[\n${objects.map((row) => JSON.stringify(row)).join(",\n")}\n]\n`;
}

/**
 * Rows as CSV of RFC 4180: lines end with CRLF; what has a comma, a quote or the end of a line in it is
 * quoted. Arrays are JSON, null is an empty cell.
 */
export function tableCsv(rows: readonly TableRow[], columns: readonly string[]): string {
  const line = (cells: readonly string[]): string => `${cells.map(quoted).join()}\r\n`;
  return line(columns) +
    rows.map((row) => line(columns.map((column) => cellText(cellOf(row, column))))).join("");
}

// @std/csv leaves a carriage return alone unquoted, which readers take for the end of a line.
function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows as a table of Markdown, for people: with units, whole hashes and values. */
export function tableMarkdown(rows: readonly TableRow[], columns: readonly string[]): string {
  const escaped = (text: string): string =>
    text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll(/\r\n|\r|\n/g, "<br>");
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |\n`;
  const rights = columns.map((column) => isRight(rows, column));
  return line(columns.map((column) => escaped(HEADS[column] ?? column))) +
    line(rights.map((right) => right ? "--:" : "---")) +
    rows.map((row) => line(columns.map((column) => escaped(textForPeople(column, cellOf(row, column))))))
      .join("");
}

/** Rows as a table of HTML, for notebooks: what is long is shortened, and whole where the pointer rests. */
export function tableHtml(rows: readonly TableRow[], columns: readonly string[]): string {
  const line = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((cell) => `<${tag} style="text-align:left">${cell}</${tag}>`).join("")}</tr>`;
  const cell = (column: string, row: TableRow): string => {
    const text = textForPeople(column, cellOf(row, column));
    const short = shortCell(column, cellOf(row, column));
    const title = short === text ? "" : ` title="${escapeHtml(truncate(text, MOST_OF_TITLE))}"`;
    return `<span${title}>${escapeHtml(short)}</span>`;
  };
  return `<table><thead>${
    line("th", columns.map((column) => escapeHtml(HEADS[column] ?? column)))
  }</thead><tbody>${
    rows.map((row) => line("td", columns.map((column) => cell(column, row)))).join("")
  }</tbody></table>`;
}

/** The longest text that the pointer shows. */
const MOST_OF_TITLE = 500;

function shortCell(column: string, cell: unknown): string {
  if (column === "hash") return `${cell}`.slice(0, 8);
  if (cell instanceof ArtifactCell) return artifactLabel(cell.name, cell.hash);
  return truncate(oneLine(textForPeople(column, cell)), MOST_OF_ONE);
}

/** Rows as an aligned table, for terminals: what is long is shortened. */
export function tableAligned(
  rows: readonly TableRow[],
  columns: readonly string[],
  { color, width }: { color: boolean; width: number | undefined },
): string {
  const [head = "", ...lines] = table(
    rows.map((row) => columns.map((column) => shortCell(column, cellOf(row, column)))),
    {
      head: columns.map((column) => HEADS[column] ?? column),
      right: columns.flatMap((column, i) => isRight(rows, column) ? [i] : []),
      width,
    },
  );
  return [style(color).strong(head), ...lines, ""].join("\n");
}

/** Whether all of a column are numbers. */
function isRight(rows: readonly TableRow[], column: string): boolean {
  const cells = rows.map((row) => cellOf(row, column)).filter((cell) => cell !== undefined && cell !== null);
  return cells.length > 0 && cells.every((cell) => typeof cell === "number" || typeof cell === "bigint");
}

function textForPeople(column: string, cell: unknown): string {
  if (typeof cell === "number") {
    if (column === "durationMs") return formatDuration(cell);
    if (column === "cpuSec") return formatDuration(cell * 1000);
    if (column === "peakMemoryBytes" || column === "bytes") return bytesText(cell);
  }
  return column === "status"
    ? (SHORT_STATUS as Readonly<Record<string, string>>)[`${cell}`] ?? `${cell}`
    : cellText(cell);
}

/** A cell as text: what is no number, text or boolean as JSON; nothing for null. */
export function cellText(cell: unknown): string {
  if (typeof cell === "string") return cell;
  // JSON has no word for NaN and infinities, which readers of CSV know.
  if (typeof cell === "number") return Object.is(cell, -0) ? "-0" : `${cell}`;
  if (typeof cell === "bigint") return `${cell}`;
  const plain = plainCell(cell);
  if (plain === undefined || plain === null) return "";
  return typeof plain === "string" ? plain : JSON.stringify(plain);
}
