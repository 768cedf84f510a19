/** Stand-in for `jsr:@std/path/posix/is-absolute`: the same code, from npm's `deno-std`. @module */
import { isAbsolute as real } from "npm:deno-std@1.4.0/path/posix/is_absolute.js";

/** See https://jsr.io/@std/path/doc/posix/~/isAbsolute. */
export const isAbsolute: (path: string) => boolean = real;
