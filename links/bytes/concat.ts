/** Stand-in for `jsr:@std/bytes/concat`: the same code, from npm's `deno-std`. @module */
import { concat as real } from "npm:deno-std@1.4.0/bytes/concat.js";

/** See https://jsr.io/@std/bytes/doc/~/concat. */
export const concat: (buffers: readonly Uint8Array[]) => Uint8Array<ArrayBuffer> = real;
