import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { join } from "@std/path/posix/join";
import { errorCode, errorText, StoreError } from "../core/errors.ts";
import { embeddedPipeline, FURU_URL, oneFile } from "../core/packed.ts";
import { hashText, sha256Bytes } from "../core/hash.ts";
import { permissionError } from "../core/permissions.ts";
import { privateName } from "../store/layout.ts";
import { type Store, storeError } from "../store/store.ts";
import { type CodeFile, type CurrentCode, currentCode } from "./current_code.ts";
import type { Manifest, Resolution } from "./manifest.ts";
import { contentsDir, type SnapshotPaths, snapshotPaths, type SnapshotRef, snapshotsDir } from "./places.ts";
import { linkSiblings, type Siblings } from "./mirror.ts";
import { placedConfig, redirection } from "./place_config.ts";
import { withAllBelow } from "../task/artifact/reference.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";

/** Options of {@link takeSnapshot}. */
export interface TakeSnapshotOptions {
  /** URL of the module that the run was started with. */
  entry: string;
  /** URLs of the modules that define its tasks. */
  modules: Iterable<string>;
  /**
   * The options that Deno was given on its command line.
   *
   * @default {nothing}
   */
  resolution?: Resolution;
  /** Told what is not as one would expect. */
  onWarning: (text: string) => void;
}

/**
 * Keeps the user's code as it is now in the store, for the workers of a run: `snapshots/<id>/code/` stands
 * for the project's folder, with its modules, configurations and lock file as they are, and links to
 * everything else in it. Code that was kept before is found again: all of it is read and put right where it
 * was changed.
 *
 * @returns Which snapshot it is; `undefined` where no code is in local files, or all of it is in the one file
 * that runs.
 * @throws {FuruError} when it cannot be found out what the code is; {@link StoreError} when the store cannot
 * be written.
 */
export async function takeSnapshot(
  store: Store,
  { entry, modules, resolution, onWarning }: TakeSnapshotOptions,
): Promise<SnapshotRef | undefined> {
  if (embeddedPipeline() !== undefined) return undefined;
  const code = await currentCode([entry, ...modules], resolution);
  if (code === undefined) return undefined;
  const { base, digest } = code;
  const unusual = code.resolution === undefined ? "" : `\n${JSON.stringify(code.resolution)}`;
  // Links and configurations say where the project and furu are.
  const id = `${digest}-${hashText(`${base}\n${FURU_URL}${unusual}`).slice(0, 8)}`;
  const paths = snapshotPaths(store.root, id);
  try {
    await store.makeDir(contentsDir(store.root));
    // The store may be in the project: `deno fmt` and `deno lint` are not to see the copies.
    await ensure(store, join(snapshotsDir(store.root), ".gitignore"), "*\n");
    if (await isTaken(store, paths)) await fill(store, code, paths.code, paths.code);
    else await make(store, code, id);
    const crowded = linkSiblings(paths.code, siblings(code));
    for (const folder of crowded) {
      onWarning(`Not all files of ${folder} are found by modules beside them: there are too many`);
    }
  } catch (error) {
    throw asStoreError(paths.dir, error);
  }
  return { id, digest, base };
}

/**
 * Whether the snapshot is there. It is marked as used before that is said: `furu gc` leaves alone for a day
 * what was, until the record of the run names it.
 */
async function isTaken({ machine: { files, clock } }: Store, paths: SnapshotPaths): Promise<boolean> {
  if (await files.stat(paths.manifest) === undefined) return false;
  try {
    await files.write(paths.used, new Date(clock.now()).toISOString());
  } catch (error) {
    // Somebody else's in a shared store may be used without a mark.
    if (errorCode(error) === undefined) throw error;
  }
  return await files.stat(paths.manifest) !== undefined;
}

function siblings({ base, projects, files }: CurrentCode): Siblings {
  return { base, projects, names: files.map(({ name }) => name) };
}

/** Makes a snapshot under a private name, and gives it its own at once. */
async function make(store: Store, code: CurrentCode, id: string): Promise<void> {
  const { files } = store.machine;
  const paths = snapshotPaths(store.root, id);
  const dir = privateName(snapshotsDir(store.root), "tmp", store.machine);
  const { base, digest, roots } = code;
  const manifest: Manifest = {
    schema: 1,
    digest,
    base,
    roots,
    ...(code.resolution === undefined ? {} : { resolution: code.resolution }),
    files: Object.fromEntries(code.files.map((file) => [file.name, file.sha256])),
  };
  try {
    await store.makeDir(dir);
    await fill(store, code, join(dir, "code"), paths.code);
    linkSiblings(join(dir, "code"), siblings(code));
    await files.write(join(dir, "snapshot.json"), JSON.stringify(manifest, undefined, 1));
    await files.rename(dir, paths.dir);
  } catch (error) {
    await files.removeTree(dir).catch(() => {/* perhaps it was never made, or renamed */});
    // Another run over the same code was first, or the answer to our rename was lost.
    if (await files.stat(paths.manifest) === undefined) throw error;
  }
}

/**
 * Writes all files of the code that are missing in a folder, or different.
 *
 * @param into The folder.
 * @param place What the folder is to be called.
 */
async function fill(store: Store, code: CurrentCode, into: string, place: string): Promise<void> {
  for (const dir of new Set(code.files.map(({ name }) => dirname(join(into, name))))) {
    await store.makeDir(dir);
  }
  for (const file of code.files) {
    const path = join(into, file.name);
    if (file.kind === "config") {
      const how = { decides: file.name === code.names, starts: file.name === code.config };
      await ensure(store, path, placedConfig(join(code.base, file.name), code.base, place, how));
    } else if (file.kind === "lock") {
      // Deno may have added to it.
      if (await store.machine.files.stat(path) === undefined) await ensure(store, path, file.bytes);
    } else if (!await isSame(store, path, file)) await linkContents(store, path, file);
  }
  if (code.names === undefined && code.resolution?.packageFolder === undefined) {
    await ensure(store, join(into, "deno.json"), configOfNone(code.base, place));
  }
}

/** One more name for the contents, which are written where nobody has before. */
async function linkContents(store: Store, path: string, file: CodeFile): Promise<void> {
  const { files } = store.machine;
  const contents = join(contentsDir(store.root), file.sha256);
  if (!await isSame(store, contents, file)) {
    const temporary = privateName(dirname(contents), "tmp", store.machine);
    await files.write(temporary, file.bytes);
    // All snapshots share it: nobody is to change it by mistake.
    await files.chmod(temporary, 0o444);
    await files.rename(temporary, contents);
  }
  const temporary = privateName(dirname(path), "tmp", store.machine);
  try {
    await files.link(contents, temporary);
  } catch {
    // So many names are not allowed, or it was linked after all.
    await files.write(temporary, file.bytes);
  }
  await files.rename(temporary, path);
}

async function isSame(store: Store, path: string, file: CodeFile): Promise<boolean> {
  try {
    return await sha256Bytes(await store.machine.files.readBytes(path)) === file.sha256;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function ensure(store: Store, path: string, data: string | Uint8Array<ArrayBuffer>): Promise<void> {
  const text = typeof data === "string" ? data : new TextDecoder().decode(data);
  if (await store.read(path) === text) return;
  await store.machine.files.rename(await store.writePrivate(dirname(path), text), path);
}

/**
 * The configuration for code that has none. What Deno would find above the store means nothing to it: a
 * workspace of its own ends that search. Without any, Deno finds furu's own beside furu's program, where that
 * is a local file.
 */
function configOfNone(base: string, code: string): string {
  if (!FURU_URL.startsWith("file:") || oneFile() !== undefined) {
    return JSON.stringify({ workspace: [], scopes: redirection(base, code) });
  }
  const furu = fromFileUrl(FURU_URL);
  const { imports, scopes, compilerOptions } = JSON.parse(
    placedConfig(join(furu, "deno.json"), "/nowhere", "/nowhere"),
  );
  return JSON.stringify(
    {
      workspace: [],
      imports,
      scopes: { ...redirection(base, code), ...scopes },
      links: [furu], // with the members of its workspace
      compilerOptions,
    },
    undefined,
    1,
  );
}

function asStoreError(dir: string, error: unknown): unknown {
  if (error instanceof Deno.errors.NotCapable) return permissionError("keep the code of the run", error);
  const told = storeError("keep the code in", dir, error);
  return told === error && errorCode(error) !== undefined
    ? new StoreError(`Cannot keep the code in ${dir}: ${errorText(error)}`, { cause: error })
    : told;
}

/** URLs of the modules that define the tasks of artifacts and of all below them, as far as they are known. */
export function taskModules(roots: Iterable<Artifact>): Set<string> {
  const modules = new Set<string>();
  for (const artifact of withAllBelow(roots)) {
    const { task, loadOnly } = artifact[ARTIFACT];
    // The module of one that is only loaded may be of long ago.
    if (task.module !== undefined && !loadOnly) modules.add(task.module);
  }
  return modules;
}
