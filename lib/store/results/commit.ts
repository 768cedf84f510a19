import { join } from "@std/path/posix/join";
import { errorCode, errorText, ProtocolError, StoreError } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import type { FileInfo } from "../../core/system/files.ts";
import { REMOVER, TIDIER } from "../claims/claim.ts";
import { readClaim } from "../claims/read_claim.ts";
import { type ArtifactPaths, type AttemptKey, attemptPaths } from "../layout.ts";
import { parseSuccessRecord, type SuccessRecord } from "../record.ts";
import { makeDurable } from "./durable.ts";
import { readOld, readRecord, UNREADABLE } from "../read_record.ts";
import { removeIfThere, type Store, storeError } from "../store.ts";

/** A result that is ready to be committed. */
export interface Commit {
  /** Where everything of the artifact is. */
  paths: ArtifactPaths;
  /** The attempt that made it. */
  attempt: AttemptKey;
  /** The folder of the attempt's owner file, for private names. */
  ownerDir: string;
  /** The success record as text. */
  text: string;
  /** The files that belong to the result. */
  files: readonly string[];
  /**
   * Id of the attempt whose record this one is to replace (forced, or found invalid), or {@link UNREADABLE}.
   */
  replaces?: string;
  /**
   * Looks at the record as its readers will find it, before it counts; what it throws is thrown.
   *
   * @default {nothing}
   */
  check?: (record: SuccessRecord) => Promise<void>;
  /**
   * Called when nothing more of the attempt is asked for: what is left is to bring it to the disk, which
   * begins when this resolves.
   *
   * @default {it begins at once}
   */
  onChecked?: (() => Promise<void>) | undefined;
}

/** More files than this are counted in the record, not named. */
const MAX_SIZES = 1000;

/**
 * Makes a result the artifact's, by one exclusive link; everything has reached the disk before. The folders
 * are not synced: a commit that is lost in a power cut only costs computing again, a torn record would cost a
 * person.
 *
 * @returns `"superseded"` when somebody else's result was first: that one counts.
 * @throws {StoreError} naming file and cause; then there is no record of this attempt.
 * @throws {ProtocolError} If furu would refuse this very record when it reads it.
 */
export async function commitRecord(
  store: Store,
  commit: Commit,
): Promise<"committed" | "superseded"> {
  const temporary = await writeTemporary(store, commit);
  try {
    const record = await readBack(store, commit, temporary);
    await commit.check?.(record);
    await commit.onChecked?.();
    // In this order: who removes the files of an attempt takes its temporary record first ("The dead who go on").
    if (commit.files.length > 0) await refuseWhileRemoved(store, commit);
    await makeDurable(store, [...commit.files, temporary]);
    return commit.replaces === undefined
      ? await linkRecord(store, commit, temporary)
      : await replaceRecord(store, commit, temporary, commit.replaces);
  } finally {
    await removeIfThere(store.machine, temporary);
  }
}

/** What an attempt's folder holds. */
export interface FolderContents {
  /** The paths of the regular files. */
  files: string[];
  /** The record's member that tells their sizes, so that one that is lost or cut is noticed. */
  member: string;
}

/** Looks at what an attempt leaves in its folder, once. */
export async function listFolder(store: Store, dir: string): Promise<FolderContents> {
  const sizes = new Map<string, number>();
  for await (const [path, { size }] of regularFiles(store, dir)) sizes.set(path.slice(dir.length + 1), size);
  const files = [...sizes.keys()].map((name) => `${dir}/${name}`);
  if (sizes.size <= MAX_SIZES) {
    return { files, member: `"sizes":${JSON.stringify(Object.fromEntries(sizes))}` };
  }
  const bytes = sizes.values().reduce((sum, size) => sum + size, 0);
  return { files, member: `"total":${JSON.stringify({ files: sizes.size, bytes })}` };
}

async function writeTemporary(store: Store, { ownerDir, paths, text }: Commit): Promise<string> {
  const write = () => store.writePrivate(ownerDir, text);
  try {
    return await write().catch(async (error) => {
      if (errorCode(error) !== "ENOENT") throw error;
      // Somebody has tidied the folder away.
      await store.makeDir(ownerDir);
      return await write();
    });
  } catch (error) {
    throw storeError("write the success record of", paths.home, error);
  }
}

/** By the rules of its readers: one that they refuse would be in the way of every later attempt. */
async function readBack(
  store: Store,
  { paths, text }: Commit,
  temporary: string,
): Promise<SuccessRecord> {
  let written: string;
  try {
    written = await store.machine.files.readText(temporary);
  } catch (error) {
    // Gone, too, where the file server forgot it in a power cut: that passes.
    throw storeError("read back the success record of", paths.home, error);
  }
  if (written !== text) {
    throw new StoreError(
      `Cannot write the success record of ${paths.home}: it is not what was written when it is read`,
    );
  }
  try {
    return parseSuccessRecord(written, paths.record, paths);
  } catch (cause) {
    throw new ProtocolError(
      `Cannot store the result of ${
        artifactLabel(paths.name, paths.hash)
      } as furu would refuse its record: ` +
        `this is a bug of furu; nothing was stored, and what was stored before stays (${errorText(cause)})`,
      { cause },
    );
  }
}

async function linkRecord(
  store: Store,
  { paths, attempt }: Commit,
  temporary: string,
): Promise<"committed" | "superseded"> {
  for (let turn = 1;; turn++) {
    try {
      await store.machine.files.link(temporary, paths.record);
      return "committed";
    } catch (error) {
      // The answer to a link that worked can be lost; a repeated request then says EEXIST.
      const there = await readRecord(store, paths);
      if (there) return there.id === attempt.id ? "committed" : "superseded";
      if (turn === 3) throw storeError("commit", paths.record, error);
    }
  }
}

/** A process that was declared dead and goes on may find that its files are removed just now. */
async function refuseWhileRemoved(store: Store, { paths }: Commit): Promise<void> {
  const holder = await readClaim(store, paths);
  if (holder === undefined || ![REMOVER, TIDIER].includes(holder.backend)) return;
  throw new StoreError(
    `Cannot commit ${paths.record}: its process was declared dead, and what attempts have left is removed now`,
  );
}

/** Only the holder of the claim replaces; a reader finds the old or the new record at every moment. */
async function replaceRecord(
  store: Store,
  commit: Commit,
  temporary: string,
  replaces: string,
): Promise<"committed" | "superseded"> {
  const { files } = store.machine;
  const { paths, attempt } = commit;
  const old = await readOld(store, paths);
  if (!old) return await linkRecord(store, commit, temporary);
  const holder = await readClaim(store, paths);
  if (old.id !== replaces || holder?.id !== attempt.id) return "superseded";
  const kept = old.id === UNREADABLE
    ? attemptPaths(paths, attempt).damaged
    : attemptPaths(paths, { n: old.attempt, id: old.id }).replaced;
  try {
    await store.makeDir(paths.home);
    await files.link(paths.record, kept);
  } catch (error) {
    // A replacement of the same record that failed before has made it.
    if (errorCode(error) !== "EEXIST") throw storeError("keep the old record of", paths.record, error);
  }
  try {
    await files.rename(temporary, paths.record);
    return "committed";
  } catch (error) {
    if ((await readOld(store, paths))?.id === attempt.id) return "committed";
    throw storeError("replace", paths.record, error);
  }
}

/**
 * The regular files of a folder and those in it: a symbolic link's target is none of ours, and a pipe has no
 * size.
 */
async function* regularFiles(store: Store, dir: string): AsyncGenerator<[path: string, info: FileInfo]> {
  for (const entry of await store.machine.files.list(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) yield* regularFiles(store, path);
    else {
      const info = await store.machine.files.stat(path);
      if (info?.isFile) yield [path, info];
    }
  }
}
