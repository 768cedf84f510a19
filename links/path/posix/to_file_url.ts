/** Stand-in for `jsr:@std/path/posix/to-file-url`: the same code, from npm's `deno-std`. @module */
import { toFileUrl as real } from "npm:deno-std@1.4.0/path/posix/to_file_url.js";

/** See https://jsr.io/@std/path/doc/posix/~/toFileUrl. */
export const toFileUrl: (path: string) => URL = real;
