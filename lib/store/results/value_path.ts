import { fromFileUrl } from "@std/path/posix/from-file-url";
import { join } from "@std/path/posix/join";
import { TAG } from "../../core/json/tags.ts";
import { type ArtifactPaths, type AttemptKey, attemptPaths, parseAttemptName } from "../layout.ts";

/** Where the attempt whose value is encoded has its files. */
export interface ValuePlaces {
  /** The store's folder, absolute. */
  root: string;
  /** The artifact's folder. */
  paths: ArtifactPaths;
  /** The attempt. */
  attempt: AttemptKey;
  /**
   * Other names of folders, as a path behind a symbolic link: the other name, and ours.
   *
   * @default {none}
   */
  aliases?: readonly (readonly [other: string, ours: string])[];
  /**
   * Where relative paths begin, if that can be told.
   *
   * @default {they are not looked at}
   */
  cwd?: () => string | undefined;
}

/**
 * Tells paths into the store among the strings of a value, however they are written, and writes them so that
 * they move with the store. Text that only contains a path stays as it is.
 */
export class ValuePaths {
  /**
   * Folders of other attempts that the value names, below the store's: with one of them gone it is worth
   * nothing.
   */
  readonly uses: Set<string> = new Set();
  /** Whether the value names the attempt's own folder. */
  namesDir = false;
  readonly #root: string;
  readonly #home: string;
  readonly #dir: string;
  readonly #aliases: readonly (readonly [string, string])[];
  readonly #least: number;
  readonly #cwd: () => string | undefined;

  /** Touches no files. */
  constructor({ root, paths, attempt, aliases = [], cwd = () => undefined }: ValuePlaces) {
    this.#root = root;
    this.#home = paths.home;
    this.#dir = attemptPaths(paths, attempt).files;
    // The closest first: a folder below another one can have a name of its own.
    this.#aliases = aliases.toSorted(([a], [b]) => b.length - a.length);
    this.#least = Math.min(root.length, ...aliases.map(([other]) => other.length));
    this.#cwd = cwd;
  }

  /**
   * JSON to be written for a string; `undefined` for one that is no path into the store; what is wrong with
   * it.
   */
  readonly encode = (text: string): string | { fault: string } | undefined => {
    // Every string and every key comes here: what cannot be a path is told by its first character, or by its
    // length.
    const first = text.charCodeAt(0);
    if (first === SLASH) return text.length < this.#least ? undefined : this.#path(text);
    if ((first === LOWER_F || first === UPPER_F) && /^file:/i.test(text)) return this.#url(text);
    if (text.length < HASH_LENGTH) return undefined;
    // A relative path leads to the files of an artifact only when it has this word, and no other text is
    // meant.
    if (text.length > MAX_PATH || !text.includes("artifacts/") || /\s/.test(text)) return undefined;
    const start = this.#cwd();
    const path = start === undefined ? "" : this.#ours(join(start, text));
    return isBelow(path, `${this.#root}/artifacts`) && /\/[0-9a-f]{32}(\/|$)/.test(path)
      ? this.#path(path)
      : undefined;
  };

  #path(text: string): string | { fault: string } | undefined {
    // As it was written, where that is below: `//` and a slash at the end come back.
    const isNormal = !text.includes("/.") && !text.includes("//");
    const path = this.#ours(isNormal ? text : join(text));
    if (isBelow(path, this.#dir)) {
      this.namesDir = true;
      const rest = isBelow(text, this.#dir) && !text.includes("/..") ? text : path;
      return tag(TAG.path, rest.slice(this.#dir.length));
    }
    if (!isBelow(path, this.#root)) {
      // It leads out of the attempt's folder, and must not need that to lead anywhere.
      return isNormal || !isBelow(text, this.#root) ? undefined : JSON.stringify(path);
    }
    const fault = this.#look(path);
    if (fault !== undefined) return { fault };
    return tag(TAG.storePath, path.slice(this.#root.length));
  }

  #url(text: string): string | { fault: string } | undefined {
    let path: string;
    let url: URL;
    try {
      url = new URL(text);
      path = fromFileUrl(url);
    } catch {
      return undefined;
    }
    const inner = this.#path(path);
    if (typeof inner === "object") return inner;
    if (inner === undefined || inner.startsWith('"')) return undefined;
    return `{"${TAG.fileUrl}":[${inner},${JSON.stringify(url.search + url.hash)}]}`;
  }

  /** Under the names that furu uses. */
  #ours(path: string): string {
    for (const [other, ours] of this.#aliases) {
      if (isBelow(path, other)) return ours + path.slice(other.length);
    }
    return path;
  }

  /** What is wrong with a path into the store that is not below the attempt's own folder. */
  #look(path: string): string | undefined {
    const [, home, name] = /^(.*\/[0-9a-f]{32})\/([^/]+)/.exec(path) ?? [];
    const attempt = name === undefined ? undefined : parseAttemptName(name);
    if (!attempt || !home!.startsWith(`${this.#root}/artifacts/`)) return undefined;
    if (attempt.kind === "checkpoint") {
      return `is a path into ${
        home === this.#home ? "ctx.checkpointDir" : "the ctx.checkpointDir of another artifact"
      }, which is removed when the attempt succeeds: write what is to stay to ctx.dir`;
    }
    if (attempt.kind !== "files") return undefined;
    if (home === this.#home) {
      return `is a path into the folder of another attempt (${name}) of the same artifact, which is no part of this ` +
        `result: write what is to stay to ctx.dir`;
    }
    this.uses.add(`${home!.slice(this.#root.length + 1)}/${name}`);
    return undefined;
  }
}

const SLASH = 47;
const UPPER_F = 70;
const LOWER_F = 102;
const HASH_LENGTH = 32;
/** No system has longer ones. */
const MAX_PATH = 4096;

function tag(name: string, suffix: string): string {
  return `{"${name}":${JSON.stringify(`.${suffix}`)}}`;
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder) && (path.length === folder.length || path[folder.length] === "/");
}
