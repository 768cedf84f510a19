/** Stand-in for `jsr:@std/path/posix/resolve`: the same code, from npm's `deno-std`. @module */
import { resolve as real } from "npm:deno-std@1.4.0/path/posix/resolve.js";

/** See https://jsr.io/@std/path/doc/posix/~/resolve. */
export const resolve: (...pathSegments: string[]) => string = real;
