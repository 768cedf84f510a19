/** Stand-in for `jsr:@std/path/basename`: the same code, from npm's `deno-std`. @module */
import { basename as real } from "npm:deno-std@1.4.0/path/basename.js";

/** See https://jsr.io/@std/path/doc/~/basename. */
export const basename: (path: string | URL, suffix?: string) => string = real;
