import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { join } from "@std/path/posix/join";
import { resolve } from "@std/path/posix/resolve";
import { environmentVariable } from "./environment.ts";
import { ConfigError, ValidationError } from "./errors.ts";
import { furuGlobals } from "./globals.ts";
import { embeddedPipeline, FURU_URL, packed } from "./packed.ts";
import { permissionError } from "./permissions.ts";

/**
 * The nearest folder at or above `from` that holds one of `names`, and which one; `undefined` where none
 * does.
 */
export function findUpward(
  from: string,
  names: readonly string[],
): { dir: string; path: string } | undefined {
  for (let dir = from;; dir = dirname(dir)) {
    for (const name of names) {
      const path = join(dir, name);
      if (pathExists(path)) return { dir, path };
    }
    if (dirname(dir) === dir) return undefined;
  }
}

/** The path of a `file:` URL; anything else is returned as it is. */
export function pathOf(urlOrPath: string | URL): string {
  const text = urlOrPath.toString();
  return text.startsWith("file:") ? fromFileUrl(text) : text;
}

/**
 * The absolute path of a file or folder as people give it: from the current folder on, `~/...`, or a `file:`
 * URL.
 *
 * @param what What it is to be, for errors: `a file`.
 * @throws {ValidationError} For anything else.
 */
export function absolutePath(path: string | URL, what: string): string {
  const isPath = typeof path === "string" ? !/^\s*$|\0/.test(path) : path instanceof URL;
  const text = isPath ? pathOf(path) : "";
  if (!isPath || path instanceof URL && path.protocol !== "file:") {
    throw new ValidationError(
      `Cannot use ${Deno.inspect(path)} as ${what}: it must be a path or a file: URL`,
    );
  }
  const home = text.startsWith("~/") ? environmentVariable("HOME") : undefined;
  if (home !== undefined) return join(home, text.slice(2));
  return text.startsWith("/") ? resolve(text) : resolve(currentFolder(), text);
}

/**
 * The current folder.
 *
 * @throws {ConfigError} If it was removed; naming the flag when this process may not know it.
 */
export function currentFolder(): string {
  try {
    return Deno.cwd();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw permissionError("find the project's folder", error);
    throw new ConfigError("Cannot tell the current folder as it was removed", { cause: error });
  }
}

/** The current folder; `undefined` where it was removed, or this process may not know it. */
export function folderIfKnown(): string | undefined {
  try {
    return Deno.cwd();
  } catch {
    return undefined;
  }
}

/**
 * The folder that this process was in when furu was loaded: what relative paths of the configuration start
 * at, so that `Deno.chdir` does not make a second store of one script.
 *
 * @throws {ConfigError} where it cannot be known.
 */
export function startFolder(): string {
  return furuGlobals().startFolder ??= currentFolder();
}

// A process that may not know it, or has a wrong copy of furu too, is told when it is needed.
try {
  startFolder();
} catch { /* told later */ }

/**
 * The absolute path of a folder as people write it in a configuration: `~` is the user's home, `file:` URLs
 * are paths.
 *
 * @param text What was written.
 * @param base What a relative path starts at.
 * @param place Where it was written, for the error.
 * @param home The user's home, where it is known.
 * @throws {ConfigError} for what would be a folder with a strange name that nobody means: `~user`,
 * `$VARIABLE`, a URL.
 */
export function settingPath(
  text: string,
  base: () => string,
  place: string,
  home: () => string | undefined,
): string {
  const refuse = (why: string): never => {
    throw new ConfigError(`Cannot use ${place}: ${why}; current value is ${JSON.stringify(text)}`);
  };
  if (text.trim() === "") refuse("it must be a folder, and not empty");
  if (text.includes("\0")) refuse("a path has no NUL");
  const isUrl = /^file:/i.test(text);
  if (!isUrl && /^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    refuse("it must be a folder of a filesystem of this machine, not a URL");
  }
  let path = text;
  if (isUrl) {
    if (!URL.canParse(text) || new URL(text).host !== "") refuse("a file: URL must be one without a host");
    path = fromFileUrl(text);
  } else if (/^~(\/|$)/.test(text)) {
    const folder = home();
    if (!folder) {
      refuse("HOME, which ~ stands for, is not set or may not be read; write the whole path");
    }
    path = join(folder!, text.slice(1));
  } else if (text.startsWith("~")) {
    refuse(
      "only ~ and ~/... are known, not the homes of others; write the whole path, or './~...' for such a folder",
    );
  }
  const absolute = path.startsWith("/") ? resolve(path) : resolve(base(), path);
  // A folder of such a name may be there, and then it is meant.
  if (/\$(\{|\w)/.test(text) && !pathExists(absolute)) {
    refuse("variables are not replaced here; write the path itself, or ~/... for what is in your home");
  }
  return absolute;
}

/** What a path stood for when it was first asked for: a link that is changed later makes no second store. */
const realPaths = new Map<string, string>();

/**
 * The folder that a path stands for, through all symbolic links on the way; of one that is not there yet, as
 * much as there is. What cannot be followed, or may not, stays as it is.
 *
 * @param path Absolute.
 */
export function realFolder(path: string): string {
  const known = realPaths.get(path);
  if (known !== undefined) return known;
  const real = followed(path);
  // Deno's lists of permissions may name the path as it was written.
  const isAllowed = real === path ||
    Deno.permissions.querySync({ name: "read", path: real }).state === "granted";
  const kept = isAllowed ? real : path;
  realPaths.set(path, kept);
  return kept;
}

function followed(path: string): string {
  const rest: string[] = [];
  for (let dir = path;; dir = dirname(dir)) {
    try {
      return join(Deno.realPathSync(dir), ...rest);
    } catch (error) {
      // A link to nothing is there, and is no folder: its first use says so.
      if (!(error instanceof Deno.errors.NotFound) || pathExists(dir) || dirname(dir) === dir) return path;
      rest.unshift(basename(dir));
    }
  }
}

function pathExists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    const isAbsent = error instanceof Deno.errors.NotFound || (error as { code?: string }).code === "ENOTDIR";
    // A process that may read only its project's folder sees nothing above it.
    if (isAbsent || error instanceof Deno.errors.NotCapable) return false;
    throw error;
  }
}

/** What marks the folder of a project. */
const MARKS = ["deno.json", "deno.jsonc", ".git"];

/**
 * The folder of the user's project: that of the nearest deno.json(c) or git root at or above the module that
 * the run was started with, so that a pipeline has one store wherever it is started from; else at or above
 * the folder that it was started in. Without any it is that folder.
 */
export function projectFolder(): string {
  const module = entryFolder();
  const ofModule = module === undefined ? undefined : findUpward(module, MARKS);
  if (ofModule !== undefined) return ofModule.dir;
  const start = startFolder();
  return findUpward(start, MARKS)?.dir ?? start;
}

/**
 * Where the code of the pipeline is: the folder of the module that the run was started with, through symbolic
 * links. Nothing where it is no file, or in one file with furu.
 *
 * @param entry URL of the module, where it is known.
 */
export function pipelineFolder(entry?: string): string | undefined {
  const module = entryPath(entry);
  if (module === undefined) return undefined;
  try {
    return dirname(Deno.realPathSync(module));
  } catch {
    return dirname(module); // the made-up name of what comes from standard input, or what may not be read
  }
}

/**
 * The folder of the main module, or of the one that `furu run MODULE` was given; not of furu's own program.
 */
function entryFolder(): string | undefined {
  const module = entryPath();
  return module === undefined ? undefined : dirname(module);
}

function entryPath(entry: string = furuGlobals().entry ?? Deno.mainModule): string | undefined {
  if (!entry.startsWith("file:") || entry === `${FURU_URL}cli.ts`) return undefined;
  // What came in the same file as furu was unpacked somewhere, which is no place for a store.
  if (entry === embeddedPipeline() || entry.startsWith(packed()?.folder ?? " ")) return undefined;
  // `deno eval` and a script from standard input have a made-up name in the current folder, which is fine
  // too.
  return fromFileUrl(entry);
}

/** The names that the configuration of a project may have. */
export const CONFIG_FILES = ["furu.json", "furu.jsonc"] as const;

/** Whether there is a regular file, links followed; `false` where that cannot be told. */
export function isRegularFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
