/** Stand-in for `jsr:@std/bytes/last-index-of-needle`: the same code, from npm's `deno-std`. @module */
import { lastIndexOfNeedle as real } from "npm:deno-std@1.4.0/bytes/last_index_of_needle.js";

/** See https://jsr.io/@std/bytes/doc/~/lastIndexOfNeedle. */
export const lastIndexOfNeedle: (source: Uint8Array, needle: Uint8Array, start?: number) => number = real;
