import type { FileInfo } from "../core/system/files.ts";
import type { FolderNames } from "./folder_names.ts";
import type { ArtifactEntry } from "./read_entries.ts";

/** What is written is of this version; any other is as if it were not there. */
const VERSION = 2;

/** What tells a file or a folder from what it was before. */
export type Stamp = Pick<FileInfo, "ino" | "mtimeMs" | "size">;

/** The names in a task's folder, and as of when. */
export interface NamesIndex {
  /** The folder when it was listed: while it is the same, so are the names. */
  readonly folder: Pick<Stamp, "ino" | "mtimeMs">;
  /** What was listed. */
  readonly names: FolderNames;
}

/** What lists show of a stored artifact, and the record it was read from. */
export interface IndexRow {
  /** The record then: while it is the same, so is the entry. */
  readonly stamp: Stamp;
  /** What lists show. */
  readonly entry: ArtifactEntry;
}

/** Stored values as their records have them, by the hash of the artifact, and the attempt that each is of. */
export type SmallValues = Map<string, { readonly id: string; readonly value: unknown }>;

/** Values are kept whose JSON is no longer than this. */
const MOST_OF_VALUE = 300;

/** Writes down the names in a task's folder. */
export function encodeNames(task: string, { folder, names }: NamesIndex): string {
  const { artifacts, below } = names;
  return JSON.stringify({
    furu: "names",
    version: VERSION,
    task,
    folder: [folder.ino, folder.mtimeMs],
    below,
    hashes: [...artifacts.keys()].join(""),
    has: [...artifacts.values()].join(""),
  });
}

/** Reads what {@link encodeNames} wrote; nothing where it is anything else. */
export function decodeNames(task: string, text: string): NamesIndex | undefined {
  const json = parse(text, "names", task);
  if (!json) return undefined;
  const { folder, below, hashes, has } = json;
  if (!areNumbers(folder, 2) || !Array.isArray(below) || !below.every((name) => typeof name === "string")) {
    return undefined;
  }
  if (typeof has !== "string" || !/^[1-7]*$/.test(has)) return undefined;
  const keys = decodeHashes(hashes);
  if (keys?.length !== has.length) return undefined;
  const artifacts = new Map(keys.map((hash, i) => [hash, Number(has[i])]));
  const [ino, mtimeMs] = folder as [number, number];
  return { folder: { ino, mtimeMs }, names: { artifacts, below } };
}

/** Numbers of a row, each a column by itself: to read those is quicker than a list for each row. */
const NUMBERS = [
  "ino",
  "mtimeMs",
  "size",
  "durationMs",
  "bytes",
  "attempt",
  "peakMemoryBytes",
  "cpuSec",
  "programsCpuSec",
  "partial",
] as const;
/** Texts of which there are few different ones: a column has their places in the list of them. */
const SHARED = ["run", "host", "user", "spec"] as const;
type Column = typeof NUMBERS[number] | typeof SHARED[number];

/** Writes down what lists show of a task's stored artifacts. */
export function encodeRows(task: string, rows: ReadonlyMap<string, IndexRow>): string {
  const all = [...rows.values()];
  const texts = new Map<string, number>();
  const shared = (text: string | undefined): number | null => {
    if (text === undefined) return null;
    let at = texts.get(text);
    if (at === undefined) texts.set(text, at = texts.size);
    return at;
  };
  const columns: Partial<Record<Column, (number | null)[]>> = {};
  for (const key of NUMBERS) {
    columns[key] = all.map(({ stamp, entry }) => ({ ...entry, ...stamp })[key] ?? null);
  }
  for (const key of SHARED) columns[key] = all.map(({ entry }) => shared(entry[key]));
  return JSON.stringify({
    furu: "rows",
    version: VERSION,
    task,
    hashes: [...rows.keys()].join(""),
    at: all.map(({ entry }) => entry.at).join("\n"),
    id: all.map(({ entry }) => entry.id).join("\n"),
    texts: [...texts.keys()],
    columns,
  });
}

/** What {@link encodeRows} wrote: a row is put together when somebody wants it. */
export class KeptRows {
  /** The hashes, and where their rows are. */
  readonly places: ReadonlyMap<string, number>;
  readonly #task: string;
  readonly #hashes: readonly string[];
  readonly #at: readonly string[];
  readonly #id: readonly string[];
  readonly #texts: readonly string[];
  readonly #columns: Readonly<Record<Column, readonly (number | null)[]>>;

  /** Of what was checked by {@link decodeRows}. */
  constructor(task: string, hashes: readonly string[], json: Readonly<Record<string, unknown>>) {
    this.places = new Map(hashes.map((hash, i) => [hash, i]));
    this.#task = task;
    this.#hashes = hashes;
    this.#at = (json["at"] as string).split("\n");
    this.#id = (json["id"] as string).split("\n");
    this.#texts = json["texts"] as string[];
    this.#columns = json["columns"] as Record<Column, (number | null)[]>;
  }

  /** Whether the record is the very file that the row was read from. */
  isOf(place: number, { ino, size, mtimeMs }: Stamp): boolean {
    const columns = this.#columns;
    return columns.ino[place] === ino && columns.size[place] === size && columns.mtimeMs[place] === mtimeMs;
  }

  /** The row itself. */
  row(place: number, params: unknown): IndexRow {
    const number = (key: Column): number | undefined => this.#columns[key][place] ?? undefined;
    const text = (key: Column): string | undefined => this.#texts[number(key) ?? -1];
    // In the order of an entry that was read from its record: lists for programs have it, too.
    const entry: ArtifactEntry = {
      name: this.#task,
      hash: this.#hashes[place]!,
      status: "DONE",
      params,
      at: this.#at[place],
      durationMs: number("durationMs"),
      bytes: number("bytes"),
      attempt: number("attempt"),
      run: text("run"),
      host: text("host"),
      user: text("user"),
      peakMemoryBytes: number("peakMemoryBytes"),
      cpuSec: number("cpuSec"),
      programsCpuSec: number("programsCpuSec"),
      spec: text("spec"),
      partial: number("partial"),
      id: this.#id[place],
    };
    const [ino = 0, mtimeMs = 0, size = 0] = [number("ino"), number("mtimeMs"), number("size")];
    return { stamp: { ino, mtimeMs, size }, entry };
  }
}

/** Reads what {@link encodeRows} wrote; nothing where it is anything else. */
export function decodeRows(task: string, text: string): KeptRows | undefined {
  const json = parse(text, "rows", task);
  if (!json) return undefined;
  const { texts, columns, at, id } = json;
  const hashes = decodeHashes(json["hashes"]);
  if (!Array.isArray(texts) || !hashes) return undefined;
  const count = hashes.length;
  const areLines = [at, id].every((lines) => typeof lines === "string" && lines.split("\n").length === count);
  if (!areLines || !texts.every((each) => typeof each === "string")) return undefined;
  if (typeof columns !== "object" || columns === null) return undefined;
  for (const key of [...NUMBERS, ...SHARED]) {
    const column = (columns as Record<string, unknown>)[key];
    if (!Array.isArray(column) || column.length !== count) return undefined;
    if (!column.every((each) => each === null || typeof each === "number")) return undefined;
  }
  return new KeptRows(task, hashes, json);
}

/** Writes down the parameters of a task's artifacts, by their hashes. */
export function encodeParams(task: string, params: ReadonlyMap<string, unknown>): string {
  const hashes = [...params.keys()].join("");
  return JSON.stringify({ furu: "params", version: VERSION, task, hashes, params: [...params.values()] });
}

/** Reads what {@link encodeParams} wrote; nothing where it is anything else. */
export function decodeParams(task: string, text: string): Map<string, unknown> | undefined {
  const json = parse(text, "params", task);
  if (!json) return undefined;
  const { params } = json;
  const hashes = decodeHashes(json["hashes"]);
  if (!Array.isArray(params) || hashes?.length !== params.length) return undefined;
  return new Map(hashes.map((hash, i) => [hash, params[i]]));
}

/** The value of a record, where it is small enough to be kept. */
export function smallValue({ record, id }: ArtifactEntry): { id: string; value: unknown } | undefined {
  if (!record || id === undefined || record.valueFile !== undefined || record.value === undefined) {
    return undefined;
  }
  return JSON.stringify(record.value).length <= MOST_OF_VALUE ? { id, value: record.value } : undefined;
}

/** Writes down small values of a task's artifacts. */
export function encodeValues(task: string, values: SmallValues): string {
  const all = [...values.values()];
  return JSON.stringify({
    furu: "values",
    version: VERSION,
    task,
    hashes: [...values.keys()].join(""),
    id: all.map(({ id }) => id).join("\n"),
    values: all.map(({ value }) => value),
  });
}

/** Reads what {@link encodeValues} wrote; nothing where it is anything else. */
export function decodeValues(task: string, text: string): SmallValues | undefined {
  const json = parse(text, "values", task);
  if (!json) return undefined;
  const { values, id } = json;
  if (!Array.isArray(values) || typeof id !== "string") return undefined;
  const [hashes, ids] = [decodeHashes(json["hashes"]), id.split("\n")];
  if (hashes?.length !== values.length || ids.length !== hashes.length) return undefined;
  return new Map(hashes.map((hash, i) => [hash, { id: ids[i]!, value: values[i] }]));
}

function decodeHashes(hashes: unknown): string[] | undefined {
  if (typeof hashes !== "string" || hashes.length % 32 !== 0 || !/^[0-9a-f]*$/.test(hashes)) return undefined;
  const decoded: string[] = [];
  for (let i = 0; i < hashes.length; i += 32) decoded.push(hashes.slice(i, i + 32));
  return decoded;
}

function areNumbers(value: unknown, count: number): boolean {
  return Array.isArray(value) && value.length === count && value.every((each) => Number.isFinite(each));
}

function parse(text: string, kind: string, task: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const json = JSON.parse(text) as Record<string, unknown> | null;
    const isOurs = json?.["furu"] === kind && json["version"] === VERSION && json["task"] === task;
    return isOurs ? json : undefined;
  } catch {
    return undefined; // torn
  }
}
