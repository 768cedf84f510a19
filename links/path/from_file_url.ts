/** Stand-in for `jsr:@std/path/from-file-url`: the same code, from npm's `deno-std`. @module */
import { fromFileUrl as real } from "npm:deno-std@1.4.0/path/from_file_url.js";

/** See https://jsr.io/@std/path/doc/~/fromFileUrl. */
export const fromFileUrl: (url: string | URL) => string = real;
