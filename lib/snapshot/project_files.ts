import { parse } from "@std/jsonc/parse";
import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { resolve } from "@std/path/posix/resolve";
import { z } from "zod";
import { errorText, FuruError } from "../core/errors.ts";
import { findUpward, isRegularFile, pathOf } from "../core/paths.ts";

/** Files that say how the modules below them are resolved. */
const CONFIGS = ["deno.json", "deno.jsonc"];

// What of a Deno configuration names other files.
const configSchema = z.looseObject({
  importMap: z.string().optional(),
  workspace: z.unknown().optional(),
  lock: z.union([z.boolean(), z.string(), z.looseObject({ path: z.string().optional() })]).optional(),
});

/** The files of a project that decide what its modules do. */
export interface ProjectFiles {
  /** The folder that all of them are in: mostly that of the one project. */
  base: string;
  /** The folders of the projects that they belong to. */
  projects: Set<string>;
  /** Absolute paths of modules, configurations, import maps and lock files. */
  paths: Set<string>;
  /** Those of them that say where other files are: Deno configurations and import maps. */
  configs: Set<string>;
  /** The one of them that says what names stand for in all of the entry's project. */
  names?: string;
  /** Those of them that Deno itself may add to. */
  locks: Set<string>;
}

/**
 * Adds to modules what decides how their imports are resolved: the configurations above each, up to the
 * project's folder, with the import maps and lock files that they name.
 *
 * @param modules Absolute paths of modules.
 * @param config The configuration of the run's entry, if there is one.
 * @param beside The import map that stands above it, and the folder of the package.json that stands in its
 * place, if there are any.
 * @throws {FuruError} If a configuration cannot be read, which it names.
 */
export function projectFiles(
  modules: Iterable<string>,
  config: string | undefined,
  { importMap, packageFolder }: { importMap?: string | undefined; packageFolder?: string | undefined } = {},
): ProjectFiles {
  const paths = new Set(modules);
  const configs = new Set<string>();
  const locks = new Set<string>();
  /** Files that it names outside of the base are no part of the project. */
  const add = (config: string, base = "/"): void => {
    const { map, lock } = namedFiles(config);
    for (const [path, kind] of [[config, configs], [map, configs], [lock, locks]] as const) {
      if (path === undefined || !isBelow(base, path)) continue;
      kind.add(path);
      paths.add(path);
    }
  };
  if (config !== undefined) add(config);
  if (importMap !== undefined) add(importMap);
  if (packageFolder !== undefined) paths.add(join(packageFolder, "package.json"));
  const projects = new Set([...new Set([...paths].map(dirname))].map(projectFolder));
  const base = commonFolder([...projects]);
  const folders = new Set<string>();
  for (const path of paths) {
    for (let dir = dirname(path); !folders.has(dir); dir = dirname(dir)) {
      folders.add(dir);
      if (dir === base || dir === "/") break;
    }
  }
  for (const dir of folders) {
    for (const name of CONFIGS) {
      const path = join(dir, name);
      if (!isRegularFile(path)) continue;
      try {
        add(path, base);
      } catch {
        // Not that of the entry: Deno may never read it.
        paths.add(path);
      }
    }
    const lock = join(dir, "deno.lock");
    if (isRegularFile(lock)) locks.add(lock);
    for (const name of ["deno.lock", "package.json"]) {
      if (isRegularFile(join(dir, name))) paths.add(join(dir, name));
    }
  }
  return {
    base,
    projects,
    paths,
    configs,
    locks,
    ...(importMap !== undefined
      ? { names: importMap }
      : config === undefined
      ? {}
      : { names: namesFile(config) }),
  };
}

/**
 * Reads a Deno configuration, or an import map.
 *
 * @throws {FuruError} If it cannot be read, naming it.
 */
export function readConfigFile(path: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(parse(Deno.readTextFileSync(path)));
  } catch (cause) {
    const text = cause instanceof z.ZodError ? z.prettifyError(cause) : errorText(cause);
    throw new FuruError(`Cannot read ${path}: ${text}`, { cause });
  }
}

/** Whether a path is the folder, or below it. */
export function isBelow(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

/**
 * The files that a configuration names, those that are there.
 *
 * @throws {FuruError} If it cannot be read.
 */
export function namedFiles(config: string): { map?: string | undefined; lock?: string | undefined } {
  const parsed = configSchema.safeParse(readConfigFile(config));
  // Deno itself will say what is wrong with it.
  if (!parsed.success) return {};
  const { importMap, lock } = parsed.data;
  const file = (named: string | undefined): string | undefined => {
    if (named === undefined || /^https?:/.test(named)) return undefined;
    const path = resolve(dirname(config), pathOf(named));
    return isRegularFile(path) ? path : undefined;
  };
  return {
    map: file(importMap),
    lock: file(typeof lock === "string" ? lock : typeof lock === "object" ? lock.path : undefined),
  };
}

/**
 * The folder of the project that a folder is in: that of its configuration, or of the workspace or git tree
 * around it.
 */
function projectFolder(folder: string): string {
  let outermost = folder;
  for (const mark of [CONFIGS, [".git"]]) {
    const { dir = folder } = findUpward(folder, mark) ?? {};
    if (isBelow(dir, outermost)) outermost = dir;
  }
  for (let dir = outermost; dirname(dir) !== dir; dir = dirname(dir)) {
    const config = CONFIGS.map((name) => join(dir, name)).find(isRegularFile);
    if (config !== undefined && isWorkspace(config)) outermost = dir;
  }
  return outermost;
}

/**
 * Where Deno looks for names: in the workspace's configuration, or the import map that it has instead of
 * names of its own.
 */
function namesFile(config: string): string {
  let decisive = config;
  for (let dir = dirname(config); dirname(dir) !== dir; dir = dirname(dir)) {
    const found = CONFIGS.map((name) => join(dir, name)).find(isRegularFile);
    if (found !== undefined && isWorkspace(found)) decisive = found;
  }
  const { imports, scopes } = readConfigFile(decisive);
  return imports === undefined && scopes === undefined ? namedFiles(decisive).map ?? decisive : decisive;
}

/** Whether a workspace in a folder, or below it, encloses the folder of a configuration. */
export function isInWorkspace(config: string, base: string): boolean {
  for (let dir = dirname(dirname(config)); isBelow(base, dir); dir = dirname(dir)) {
    if (CONFIGS.some((name) => isRegularFile(join(dir, name)) && isWorkspace(join(dir, name)))) return true;
    if (dirname(dir) === dir) return false;
  }
  return false;
}

/** A file above the project that cannot be read is none of its business. */
function isWorkspace(config: string): boolean {
  try {
    return readConfigFile(config).workspace !== undefined;
  } catch {
    return false;
  }
}

/** The deepest folder that holds all folders. */
function commonFolder(folders: readonly string[]): string {
  let common = folders[0] ?? "/";
  while (!folders.every((folder) => isBelow(common, folder))) common = dirname(common);
  return common;
}
