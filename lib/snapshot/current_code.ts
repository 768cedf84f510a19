import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { relative } from "@std/path/posix/relative";
import { errorText, FuruError } from "../core/errors.ts";
import { hashText, sha256Bytes } from "../core/hash.ts";
import { findUpward } from "../core/paths.ts";
import { isFurus } from "../core/packed.ts";
import { localModules } from "./local_modules.ts";
import { projectFiles } from "./project_files.ts";
import { join } from "@std/path/posix/join";
import { toFileUrl } from "@std/path/posix/to-file-url";
import type { Manifest, Resolution } from "./manifest.ts";

/** A file of a project. */
export interface CodeFile {
  /** Its path below the base. */
  name: string;
  /** Its SHA-256, as 64 hex digits. */
  sha256: string;
  /** Its contents. */
  bytes: Uint8Array<ArrayBuffer>;
  /**
   * `config`: it says where other files are. `lock`: Deno itself may add to it. Else it only has to be the
   * same.
   */
  kind: "plain" | "config" | "lock";
}

/** The user's code as it is now. */
export interface CurrentCode {
  /** The folder that all of it is in. */
  base: string;
  /** Folders of the projects that it belongs to. */
  projects: Set<string>;
  /** The digest of names and contents: the same wherever the folder is. */
  digest: string;
  /** The modules that were asked for, as paths below the base. */
  roots: string[];
  /**
   * The configuration or import map that says what names stand for; none where the first of them has no
   * configuration.
   */
  names?: string;
  /** The configuration nearest to the first of them, which Deno is given. */
  config?: string;
  /** The options of Deno, where they are not what it finds by itself. */
  resolution?: Resolution;
  /** All files, by name. */
  files: CodeFile[];
}

/**
 * Reads the user's local modules as they are now, with all that decides how they are resolved.
 *
 * @param urls URLs of modules, the entry of the run first; those that are no local files are passed over.
 * @param resolution What Deno was told beside.
 * @returns `undefined` where none is a local file.
 * @throws {FuruError} If a file cannot be read, which it names.
 */
export async function currentCode(
  urls: Iterable<string>,
  resolution: Resolution = {},
): Promise<CurrentCode | undefined> {
  const roots = [...new Set(urls)].filter(isLocal);
  const [first] = roots;
  if (first === undefined) return undefined;
  const { importMap, packageFolder, options } = resolution;
  const nearest = findUpward(dirname(fromFileUrl(first)), ["deno.json", "deno.jsonc"])?.path;
  const config = resolution.config === null ? undefined : resolution.config ?? nearest;
  const modules = await localModules(roots, config, [
    ...options ?? [],
    ...(importMap === undefined ? [] : [`--import-map=${importMap}`]),
  ]);
  const { base, projects, paths, configs, locks, names } = projectFiles(modules, config, {
    importMap,
    packageFolder,
  });
  const files = await Promise.all(
    [...paths].sort().map(async (path): Promise<CodeFile> => {
      const bytes = await read(path);
      return {
        name: relative(base, path),
        sha256: await sha256Bytes(bytes),
        bytes,
        kind: configs.has(path) ? "config" : locks.has(path) ? "lock" : "plain",
      };
    }),
  );
  return {
    base,
    projects,
    digest: hashText(files.map(({ name, sha256 }) => `${sha256} ${name}\n`).join("")),
    roots: roots.map((url) => relative(base, fromFileUrl(url))),
    ...(names === undefined ? {} : { names: relative(base, names) }),
    ...(config === undefined ? {} : { config: relative(base, config) }),
    ...(config === nearest && (importMap ?? packageFolder) === undefined && !options?.length
      ? {}
      : { resolution }),
    files,
  };
}

/** A source map can make the call site of a task a file that does not exist. */
function isLocal(url: string): boolean {
  if (!url.startsWith("file:") || isFurus(url)) return false;
  try {
    return Deno.statSync(fromFileUrl(url)).isFile;
  } catch {
    return false;
  }
}

async function read(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new FuruError(`Cannot read ${path}: ${errorText(cause)}`, { cause });
  }
}

/** The files by which code differs from what it was, as absolute paths. */
export interface CodeChanges {
  /** Files that are not as they were. */
  changed: string[];
  /** Files that were no part of it. */
  added: string[];
  /** Files that are no part of it any more. */
  removed: string[];
}

/**
 * Finds out how today's code differs from that of a snapshot.
 *
 * @returns `undefined` where it does not.
 * @throws {FuruError} If it cannot be found out what today's code is.
 */
export async function codeChanges(
  { base, roots, files, resolution }: Manifest,
): Promise<CodeChanges | undefined> {
  const now = await currentCode(roots.map((name) => toFileUrl(join(base, name)).href), resolution);
  const then = new Map(Object.entries(files).map(([name, sha256]) => [join(base, name), sha256]));
  const changes: CodeChanges = { changed: [], added: [], removed: [] };
  for (const { name, sha256 } of now?.files ?? []) {
    const path = join(now!.base, name);
    const before = then.get(path);
    if (before === undefined) changes.added.push(path);
    else if (before !== sha256) changes.changed.push(path);
    then.delete(path);
  }
  for (const path of then.keys()) changes.removed.push(path);
  const isSame = Object.values(changes).every((paths) => paths.length === 0);
  return isSame ? undefined : changes;
}
