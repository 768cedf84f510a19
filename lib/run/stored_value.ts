import { errorCode, StoreError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import { readRecord } from "../store/commit.ts";
import { type ArtifactPaths, attemptPaths } from "../store/layout.ts";
import type { SuccessRecord } from "../store/record.ts";
import { checkValue, decodeValue } from "../store/value.ts";
import { KeptArtifacts } from "../task/kept.ts";
import { findTask } from "../task/registry.ts";
import type { Runtime } from "./runtime.ts";

/** So many records are read at the same time. */
const AT_ONCE = 32;
/** A file with a larger value is not read again to see whether it can be: that could take more memory than there is. */
const MAX_CHECKED_BYTES = 16 * 1024 * 1024;

/** What was found where a value should be. */
export type ReadValue = { ok: true; value: unknown } | { ok: false; why: string };

/**
 * The value of a record, from the record or its files.
 *
 * @param how `"none"` looks only whether its folders are there, `"check"` whether the value could be read: then there is
 * none either.
 * @throws {StoreError} naming the file that is damaged or cannot be read.
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
  if (record.files && !await files.stat(dir)) return { ok: false, why: `its folder ${dir} is gone` };
  for (const folder of record.uses ?? []) {
    if (await files.stat(`${root}/${folder}`)) continue;
    return {
      ok: false,
      why: `its value names files of another result, and their folder ${root}/${folder} is gone`,
    };
  }
  if (how === "none") return { ok: true, value: undefined };
  try {
    const { valueFile, artifactsFile, artifacts = {} } = record;
    if (how === "check" && (await sizeOf(runtime, dir, [valueFile, artifactsFile])) > MAX_CHECKED_BYTES) {
      return { ok: true, value: undefined };
    }
    const json = valueFile === undefined ? record.value : await readJson(runtime, dir, valueFile);
    const table = artifactsFile === undefined ? artifacts : await readJson(runtime, dir, artifactsFile);
    if (typeof table !== "object" || table === null) {
      throw new StoreError(`Cannot read the artifacts in ${dir}/${artifactsFile}: it is no table`);
    }
    const value = how === "check"
      ? await checkValue(json, { dir, root, table, sizeOf: (path) => sizeOf(runtime, dir, [path]) })
      : await decodeStored(runtime, json, dir, table as Record<string, unknown>);
    return { ok: true, value };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { ok: false, why: `a file of its value is gone (${dir})` };
    if (error instanceof StoreError || errorCode(error) !== undefined) throw error;
    throw new StoreError(`Cannot read the value in ${paths.record}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

async function decodeStored(
  runtime: Runtime,
  json: unknown,
  dir: string,
  table: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const kept = new KeptArtifacts(table, findTask);
  const decode = () =>
    decodeValue(json, {
      dir,
      root: runtime.store.root,
      artifact: kept.artifact,
      readBytes: (path) => runtime.machine.files.readBytes(path),
    });
  const value = await decode();
  if (kept.missing.size === 0) return value;
  await learnFromRecords(runtime, kept);
  return await decode();
}

/** An earlier version of furu kept only names and hashes: an artifact's own record tells what counts for its identity. */
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

/** A damaged record is an error of whoever needs that artifact. */
async function recordOrNothing(runtime: Runtime, paths: ArtifactPaths): Promise<SuccessRecord | undefined> {
  try {
    return await readRecord(runtime.store, paths);
  } catch (error) {
    if (errorCode((error as Error).cause) !== undefined) throw error;
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

async function readJson(runtime: Runtime, dir: string, name: string): Promise<unknown> {
  const path = `${dir}/${name}`;
  const text = new TextDecoder().decode(await runtime.machine.files.readBytes(path));
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StoreError(`Cannot read the value in ${path}: it is truncated or not JSON`, { cause: error });
  }
}
