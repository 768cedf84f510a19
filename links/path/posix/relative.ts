/** Stand-in for `jsr:@std/path/posix/relative`: the same code, from npm's `deno-std`. @module */
import { relative as real } from "npm:deno-std@1.4.0/path/posix/relative.js";

/** See https://jsr.io/@std/path/doc/posix/~/relative. */
export const relative: (from: string, to: string) => string = real;
