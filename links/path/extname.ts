/** Stand-in for `jsr:@std/path/extname`: the same code, from npm's `deno-std`. @module */
import { extname as real } from "npm:deno-std@1.4.0/path/extname.js";

/** See https://jsr.io/@std/path/doc/~/extname. */
export const extname: (path: string | URL) => string = real;
