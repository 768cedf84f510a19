/** Stand-in for `jsr:@std/path/posix/dirname`: the same code, from npm's `deno-std`. @module */
import { dirname as real } from "npm:deno-std@1.4.0/path/posix/dirname.js";

/** See https://jsr.io/@std/path/doc/posix/~/dirname. */
export const dirname: (path: string | URL) => string = real;
