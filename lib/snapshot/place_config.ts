import { dirname } from "@std/path/posix/dirname";
import { isAbsolute } from "@std/path/posix/is-absolute";
import { resolve } from "@std/path/posix/resolve";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { pathOf } from "../core/paths.ts";
import { isFurus } from "../core/packed.ts";
import { isBelow, isInWorkspace, readConfigFile } from "./project_files.ts";

/** The names under which a configuration or an import map may speak of other files. */
const PATHS = ["importMap", "lock"];
const PATH_LISTS = ["links", "patch"];

/**
 * The text of a Deno configuration, or of an import map, for its place in a snapshot: what it says of files
 * in the snapshot's folder holds for the snapshot, what it says of others, and of furu itself, for those.
 *
 * @param path Where it is.
 * @param base The folder that the snapshot stands for.
 * @param code The folder of the snapshot that stands for it.
 * @param decides Does it say what names stand for in all of the snapshot? Then modules there that import from
 * the project by an absolute path find the snapshot, too.
 * @default {false}
 * @param starts Whether it is the one that Deno is given.
 * @default {false}
 * @throws {FuruError} If it cannot be read.
 */
export function placedConfig(
  path: string,
  base: string,
  code: string,
  { decides = false, starts = false }: { decides?: boolean; starts?: boolean } = {},
): string {
  const config = readConfigFile(path);
  /** Its absolute path, where the target would mean something else in the snapshot. */
  const place = (target: string): string | undefined => {
    const absolute = resolve(dirname(path), pathOf(target));
    if (!isBelow(base, absolute) || isFurus(toFileUrl(absolute).href)) return absolute;
    const isRelative = !isAbsolute(target) && !target.startsWith("file:");
    return isRelative ? undefined : `${code}${absolute.slice(base === "/" ? 0 : base.length)}`;
  };
  const url = (target: string): string => {
    const absolute = /^(\.{0,2}\/|file:)/.test(target) ? place(target) : undefined;
    if (absolute === undefined) return target;
    const { href } = toFileUrl(absolute);
    return target.endsWith("/") && !href.endsWith("/") ? `${href}/` : href;
  };
  const names = (map: unknown): unknown =>
    change(map, (name, target) => [name, typeof target === "string" ? url(target) : target]);
  const placed: Record<string, unknown> = { ...config };
  if ("imports" in config) placed.imports = names(config.imports);
  if ("scopes" in config) placed.scopes = change(config.scopes, (prefix, map) => [url(prefix), names(map)]);
  if (decides) placed.scopes = { ...redirection(base, code), ...placed.scopes as object | undefined };
  for (const name of PATHS) {
    const value = config[name];
    if (typeof value === "string" && !/^https?:/.test(value)) placed[name] = place(value) ?? value;
  }
  for (const name of PATH_LISTS) {
    const value = config[name];
    if (!Array.isArray(value)) continue;
    placed[name] = value.map((each) => typeof each === "string" ? place(each) ?? each : each);
  }
  // A workspace of its own ends Deno's search for one, which would go on above the store: mostly in today's
  // project.
  if (starts && !isInWorkspace(path, base)) placed.workspace ??= [];
  return JSON.stringify(placed, undefined, 1);
}

/**
 * Scopes of an import map: to modules of the snapshot the project is where the snapshot is. Mostly the store
 * is in the project: what is in the snapshot already stays where it is.
 */
export function redirection(base: string, code: string): Record<string, Record<string, string>> {
  const folder = `${toFileUrl(code).href}/`;
  return { [folder]: { [new URL("./", toFileUrl(`${base}/x`)).href]: folder, [folder]: folder } };
}

/** Passes over what is no object: Deno will say so. */
function change(map: unknown, entry: (key: string, value: unknown) => [string, unknown]): unknown {
  if (typeof map !== "object" || map === null || Array.isArray(map)) return map;
  return Object.fromEntries(Object.entries(map).map(([key, value]) => entry(key, value)));
}
