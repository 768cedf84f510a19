/** Stand-in for `jsr:@std/path/join`: the same code, from npm's `deno-std`. @module */
import { join as real } from "npm:deno-std@1.4.0/path/join.js";

/** See https://jsr.io/@std/path/doc/~/join. */
export const join: (path: string | URL, ...paths: string[]) => string = real;
