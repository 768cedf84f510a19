import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { join } from "@std/path/posix/join";
import { relative } from "@std/path/posix/relative";
import { resolve } from "@std/path/posix/resolve";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { hashText } from "../../core/hash.ts";
import { crc32 } from "../../core/json/crc32.ts";
import { compareText } from "../../core/json/encode_tagged.ts";
import { FURU_URL, isFurus } from "../../core/packed.ts";
import { isRegularFile } from "../../core/paths.ts";

/** The code of a task: the module that defines it, and all local modules that this one imports. */
export interface TaskCode {
  /** The digest of their contents, and of their paths as seen from the module. */
  readonly digest: string;
  /** The digest of the `deno.lock`, where there is one: it pins packages. */
  readonly lock?: string;
  /** Absolute paths of the modules, the one that defines the task first. */
  readonly paths: readonly string[];
}

/** A file as it was read: it is read again when one of the first two has changed. */
interface ReadFile {
  readonly mtimeMs: number;
  readonly size: number;
  /**
   * Its size and CRC-32. A cryptographic digest of each would take a process longer to warm up for than to
   * read all of them, and nobody forges their own code.
   */
  readonly sum: string;
  /** What it imports, as it is written. */
  readonly specifiers: readonly string[];
}

/** Names that a configuration gives to files: exact ones, or beginnings with a slash at their end. */
interface Names {
  readonly lock?: string;
  readonly map: ReadonlyMap<string, string>;
}

const CONFIGS = ["deno.json", "deno.jsonc"];
const CODE = /\.[cm]?[jt]sx?$/;
const FURU_FOLDER = FURU_URL.startsWith("file:") ? fromFileUrl(FURU_URL) : undefined;
const files = new Map<string, ReadFile>();

/**
 * Finds out what the code of a task is now. A file that has not changed since is only looked at the next
 * time.
 *
 * Imports are found by a scan of the text: static ones, types, re-exports, and dynamic ones that are written
 * out. Names are resolved by `imports` and `workspace` of the Deno configuration above the module.
 *
 * @param module URL of the module that defines the task.
 * @param before Only where no file has changed since that moment, in milliseconds.
 * @default {at any time}
 * @returns Nothing where it is no local file, or one of them cannot be read.
 */
export function taskCode(module: string, before = Infinity): TaskCode | undefined {
  if (!module.startsWith("file:") || isFurus(module)) return undefined;
  const found = new Map<string, ReadFile>();
  let lock: string | undefined;
  const start = fromFileUrl(module);
  try {
    if (!mayRead(start)) return undefined;
    const names = namesAbove(dirname(start));
    lock = names.lock === undefined ? undefined : readOnce(names.lock)?.sum;
    const open = [start];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      if (found.has(path)) continue;
      const file = readOnce(path);
      // What is imported and not there may be in a comment, or be made later; the module itself is there.
      if (file === undefined) {
        if (path === start) return undefined;
        continue;
      }
      if (file.mtimeMs > before) return undefined;
      found.set(path, file);
      for (const specifier of file.specifiers) {
        const target = resolved(specifier, path, names);
        if (target !== undefined) open.push(target);
      }
    }
  } catch {
    return undefined;
  }
  const folder = dirname(start);
  const lines = [...found].map(([path, { sum }]) => `${relative(folder, path)} ${sum}\n`);
  return {
    digest: hashText(lines.sort(compareText).join("")),
    ...(lock === undefined ? {} : { lock }),
    paths: [...found.keys()],
  };
}

let mayReadAll = false;

/** Nobody is to be asked for a permission by Deno: what may not be read is not known. */
function mayRead(path: string): boolean {
  mayReadAll ||= Deno.permissions.querySync({ name: "read" }).state === "granted";
  return mayReadAll || Deno.permissions.querySync({ name: "read", path }).state === "granted";
}

/** A file as it is now; nothing where there is none. */
function readOnce(path: string): ReadFile | undefined {
  if (!mayRead(path)) throw new Deno.errors.NotCapable(`no permission to read ${path}`);
  let info: Deno.FileInfo;
  try {
    info = Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
  if (!info.isFile) return undefined;
  const mtimeMs = info.mtime?.getTime() ?? 0;
  const known = files.get(path);
  if (known?.mtimeMs === mtimeMs && known.size === info.size) return known;
  const text = Deno.readTextFileSync(path);
  const file = {
    mtimeMs,
    size: info.size,
    sum: `${info.size}-${crc32(text)}`,
    specifiers: CODE.test(path) ? importedBy(text) : [],
  };
  files.set(path, file);
  return file;
}

const IMPORT = /\b(?:from|import)\s*(?:\(\s*)?(["'`])([^"'`\n]+)\1/g;

/**
 * What a module imports, as it is written. What only looks like an import, in a text, may be among it; lines
 * that are comments are passed over. No more is parsed: to take a comment, a text or a pattern for what it is
 * not would hide imports.
 */
export function importedBy(text: string): string[] {
  const found = new Set<string>();
  for (const match of text.matchAll(IMPORT)) {
    const line = text.slice(text.lastIndexOf("\n", match.index) + 1, match.index);
    if (!/^\s*(?:\*|\/\/|\/\*)/.test(line) && !match[2]!.includes("${")) found.add(match[2]!);
  }
  return [...found];
}

/** The local file that a specifier means; nothing for packages, and for what is remote. */
function resolved(specifier: string, from: string, { map }: Names): string | undefined {
  let target = specifier;
  if (!/^(?:\.{0,2}\/|file:)/.test(specifier)) {
    const exact = map.get(specifier);
    const prefix = exact === undefined
      ? [...map.keys()].filter((key) => key.endsWith("/") && specifier.startsWith(key))
        .sort((a, b) => b.length - a.length)[0]
      : undefined;
    target = exact ?? (prefix === undefined ? "" : `${map.get(prefix)}${specifier.slice(prefix.length)}`);
  }
  if (target === "") return undefined;
  const path = target.startsWith("file:") ? fromFileUrl(target) : resolve(dirname(from), target);
  if (path.includes("/node_modules/")) return undefined;
  // To make a URL of each takes longer than to read the file.
  return FURU_FOLDER !== undefined && path.startsWith(FURU_FOLDER) && isFurus(toFileUrl(path).href)
    ? undefined
    : path.replace(/[?#].*$/, "");
}

const namesOf = new Map<string, Names>();

/** What the configuration above a folder, and that of the workspace around it, give names to. Read once. */
function namesAbove(folder: string): Names {
  const known = namesOf.get(folder);
  if (known) return known;
  const map = new Map<string, string>();
  let lock: string | undefined;
  let isFirst = true;
  for (let at = configAbove(folder); at; at = configAbove(dirname(at.dir))) {
    const parsed = configIn(at.path);
    const isWorkspace = parsed.workspace !== undefined;
    // Of those further above only the one of a workspace concerns it.
    if (isFirst || isWorkspace) {
      lock ??= lockOf(at.dir, parsed.lock);
      addNames(map, at.dir, parsed.imports);
      if (typeof parsed.importMap === "string" && !/^https?:/.test(parsed.importMap)) {
        const path = resolve(at.dir, parsed.importMap);
        addNames(map, dirname(path), configIn(path).imports);
      }
    }
    isFirst = false;
    if (isWorkspace) addMembers(map, at.dir, parsed.workspace);
    if (isWorkspace || at.dir === "/") break;
  }
  const names = { map, ...(lock === undefined ? {} : { lock }) };
  namesOf.set(folder, names);
  return names;
}

/** The nearest configuration at or above a folder, as far up as this process may look. */
function configAbove(folder: string): { dir: string; path: string } | undefined {
  for (let dir = folder;; dir = dirname(dir)) {
    for (const name of CONFIGS) {
      const path = join(dir, name);
      if (!mayRead(path)) return undefined;
      if (isRegularFile(path)) return { dir, path };
    }
    if (dirname(dir) === dir) return undefined;
  }
}

/** Names of the innermost configuration count first. */
function addNames(map: Map<string, string>, folder: string, imports: unknown): void {
  if (typeof imports !== "object" || imports === null) return;
  for (const [name, target] of Object.entries(imports)) {
    if (typeof target !== "string" || map.has(name)) continue;
    if (target.startsWith("file:")) map.set(name, target);
    // A slash at the end is lost by joining.
    else if (/^\.{0,2}\//.test(target)) {
      map.set(name, resolve(folder, target) + (/.\/$/.test(target) ? "/" : ""));
    }
  }
}

function addMembers(map: Map<string, string>, folder: string, workspace: unknown): void {
  const members = Array.isArray(workspace) ? workspace : (workspace as { members?: unknown } | null)?.members;
  if (!Array.isArray(members)) return;
  for (const member of members) {
    if (typeof member !== "string" || member.includes("*")) continue;
    const config = CONFIGS.map((name) => join(folder, member, name)).find((path) => configIn(path).name);
    const { name, exports } = config === undefined ? {} : configIn(config);
    if (typeof name !== "string") continue;
    const entries = typeof exports === "string" ? { ".": exports } : exports as Record<string, unknown> ?? {};
    const targets = Object.entries(entries).map(([key, target]) => [join(name, key), target]);
    addNames(map, join(folder, member), Object.fromEntries(targets));
  }
}

function lockOf(folder: string, lock: unknown): string | undefined {
  const named = typeof lock === "string" ? lock : (lock as { path?: unknown } | null | undefined)?.path;
  const path = resolve(folder, typeof named === "string" ? named : "deno.lock");
  return lock !== false && mayRead(path) && isRegularFile(path) ? path : undefined;
}

/** A configuration; an empty one where it cannot be read, which Deno itself will say. */
function configIn(path: string): Record<string, unknown> {
  try {
    if (!mayRead(path)) return {};
    const text = Deno.readTextFileSync(path);
    try {
      return JSON.parse(text);
    } catch {
      // Comments on lines of their own or after a value, and commas at the end, are all that JSONC has beside.
      const bare = text.replaceAll(/("(?:[^"\\]|\\.)*")|\/\/.*|\/\*[^]*?\*\//g, "$1");
      return JSON.parse(bare.replaceAll(/("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])/g, "$1"));
    }
  } catch {
    return {};
  }
}
