/** Stand-in for `jsr:@std/path/posix/from-file-url`: the same code, from npm's `deno-std`. @module */
import { fromFileUrl as real } from "npm:deno-std@1.4.0/path/posix/from_file_url.js";

/** See https://jsr.io/@std/path/doc/posix/~/fromFileUrl. */
export const fromFileUrl: (url: string | URL) => string = real;
