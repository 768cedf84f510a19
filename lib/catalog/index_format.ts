import type { FileInfo } from "../core/system/files.ts";
import type { FolderNames } from "./folder_names.ts";
import type { ArtifactEntry } from "./read_entries.ts";

/** What is written is of this version; any other is as if it were not there. */
const VERSION = 1;

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
  const json = parse(text);
  if (json?.furu !== "names" || json.version !== VERSION || json.task !== task) return undefined;
  const { folder, below, hashes, has } = json;
  if (!areNumbers(folder, 2) || !Array.isArray(below) || !below.every((name) => typeof name === "string")) {
    return undefined;
  }
  if (typeof has !== "string" || !/^[1-7]*$/.test(has)) return undefined;
  const keys = decodeHashes(hashes, has.length);
  if (!keys) return undefined;
  const artifacts = new Map(keys.map((hash, i) => [hash, Number(has[i])]));
  const [ino, mtimeMs] = folder as [number, number];
  return { folder: { ino, mtimeMs }, names: { artifacts, below } };
}

/** Elements of a row; one more is the value, where that is kept. */
const ELEMENTS = 16;

/** Writes down what lists show of a task's stored artifacts. */
export function encodeRows(task: string, rows: ReadonlyMap<string, IndexRow>): string {
  const texts = new Map<string, number>();
  const shared = (text: string | undefined): number => {
    if (text === undefined) return -1;
    let at = texts.get(text);
    if (at === undefined) texts.set(text, at = texts.size);
    return at;
  };
  const encoded = [...rows.values()].map(({ stamp, entry }) => [
    stamp.ino,
    stamp.mtimeMs,
    stamp.size,
    entry.params,
    entry.at,
    entry.id,
    entry.durationMs,
    entry.bytes,
    entry.attempt,
    shared(entry.run),
    shared(entry.host),
    shared(entry.user),
    entry.peakMemoryBytes,
    entry.cpuSec,
    entry.programsCpuSec,
    shared(entry.spec),
    ...keptValue(entry),
  ]);
  return JSON.stringify({
    furu: "rows",
    version: VERSION,
    task,
    hashes: [...rows.keys()].join(""),
    texts: [...texts.keys()],
    rows: encoded,
  });
}

/** The value where it is small, and its record has it: as it is there. */
function keptValue({ record, inline }: ArtifactEntry): unknown[] {
  if (inline) return [inline.value];
  if (!record || record.valueFile !== undefined || record.value === undefined) return [];
  return JSON.stringify(record.value).length <= MOST_OF_VALUE ? [record.value] : [];
}

/** Reads what {@link encodeRows} wrote; nothing where it is anything else. */
export function decodeRows(task: string, text: string): Map<string, IndexRow> | undefined {
  const json = parse(text);
  if (json?.furu !== "rows" || json.version !== VERSION || json.task !== task) return undefined;
  const { rows, texts } = json;
  if (!Array.isArray(rows) || !Array.isArray(texts)) return undefined;
  if (!texts.every((text) => typeof text === "string")) return undefined;
  const keys = decodeHashes(json.hashes, rows.length);
  if (!keys) return undefined;
  const decoded = new Map<string, IndexRow>();
  for (let i = 0; i < keys.length; i++) {
    const row = decodeRow(task, keys[i]!, rows[i], texts);
    if (!row) return undefined;
    decoded.set(keys[i]!, row);
  }
  return decoded;
}

function decodeRow(
  name: string,
  hash: string,
  row: unknown,
  texts: readonly unknown[],
): IndexRow | undefined {
  if (!Array.isArray(row) || row.length < ELEMENTS || row.length > ELEMENTS + 1) return undefined;
  const [ino, mtimeMs, size] = row;
  const [at, id] = [row[4], row[5]];
  if (!Number.isFinite(ino) || !Number.isFinite(mtimeMs) || !Number.isFinite(size)) return undefined;
  if (typeof at !== "string" || typeof id !== "string") return undefined;
  const shared = (i: number): string | undefined => texts[row[i]] as string | undefined;
  const number = (i: number): number | undefined => typeof row[i] === "number" ? row[i] : undefined;
  // In the order of an entry that was read from its record: lists for programs have it, too.
  const entry: ArtifactEntry = {
    name,
    hash,
    status: "DONE",
    params: row[3],
    at,
    durationMs: number(6),
    bytes: number(7),
    attempt: number(8),
    run: shared(9),
    host: shared(10),
    user: shared(11),
    peakMemoryBytes: number(12),
    cpuSec: number(13),
    programsCpuSec: number(14),
    spec: shared(15),
    id,
    inline: row.length > ELEMENTS ? { value: row[ELEMENTS] } : undefined,
  };
  return { stamp: { ino, mtimeMs, size }, entry };
}

function decodeHashes(hashes: unknown, count: number): string[] | undefined {
  if (typeof hashes !== "string" || hashes.length !== count * 32 || !/^[0-9a-f]*$/.test(hashes)) {
    return undefined;
  }
  return Array.from({ length: count }, (_, i) => hashes.slice(i * 32, i * 32 + 32));
}

function areNumbers(value: unknown, count: number): boolean {
  return Array.isArray(value) && value.length === count && value.every((each) => Number.isFinite(each));
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null ? json as Record<string, unknown> : undefined;
  } catch {
    return undefined; // torn
  }
}
