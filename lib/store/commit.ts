import { errorCode, errorText, ProtocolError, StoreError } from "../core/errors.ts";
import { artifactLabel } from "../core/hash.ts";
import { join } from "@std/path/posix/join";
import { readClaim } from "./read_claim.ts";
import { type ArtifactPaths, type AttemptKey, attemptPaths } from "./layout.ts";
import { parseSuccessRecord, type SuccessRecord } from "./record.ts";
import { removeIfThere, type Store, storeError } from "./store.ts";

/** A result that is ready to be committed. */
export interface Commit {
  /** Where everything of the artifact is. */
  paths: ArtifactPaths;
  /** The attempt that made it. */
  attempt: AttemptKey;
  /** The success record as text. */
  text: string;
  /** Does the attempt's folder belong to the result? */
  files: boolean;
  /** Id of the attempt whose record this one is to replace (forced, or found invalid). */
  replaces?: string;
  /** Looks at the record as its readers will find it, before it counts; what it throws is thrown. @default nothing */
  check?: (record: SuccessRecord) => Promise<void>;
}

/**
 * Makes a result the artifact's, by one exclusive link; everything has reached the disk before. The folders are not
 * synced: a commit that is lost in a power cut only costs computing again, a torn record would cost a person.
 *
 * @returns `"superseded"` when somebody else's result was first: that one counts.
 * @throws {StoreError} naming file and cause; then there is no record of this attempt.
 * @throws {ProtocolError} when furu would refuse this very record when it reads it.
 */
export async function commitRecord(
  store: Store,
  commit: Commit,
): Promise<"committed" | "superseded"> {
  const { paths, attempt } = commit;
  if (commit.files) {
    const { files } = attemptPaths(paths, attempt);
    await store.share(files);
    await syncTree(store, files);
  }
  let temporary: string;
  try {
    temporary = await store.writePrivate(paths.home, commit.text, { sync: true });
  } catch (error) {
    throw storeError("write the success record of", paths.home, error);
  }
  try {
    const record = await readBack(store, commit, temporary);
    await commit.check?.(record);
    return commit.replaces === undefined
      ? await linkRecord(store, commit, temporary)
      : await replaceRecord(store, commit, temporary, commit.replaces);
  } finally {
    await removeIfThere(store.machine, temporary);
  }
}

/** Reads an artifact's success record; `undefined` where there is none. @throws {StoreError} naming the file. */
export async function readRecord(store: Store, paths: ArtifactPaths): Promise<SuccessRecord | undefined> {
  const text = await store.read(paths.record);
  return text === undefined ? undefined : parseSuccessRecord(text, paths.record, paths);
}

/** By the rules of its readers: one that they refuse would be in the way of every later attempt. */
async function readBack(store: Store, { paths, text }: Commit, temporary: string): Promise<SuccessRecord> {
  const written = await store.read(temporary);
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

/** Only the holder of the claim replaces; a reader finds the old or the new record at every moment. */
async function replaceRecord(
  store: Store,
  commit: Commit,
  temporary: string,
  replaces: string,
): Promise<"committed" | "superseded"> {
  const { files } = store.machine;
  const { paths, attempt } = commit;
  const old = await readRecord(store, paths);
  if (!old) return await linkRecord(store, commit, temporary);
  const holder = await readClaim(store, paths);
  if (old.id !== replaces || holder?.id !== attempt.id) return "superseded";
  try {
    await files.link(paths.record, attemptPaths(paths, { n: old.attempt, id: old.id }).replaced);
  } catch (error) {
    // A replacement of the same record that failed before has made it.
    if (errorCode(error) !== "EEXIST") throw storeError("keep the old record of", paths.record, error);
  }
  try {
    await files.rename(temporary, paths.record);
    return "committed";
  } catch (error) {
    if ((await readRecord(store, paths))?.id === attempt.id) return "committed";
    throw storeError("replace", paths.record, error);
  }
}

async function syncTree(store: Store, dir: string): Promise<void> {
  for (const entry of await store.machine.files.list(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) await syncTree(store, path);
    else if (await isRegular(store, path)) await syncFile(store, path);
  }
}

async function syncFile(store: Store, path: string): Promise<void> {
  try {
    await store.machine.files.sync(path);
  } catch (error) {
    throw storeError("sync", path, error);
  }
}

/** A symbolic link's target is none of ours, and a socket or pipe cannot be synced. */
async function isRegular(store: Store, path: string): Promise<boolean> {
  return (await store.machine.files.stat(path))?.isFile ?? false;
}
