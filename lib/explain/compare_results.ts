import { join } from "@std/path/posix/join";
import { attemptPaths } from "../store/layout.ts";
import type { SuccessRecord } from "../store/record.ts";
import type { Store } from "../store/store.ts";

/** A result in a store. */
export interface StoredResult {
  /** The store. */
  readonly store: Store;
  /** Its record. */
  readonly record: SuccessRecord;
}

/** Where one result differs from another one, at first. */
export interface ResultDifference {
  /** The place: `value.loss`, `value.rows[3]`, `file plot.png`. */
  readonly where: string;
  /** What is there in the old one; absent where there is nothing. */
  readonly old?: unknown;
  /** What is there in the new one. */
  readonly new?: unknown;
}

const CHUNK = 1024 * 1024;

/**
 * Compares two results of one artifact: the values as they are stored, then the files, byte by byte. Paths
 * into an attempt's own folder are stored relative to it, so that they are the same.
 *
 * @returns The first difference; nothing where there is none.
 */
export async function compareResults(
  key: { name: string; hash: string },
  old: StoredResult,
  now: StoredResult,
): Promise<ResultDifference | undefined> {
  const [a, b] = await Promise.all([valueOf(key, old), valueOf(key, now)]);
  return firstDifference(a, b, "value") ?? await filesDifference(key, old, now);
}

function dirOf({ name, hash }: { name: string; hash: string }, { store, record }: StoredResult): string {
  return attemptPaths(store.paths({ name, hash } as never), { n: record.attempt, id: record.id }).files;
}

async function valueOf(key: { name: string; hash: string }, result: StoredResult): Promise<unknown> {
  const { valueFile, value } = result.record;
  return valueFile === undefined
    ? value
    : JSON.parse(await result.store.machine.files.readText(join(dirOf(key, result), valueFile)));
}

/** The first place where two JSON values differ. */
export function firstDifference(old: unknown, now: unknown, where: string): ResultDifference | undefined {
  if (Object.is(old, now)) return undefined;
  if (Array.isArray(old) && Array.isArray(now)) {
    for (let i = 0; i < Math.max(old.length, now.length); i++) {
      const found = firstDifference(old[i], now[i], `${where}[${i}]`);
      if (found) return found;
    }
    return undefined;
  }
  if (isObject(old) && isObject(now)) {
    for (const key of new Set([...Object.keys(old), ...Object.keys(now)])) {
      const found = firstDifference(old[key], now[key], `${where}.${key}`);
      if (found) return found;
    }
    return undefined;
  }
  return {
    where,
    ...(old === undefined ? {} : { old }),
    ...(now === undefined ? {} : { new: now }),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function filesDifference(
  key: { name: string; hash: string },
  old: StoredResult,
  now: StoredResult,
): Promise<ResultDifference | undefined> {
  if (old.record.total || now.record.total) {
    // Too many to be named in the records.
    return firstDifference(old.record.total, now.record.total, "files");
  }
  const own = ({ valueFile, artifactsFile }: SuccessRecord) => [valueFile, artifactsFile];
  const ignored = new Set([...own(old.record), ...own(now.record)]);
  const [a, b] = [old.record.sizes ?? {}, now.record.sizes ?? {}];
  for (const name of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
    if (ignored.has(name)) continue;
    const where = `file ${name}`;
    const size = (bytes: number | undefined) => bytes === undefined ? undefined : `${bytes} bytes`;
    if (a[name] !== b[name]) return firstDifference(size(a[name]), size(b[name]), where);
    const at = await firstOtherByte(join(dirOf(key, old), name), join(dirOf(key, now), name));
    if (at !== undefined) return { where, old: `byte ${at} differs`, new: `byte ${at} differs` };
  }
  return undefined;
}

async function firstOtherByte(path: string, other: string): Promise<number | undefined> {
  using one = await Deno.open(path);
  using two = await Deno.open(other);
  for (let at = 0;;) {
    const [a, b] = await Promise.all([chunkOf(one), chunkOf(two)]);
    const length = Math.min(a.length, b.length);
    for (let i = 0; i < length; i++) if (a[i] !== b[i]) return at + i;
    at += length;
    if (a.length !== b.length) return at;
    if (length === 0) return undefined;
  }
}

/** A whole chunk, but at the end. */
async function chunkOf(file: Deno.FsFile): Promise<Uint8Array> {
  const chunk = new Uint8Array(CHUNK);
  let length = 0;
  for (let read; length < CHUNK && (read = await file.read(chunk.subarray(length))) !== null;) length += read;
  return chunk.subarray(0, length);
}
