import { ArtifactCell } from "../../catalog/cells.ts";
import { parseComparison } from "../../catalog/conditions.ts";
import type { Catalog } from "../../catalog/catalog.ts";
import {
  cellOf,
  columnsOf,
  followArtifacts,
  isValueColumn,
  readArrays,
  resolveName,
  sortRows,
  type TableRow,
  tableRows,
} from "../../catalog/table_rows.ts";
import { artifactLabel } from "../../core/hash.ts";
import { FuruError, UsageError } from "../../core/errors.ts";
import type { Store } from "../../store/store.ts";
import { plural } from "../../ui/text.ts";
import { defineCommand } from "../program/command.ts";
import { type FlagValues, switchFlag, valueFlag } from "../program/flag.ts";
import { catalogOf, readableStore } from "../program/readable_store.ts";
import { findSelected, ofFlag, selectionFlags, statusAndTime } from "../roots/selection.ts";
import { cellText, tableAligned, tableCsv, tableJson, tableMarkdown } from "./table_text.ts";

/** An aligned table has at most so many columns, unless they are named: nobody can read more. */
const MOST_COLUMNS = 30;

const FORMATS = ["csv", "json", "md"] as const;
type Format = typeof FORMATS[number] | "aligned";

const flags = {
  ...selectionFlags,
  csv: switchFlag("As CSV (RFC 4180)"),
  md: switchFlag("As a table of Markdown"),
  columns: valueFlag("A,B", "Only these columns, in this order", parseColumns, { short: "c" }),
  "all-columns": switchFlag("Parameters that are the same in all rows, too", { short: "a" }),
  output: valueFlag("FILE", "Into this file; .csv, .json and .md tell the format", (text) => text, {
    short: "o",
  }),
};

/** `furu table`: results as a table. */
export const tableCommand = defineCommand({
  args: () => "TASK|PATTERN|HASH...",
  arity: () => ({ least: 1, most: 1000 }),
  description: [
    "Results as a table for spreadsheets, notebooks and papers, one row an artifact: its hash and status, the " +
    "parameters in which the rows differ (data.size), its value (value.score; a value that is no object is " +
    "'value'), and what it took. --csv and --json have whole values, and numbers without units: durationMs, " +
    "peakMemoryBytes, cpuSec. JSON is one array of flat objects.",
    "--columns takes names of columns; 'value' or 'data' stands for all that begins with it. Where the " +
    "parameter data is an artifact, data.rows is that artifact's parameter rows, and so on. Also: task, at, bytes, " +
    "attempt, run, host, user, spec, error. --where and --sort know all columns. A parameter with such a name " +
    "is params.NAME.",
  ],
  flags,
  examples: () => [
    ["houses/Train", "the sweep in the terminal"],
    ["houses/Train --csv -o sweep.csv", "for a spreadsheet or pandas"],
    ["houses/Train --columns lr,data.rows,value.score --sort value.score", "some columns, the best last"],
    ["houses/Train --where 'value.score>0.9' --md", "for a report"],
  ],
  async run({ args, flags, globals, io, engine }) {
    const format = formatOf({ ...flags, json: globals.json });
    const store = await readableStore(engine);
    const catalog = catalogOf(store);
    const { rows, left } = await selectedRows(store, catalog, args, flags);
    const only = flags.columns;
    let columns = ofFlag("columns", () => columnsOf(rows, { only, all: flags["all-columns"] }));
    if (only !== undefined) await readArrays(store, rows, columns);
    const hidden = format === "aligned" && only === undefined ? columns.length - MOST_COLUMNS : 0;
    if (hidden > 0) columns = columns.slice(0, MOST_COLUMNS);
    const width = flags.output === undefined ? io.width : undefined;
    const color = io.color && !globals["no-color"] && flags.output === undefined;
    const text = textOf(format, rows, columns, { color, width });
    if (flags.output === undefined) io.out(text);
    else await writeOutput(flags.output, text);
    if (left > 0) io.err(`${left} more are not shown (--limit)\n`);
    if (hidden > 0) io.err(`${hidden} more columns are not shown (--columns, --csv)\n`);
    if (rows.length === 0) io.err(`nothing of that is in ${store.root}\n`);
    const faults = rows.flatMap(({ fault }) => fault ?? []);
    if (faults.length > 0) {
      io.err(`the values of ${plural(faults.length, "artifact")} cannot be read: ${faults[0]}\n`);
    }
    await catalog.keep();
    return faults.length > 0 ? 1 : 0;
  },
});

/** The rows that arguments and flags choose, in order, and how many `--limit` left. */
async function selectedRows(
  store: Store,
  catalog: Catalog,
  args: readonly string[],
  flags: Pick<FlagValues<typeof tableCommand["flags"]>, keyof typeof selectionFlags | "columns">,
): Promise<{ rows: TableRow[]; left: number }> {
  const comparisons = ofFlag("where", () => flags.where.map(parseComparison));
  const isWanted = statusAndTime(flags);
  const { columns, sort } = flags;
  const early = [...comparisons.map(({ path }) => path), ...(sort === undefined ? [] : [sort])];
  const needsValues = columns === undefined || [...columns, ...early].some(isValueColumn);
  const found = await findSelected(store, args, catalog.list);
  const entries = (await catalog.entries(found, { values: needsValues })).filter(isWanted);
  const isEarly = early.some(isValueColumn);
  let rows = await tableRows(store, entries, { value: isEarly });
  await followArtifacts(store, rows, early);
  for (const { path, holds } of comparisons) {
    const column = resolveName(rows, path);
    rows = rows.filter((row) => holds(comparable(cellOf(row, column))));
  }
  if (sort !== undefined) rows = ofFlag("sort", () => sortRows(rows, sort, flags.reverse));
  else if (flags.reverse) rows.reverse();
  const shown = rows.slice(0, flags.limit ?? Infinity);
  const left = rows.length - shown.length;
  // Values that lie in files are read only where somebody looks at them.
  const isLate = !isEarly && (columns === undefined || columns.some(isValueColumn));
  rows = isLate ? await tableRows(store, shown.map(({ entry }) => entry), { value: true }) : shown;
  await followArtifacts(store, rows, columns ?? []);
  return { rows, left };
}

/** A cell as conditions compare it; nothing where there is none. */
function comparable(cell: unknown): string | undefined {
  if (cell === undefined) return undefined;
  if (cell === null) return "null";
  return cell instanceof ArtifactCell ? artifactLabel(cell.name, cell.hash) : cellText(cell);
}

function textOf(
  format: Format,
  rows: readonly TableRow[],
  columns: readonly string[],
  options: { color: boolean; width: number | undefined },
): string {
  switch (format) {
    case "csv":
      return tableCsv(rows, columns);
    case "json":
      return tableJson(rows, columns);
    case "md":
      return tableMarkdown(rows, columns);
    case "aligned":
      return tableAligned(rows, columns, options);
  }
}

function formatOf(
  { csv, md, json, output }: { csv: boolean; md: boolean; json: boolean; output: string | undefined },
): Format {
  const given = FORMATS.filter((format) => ({ csv, json, md })[format]);
  if (given.length > 1) {
    throw new UsageError(`Cannot use --${given[0]} and --${given[1]} together: a table has one format`);
  }
  return given[0] ?? FORMATS.find((format) => output?.toLowerCase().endsWith(`.${format}`)) ?? "aligned";
}

function parseColumns(text: string): string[] {
  const names = text.split(",").map((name) => name.trim()).filter((name) => name !== "");
  if (names.length > 0) return names;
  throw new UsageError(`names of columns are needed, as lr,value.score: current value is '${text}'`);
}

async function writeOutput(path: string, text: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, text);
  } catch (cause) {
    throw new FuruError(`Cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}
