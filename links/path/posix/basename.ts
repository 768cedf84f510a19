/** Stand-in for `jsr:@std/path/posix/basename`: the same code, from npm's `deno-std`. @module */
import { basename as real } from "npm:deno-std@1.4.0/path/posix/basename.js";

/** See https://jsr.io/@std/path/doc/posix/~/basename. */
export const basename: (path: string | URL, suffix?: string) => string = real;
