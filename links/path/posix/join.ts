/** Stand-in for `jsr:@std/path/posix/join`: the same code, from npm's `deno-std`. @module */
import { join as real } from "npm:deno-std@1.4.0/path/posix/join.js";

/** See https://jsr.io/@std/path/doc/posix/~/join. */
export const join: (path: string | URL, ...paths: string[]) => string = real;
