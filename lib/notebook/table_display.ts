import { ArtifactCell, type Cells, flatten, paramCells } from "../catalog/cells.ts";
import { cellOf, columnsOf, type TableRow } from "../catalog/table_rows.ts";
import type { DoneRow, OtherRow } from "../catalog/typed_table.ts";
import { tableAligned, tableHtml } from "../cli/takeout/table_text.ts";
import type { MimeBundle } from "../core/system/session.ts";
import { isArtifact } from "../task/artifact/artifact.ts";
import { shownParams } from "../task/artifact/identity.ts";
import { oneLine, plural } from "../ui/text.ts";

/** A row of `table()`. */
export type AnyRow = DoneRow<unknown, unknown> | OtherRow<unknown, unknown>;

/** The most rows that a cell shows. */
const MOST_ROWS = 100;
/** Longer arrays are told by their length. */
const MOST_ITEMS = 8;

/** Rows as a table: the parameters in which they differ, and their values. */
export function tableDisplay(results: readonly AnyRow[]): MimeBundle {
  if (results.length === 0) return { "text/plain": "no results" };
  const rows = results.map(rowOf);
  // Of the others nothing is known here.
  const columns = columnsOf(rows).filter((column) => rows.some((row) => cellOf(row, column) !== undefined));
  const shown = rows.slice(0, MOST_ROWS);
  const rest = rows.length - shown.length;
  const more = rest > 0 ? `… and ${plural(rest, "more row")}` : "";
  return {
    "text/plain": tableAligned(shown, columns, { color: false, width: undefined }) + more,
    "text/html": tableHtml(shown, columns) + more,
  };
}

function rowOf({ artifact, hash, status, value, createdAt, durationMs, ...rest }: AnyRow): TableRow {
  const { name } = artifact;
  const params = shownParams(artifact);
  const cells: Cells = new Map();
  if (status === "DONE") flatten(value, "value", cells, cellFor);
  return {
    entry: {
      name,
      hash,
      status,
      ...(params === undefined ? {} : { params }),
      ...(createdAt === undefined ? {} : { at: createdAt.toISOString() }),
      ...(durationMs === undefined ? {} : { durationMs }),
      ...("error" in rest && rest.error !== undefined ? { error: rest.error } : {}),
    },
    params: paramCells(params),
    value: cells,
  };
}

/** What is long, and what only its own class knows, is not written out. */
function cellFor(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (isArtifact(value)) return new ArtifactCell(value.name, value.hash);
  if (Array.isArray(value) && value.length > MOST_ITEMS) return `Array(${value.length})`;
  if (ArrayBuffer.isView(value)) {
    return `${value.constructor.name}(${(value as Partial<Uint8Array>).length ?? value.byteLength})`;
  }
  return oneLine(Deno.inspect(value, { depth: 2, iterableLimit: MOST_ITEMS, colors: false }));
}
