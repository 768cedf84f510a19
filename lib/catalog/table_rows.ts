import { errorText, furuErrorName, UsageError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import { didYouMean } from "../core/nearest.ts";
import { artifactPaths, attemptPaths } from "../store/layout.ts";
import { readRecord } from "../store/read_record.ts";
import { concernsOneArtifact, type Store, storeError } from "../store/store.ts";
import { ArtifactCell, type Cells, FileCell, paramCells, valueCells } from "./cells.ts";
import type { FoundArtifact } from "./find_artifacts.ts";
import { type ArtifactEntry, readEntry } from "./read_entries.ts";

/** One artifact of a table. */
export interface TableRow {
  /** What lists show of it. */
  readonly entry: ArtifactEntry;
  /** Its parameters, and those of artifacts in them that were followed. */
  readonly params: Cells;
  /** Its value, below `value`; empty where it was not read or there is none. */
  readonly value: Cells;
  /** Why its value could not be read. */
  readonly fault?: string;
}

/** The columns besides parameters and values, by the names that machines read. */
export const FIXED_COLUMNS: Readonly<Record<string, (entry: ArtifactEntry) => unknown>> = {
  task: ({ name }) => name,
  hash: ({ hash }) => hash,
  status: ({ status }) => status,
  durationMs: ({ durationMs }) => durationMs,
  peakMemoryBytes: ({ peakMemoryBytes }) => peakMemoryBytes,
  cpuSec: ({ cpuSec }) => cpuSec,
  at: ({ at }) => at,
  bytes: ({ bytes }) => bytes,
  attempt: ({ attempt }) => attempt,
  run: ({ run }) => run,
  host: ({ host }) => host,
  user: ({ user }) => user,
  spec: ({ spec }) => spec,
  partial: ({ partial }) => partial,
  error: ({ error }) => error,
};

/** Shorter names that people may give columns. */
const ALIASES: Readonly<Record<string, string>> = {
  name: "task",
  duration: "durationMs",
  memory: "peakMemoryBytes",
  cpu: "cpuSec",
  time: "at",
  size: "bytes",
};

const LAST = ["durationMs", "peakMemoryBytes", "cpuSec"];

/** The cell of a row in a column; `undefined` where the row has none. */
export function cellOf({ entry, params, value }: TableRow, column: string): unknown {
  if (Object.hasOwn(FIXED_COLUMNS, column)) return FIXED_COLUMNS[column]!(entry);
  if (column.startsWith("params.")) return params.get(column.slice("params.".length));
  return isValueColumn(column) ? value.get(column) : params.get(column);
}

/** Whether a column is of values. */
export function isValueColumn(column: string): boolean {
  return column === "value" || column.startsWith("value.");
}

/** Parameters that are called as other columns are stand behind `params.`. */
function paramColumn(path: string): string {
  const isTaken = Object.hasOwn(FIXED_COLUMNS, path) || Object.hasOwn(ALIASES, path) || isValueColumn(path);
  return isTaken ? `params.${path}` : path;
}

/**
 * Rows of a table.
 *
 * @param options `value`: whether values are to be read.
 */
export async function tableRows(
  store: Store,
  entries: readonly ArtifactEntry[],
  { value }: { value: boolean },
): Promise<TableRow[]> {
  const rows: TableRow[] = [];
  for (const entry of entries) {
    const params = paramCells(entry.params);
    if (!value || entry.status !== "DONE") {
      rows.push({ entry, params, value: new Map() });
      continue;
    }
    try {
      rows.push({ entry, params, value: await valueOf(store, entry) });
    } catch (error) {
      const isOfValue = error instanceof SyntaxError || furuErrorName(error) === "ValidationError";
      if (!isOfValue && !concernsOneArtifact(error)) throw error;
      rows.push({ entry, params, value: new Map(), fault: errorText(error) });
    }
  }
  return rows;
}

async function valueOf(store: Store, entry: ArtifactEntry): Promise<Cells> {
  const paths = artifactPaths(store.root, { name: entry.name, hash: entry.hash as Hash });
  const { attempt: n, id, inline } = entry;
  if (inline && n !== undefined && id !== undefined) {
    return valueCells(inline.value, { dir: attemptPaths(paths, { n, id }).files, root: store.root });
  }
  const record = entry.record ?? await readRecord(store, paths);
  if (!record) return new Map(); // it was removed just now
  const dir = attemptPaths(paths, { n: record.attempt, id: record.id }).files;
  let json = record.value;
  if (record.valueFile !== undefined) {
    const path = `${dir}/${record.valueFile}`;
    json = JSON.parse(new TextDecoder().decode(await readBytes(store, path)));
  }
  return valueCells(json, { dir, root: store.root });
}

async function readBytes(store: Store, path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await store.machine.files.readBytes(path);
  } catch (error) {
    throw storeError("read", path, error);
  }
}

/**
 * Follows artifacts in parameters as far as columns ask for it: for `data.rows`, where `data` is an artifact,
 * the parameters of that one are added as `data.*`, however deep.
 */
export async function followArtifacts(
  store: Store,
  rows: readonly TableRow[],
  columns: readonly string[],
): Promise<void> {
  const paths = columns.filter((column) => !isValueColumn(column))
    .map((column) => column.replace(/^params\./, "")).filter((column) => column.includes("."));
  if (paths.length === 0) return;
  const known = new Map<string, Promise<Cells>>();
  for (const { params } of rows) {
    const followed = new Set<string>();
    for (const path of paths) {
      for (let dot = path.indexOf("."); dot > 0; dot = path.indexOf(".", dot + 1)) {
        const at = path.slice(0, dot);
        const cell = params.get(at);
        if (!(cell instanceof ArtifactCell) || followed.has(at)) continue;
        followed.add(at);
        const key = cell.toJSON();
        if (!known.has(key)) known.set(key, paramsOf(store, cell));
        for (const [below, item] of await known.get(key)!) params.set(`${at}.${below}`, item);
      }
    }
  }
}

/** The parameters of an artifact, as far as the store knows them. */
async function paramsOf(store: Store, { name, hash }: ArtifactCell): Promise<Cells> {
  const { record, home } = artifactPaths(store.root, { name, hash: hash as Hash });
  const all = { hasRecord: true, hasHome: true, hasClaim: true };
  const found: FoundArtifact = { name, hash: hash as Hash, record, home, ...all };
  return paramCells((await readEntry(store, found))?.params);
}

/** Options of {@link columnsOf}. */
export interface ColumnsOptions {
  /**
   * These, in this order; a name may stand for several, as `value` for all of `value.*`.
   *
   * @default {what tells the rows apart, values, and what they took}
   */
  only?: readonly string[] | undefined;
  /**
   * Also parameters that are the same in all rows.
   *
   * @default {false}
   */
  all?: boolean;
}

/**
 * The columns of a table.
 *
 * @throws {UsageError} If no row has one that is asked for.
 */
export function columnsOf(rows: readonly TableRow[], { only, all = false }: ColumnsOptions = {}): string[] {
  const params = [...new Set(rows.flatMap(({ params }) => [...params.keys()]))].map(paramColumn);
  const values = [...new Set(rows.flatMap(({ value }) => [...value.keys()]))];
  if (only !== undefined) {
    const known = [...Object.keys(FIXED_COLUMNS), ...params, ...values];
    return [...new Set(only.flatMap((name) => meant(name, known, rows.length === 0)))];
  }
  const known = rows.filter(({ entry }) => entry.params !== undefined);
  const differs = (column: string): boolean => {
    const [first] = known;
    const text = first && JSON.stringify(plainCell(cellOf(first, column)));
    return known.some((row) => JSON.stringify(plainCell(cellOf(row, column))) !== text);
  };
  const tasks = new Set(rows.map(({ entry }) => entry.name));
  const shown = all || known.length === 1 ? params : params.filter(differs);
  return [...(tasks.size > 1 ? ["task"] : []), "hash", "status", ...shown, ...values, ...LAST];
}

/** The columns that a name stands for. */
function meant(name: string, known: readonly string[], isEmpty: boolean): string[] {
  const column = Object.hasOwn(ALIASES, name) ? ALIASES[name]! : name;
  if (known.includes(column)) return [column];
  const bare = column.replace(/^params\./, "");
  for (const other of [`params.${column}`, bare]) if (known.includes(other)) return [other];
  const prefixes = [`${column}.`, `params.${column}.`, `${bare}.`];
  const below = known.filter((each) => prefixes.some((prefix) => each.startsWith(prefix)));
  if (below.length > 0) return below;
  // Nothing is known of what no row has; values that are not there yet may come.
  if (isEmpty || isValueColumn(column)) return [column];
  throw new UsageError(
    `there is no column '${name}'${didYouMean(name, known)}: there are ${known.join(", ")}`,
  );
}

/** The one column that a name of a condition or an order stands for, whether there is such or not. */
export function resolveName(rows: readonly TableRow[], name: string): string {
  const column = Object.hasOwn(ALIASES, name) ? ALIASES[name]! : name;
  const has = (each: string): boolean => rows.some((row) => cellOf(row, each) !== undefined);
  return [column, `params.${name}`].find(has) ?? column;
}

/**
 * Sorts rows by any column: numbers as such, before texts. Rows without a cell come last in either order.
 *
 * @throws {UsageError} If no row has one.
 */
export function sortRows(rows: readonly TableRow[], name: string, reverse = false): TableRow[] {
  const column = resolveName(rows, name);
  const keyed = rows.map((row) => ({ row, key: sortKey(cellOf(row, column)) }));
  if (rows.length > 0 && keyed.every(({ key }) => key === undefined)) {
    throw new UsageError(`there is no column '${name}' in what is shown`);
  }
  const without = keyed.filter(({ key }) => key === undefined);
  const sorted = keyed.filter(({ key }) => key !== undefined).sort((a, b) => compareKeys(a.key, b.key));
  if (reverse) sorted.reverse();
  return [...sorted, ...without].map(({ row }) => row);
}

type SortKey = number | string | undefined;

function sortKey(cell: unknown): SortKey {
  const plain = plainCell(cell);
  if (plain === undefined || plain === null) return undefined;
  return typeof plain === "number" || typeof plain === "string" ? plain : JSON.stringify(plain);
}

function compareKeys(one: SortKey, other: SortKey): number {
  const rank = (key: SortKey): number => typeof key === "string" ? 1 : 0;
  if (rank(one) !== rank(other)) return rank(one) - rank(other);
  if (one === other || one === undefined || other === undefined) return 0;
  return one < other ? -1 : 1;
}

/** Reads the typed arrays in files that a column asks for by its very name. */
export async function readArrays(
  store: Store,
  rows: readonly TableRow[],
  columns: readonly string[],
): Promise<void> {
  for (const { value } of rows) {
    for (const column of columns) {
      const cell = value.get(column);
      if (cell instanceof FileCell) value.set(column, await cell.read((path) => readBytes(store, path)));
    }
  }
}

/** A cell as JSON has it: numbers, texts, booleans and null as they are, arrays and objects as such. */
export function plainCell(cell: unknown): unknown {
  if (typeof cell === "bigint") return cell >= -MAX_SAFE && cell <= MAX_SAFE ? Number(cell) : `${cell}`;
  if (typeof cell !== "object" || cell === null) return cell;
  if (cell instanceof Map) {
    const pairs = [...cell].map(([key, item]) => [plainCell(key), plainCell(item)] as const);
    const isNamed = pairs.every(([key]) => typeof key === "string");
    return isNamed ? Object.fromEntries(pairs) : pairs;
  }
  if (cell instanceof Set || Array.isArray(cell)) return Array.from(cell, plainCell);
  if (ArrayBuffer.isView(cell)) return Array.from(cell as unknown as Iterable<unknown>, plainCell);
  const { toJSON } = cell as { toJSON?: () => unknown };
  if (typeof toJSON === "function") return toJSON.call(cell);
  return Object.fromEntries(Object.entries(cell).map(([key, item]) => [key, plainCell(item)]));
}

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);
