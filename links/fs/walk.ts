/** Stand-in for `jsr:@std/fs/walk`, written by hand: npm's `deno-std` has no fs. @module */
import { basename } from "npm:deno-std@1.4.0/path/basename.js";
import { fromFileUrl } from "npm:deno-std@1.4.0/path/from_file_url.js";
import { join } from "npm:deno-std@1.4.0/path/join.js";
import { normalize } from "npm:deno-std@1.4.0/path/normalize.js";

/** Options for {@linkcode walk}; those for symbolic links are left out, furu does not use them. */
export interface WalkOptions {
  /** The maximum depth of the file tree to be walked recursively. @default Infinity */
  maxDepth?: number;
  /** Indicates whether file entries should be included or not. @default true */
  includeFiles?: boolean;
  /** Indicates whether directory entries should be included or not. @default true */
  includeDirs?: boolean;
  /** Entries with none of these file extensions are left out. */
  exts?: string[];
  /** Entries that match none of these are left out. */
  match?: RegExp[];
  /** Entries that match one of these are left out, with all below them. */
  skip?: RegExp[];
}

/** One entry of a {@linkcode walk}. */
export interface WalkEntry extends Deno.DirEntry {
  /** The path, beginning with the root that was given. */
  path: string;
}

/** See https://jsr.io/@std/fs/doc/~/walk. Symbolic links are listed and not followed, as by default there. */
export async function* walk(
  root: string | URL,
  options: WalkOptions = {},
): AsyncIterableIterator<WalkEntry> {
  const {
    maxDepth = Infinity,
    includeFiles = true,
    includeDirs = true,
    match,
    skip,
  } = options;
  if (maxDepth < 0) return;
  const exts = options.exts?.map((ext) => ext.startsWith(".") ? ext : `.${ext}`);
  const path: string = normalize(
    root instanceof URL ? fromFileUrl(root) : root,
  );
  if (includeDirs && wanted(path, exts, match, skip)) {
    const { isFile, isDirectory, isSymlink } = await Deno.stat(path);
    yield { path, name: basename(path), isFile, isDirectory, isSymlink };
  }
  if (maxDepth < 1 || !wanted(path, undefined, undefined, skip)) return;
  for await (const entry of Deno.readDir(path)) {
    const below: string = join(path, entry.name);
    if (entry.isDirectory) {
      yield* walk(below, { ...options, maxDepth: maxDepth - 1 });
    } else if (includeFiles && wanted(below, exts, match, skip)) {
      yield { path: below, ...entry };
    }
  }
}

function wanted(
  path: string,
  exts?: string[],
  match?: RegExp[],
  skip?: RegExp[],
): boolean {
  if (exts && !exts.some((ext) => path.endsWith(ext))) return false;
  if (match && !match.some((pattern) => path.search(pattern) >= 0)) {
    return false;
  }
  return !skip?.some((pattern) => path.search(pattern) >= 0);
}
