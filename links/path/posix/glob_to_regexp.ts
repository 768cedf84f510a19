/** Stand-in for `jsr:@std/path/posix/glob-to-regexp`: the same code, from npm's `deno-std`. @module */
import { globToRegExp as real } from "npm:deno-std@1.4.0/path/posix/glob_to_regexp.js";

/** See https://jsr.io/@std/path/doc/posix/~/GlobOptions. */
export interface GlobOptions {
  extended?: boolean;
  globstar?: boolean;
  caseInsensitive?: boolean;
}

/** See https://jsr.io/@std/path/doc/posix/~/globToRegExp. */
export const globToRegExp: (glob: string, options?: GlobOptions) => RegExp = real;
