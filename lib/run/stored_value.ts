import { errorCode, isSystemError, StoreError } from "../core/errors.ts";
import type { FileInfo } from "../core/system/files.ts";
import type { Hash } from "../core/hash.ts";
import { readRecord } from "../store/read_record.ts";
import { type ArtifactPaths, attemptPaths } from "../store/layout.ts";
import { DamagedError, type SuccessRecord } from "../store/record.ts";
import { listSurely, storeError } from "../store/store.ts";
import { checkValue, decodeValue } from "../store/results/value.ts";
import { KeptArtifacts } from "../task/artifact/kept.ts";
import { findTask } from "../task/artifact/registry.ts";
import type { Runtime } from "./runtime.ts";

/** So many records are read at the same time. */
const AT_ONCE = 32;
/**
 * A file with a larger value is not read again to see whether it can be: that could take more memory than
 * there is.
 */
const MAX_CHECKED_BYTES = 16 * 1024 * 1024;

/** A stored value, or how it is damaged; `unreadable` where its files are there. */
export type ReadValue = { ok: true; value: unknown } | { ok: false; why: string; unreadable?: true };

/**
 * The value of a record, from the record or its files, which have to be there with the sizes that they had.
 *
 * @param how `"none"` looks only at its files, `"check"` whether the value could be read, too: then there is
 * none either.
 * @throws {StoreError} It names the file that the system cannot read.
 */
export async function readValue(
  runtime: Runtime,
  paths: ArtifactPaths,
  record: SuccessRecord,
  how: "none" | "check" | "whole",
): Promise<ReadValue> {
  const { files } = runtime.machine;
  const { root } = runtime.store;
  const dir = attemptPaths(paths, { n: record.attempt, id: record.id }).files;
  let at = dir;
  const readBytes = (path: string) => files.readBytes(at = path);
  const readJson = async (name: string) => parseValue(await readBytes(`${dir}/${name}`), at);
  try {
    if (record.files) await checkFiles(runtime, dir, record.sizes ?? {});
    for (const folder of record.uses ?? []) {
      const path = `${root}/${folder}`;
      if (await files.stat(path) ?? await lookAgain(runtime, path)) continue;
      throw new DamagedError(`its value names files of another result, and their folder ${path} is gone`);
    }
    if (how === "none") return { ok: true, value: undefined };
    const { valueFile, artifactsFile, artifacts = {} } = record;
    if (how === "check" && (await sizeOf(runtime, dir, [valueFile, artifactsFile])) > MAX_CHECKED_BYTES) {
      return { ok: true, value: undefined };
    }
    const json = valueFile === undefined ? record.value : await readJson(valueFile);
    const table = artifactsFile === undefined ? artifacts : await readJson(artifactsFile);
    if (typeof table !== "object" || table === null) {
      throw new StoreError(`Cannot read the artifacts in ${dir}/${artifactsFile}: it is no table`);
    }
    const value = how === "check"
      ? await checkValue(json, { dir, root, table, sizeOf: (path) => sizeOf(runtime, dir, [path]) })
      : await decodeStored(runtime, json, dir, table as Record<string, unknown>, readBytes);
    return { ok: true, value };
  } catch (error) {
    if (error instanceof DamagedError) return { ok: false, why: error.what };
    if (isGone(error)) return { ok: false, why: `its file ${at} is gone` };
    if (isSystemError(error)) throw storeError("read", at, error);
    const why = `the value in ${paths.record} cannot be read: ${(error as Error).message}`;
    return { ok: false, why, unreadable: true };
  }
}

/** @throws {DamagedError} naming the first file that is gone or has another size. */
async function checkFiles(
  runtime: Runtime,
  dir: string,
  sizes: Readonly<Record<string, number>>,
): Promise<void> {
  const { files } = runtime.machine;
  const folder = await files.stat(dir) ?? await lookAgain(runtime, dir);
  if (!folder || folder.isFile) throw new DamagedError(`its folder ${dir} is gone`);
  for (const [name, size] of Object.entries(sizes)) {
    const path = `${dir}/${name}`;
    let info = await files.stat(path).catch((error) => isGone(error) ? undefined : Promise.reject(error));
    // A link or a pipe in its place is of somebody who knows what it stands for.
    if (info && !info.isFile && !info.isDirectory) continue;
    if (info?.size === size && info.isFile) continue;
    info = await lookAgain(runtime, path);
    if (!info) throw new DamagedError(`its file ${path} is gone`);
    if (info.size !== size || !info.isFile) {
      throw new DamagedError(
        `its file ${path} had ${size} bytes when it was stored, and has ${info.size} now`,
      );
    }
  }
}

/**
 * A host may remember an old state of a file, and that a folder on the way to it was missing: to list the
 * folders and to open the file makes it look again.
 */
async function lookAgain({ machine, store }: Runtime, path: string): Promise<FileInfo | undefined> {
  try {
    await listSurely(store, path.slice(0, path.lastIndexOf("/")));
    using file = await machine.files.open(path);
    return await file.stat();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw storeError("read", path, error);
  }
}

/** Whether an error says that there is nothing of that name, or something that cannot hold it. */
function isGone(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "EISDIR", "ELOOP"].includes(errorCode(error) ?? "");
}

function parseValue(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new DamagedError(`the value in ${path} is truncated or not JSON`, { cause: error });
  }
}

async function decodeStored(
  runtime: Runtime,
  json: unknown,
  dir: string,
  table: Readonly<Record<string, unknown>>,
  readBytes: (path: string) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<unknown> {
  const kept = new KeptArtifacts(table, findTask);
  const decode = () =>
    decodeValue(json, {
      dir,
      root: runtime.store.root,
      artifact: kept.artifact,
      readBytes,
    });
  const value = await decode();
  if (kept.missing.size === 0) return value;
  await learnFromRecords(runtime, kept);
  return await decode();
}

/**
 * An earlier version of furu kept only names and hashes: an artifact's own record tells what counts for its
 * identity.
 */
async function learnFromRecords(runtime: Runtime, kept: KeptArtifacts): Promise<void> {
  const asked = new Set<string>();
  for (;;) {
    const open = [...kept.missing].filter(([hash]) => !asked.has(hash)).slice(0, AT_ONCE);
    if (open.length === 0) return;
    await Promise.all(open.map(async ([hash, name]) => {
      asked.add(hash);
      const record = await recordOrNothing(runtime, runtime.store.paths({ name, hash: hash as Hash }));
      if (!record) return;
      const { identity } = record;
      const params = identity.params as Record<string, unknown>;
      kept.learn(hash, { identity: { ...identity, params }, partial: true });
      // What is below it may have to be learnt as well.
      kept.artifact(name, hash);
    }));
  }
}

/** A damaged record is an error of the one who needs that artifact. */
async function recordOrNothing(runtime: Runtime, paths: ArtifactPaths): Promise<SuccessRecord | undefined> {
  try {
    return await readRecord(runtime.store, paths);
  } catch (error) {
    if (isSystemError(error)) throw error;
    return undefined;
  }
}

/** Bytes of files together. */
async function sizeOf(
  runtime: Runtime,
  dir: string,
  names: readonly (string | undefined)[],
): Promise<number> {
  let bytes = 0;
  for (const name of names) {
    if (name === undefined) continue;
    const info = await runtime.machine.files.stat(`${dir}/${name}`);
    if (!info) throw new Deno.errors.NotFound(`There is no ${dir}/${name}`);
    bytes += info.size;
  }
  return bytes;
}
