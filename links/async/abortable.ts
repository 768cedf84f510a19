/** Stand-in for `jsr:@std/async/abortable`: the same code, from npm's `deno-std`. @module */
import { abortable as real } from "npm:deno-std@1.4.0/async/abortable.js";

/** See https://jsr.io/@std/async/doc/~/abortable. */
export const abortable: {
  <T>(p: Promise<T>, signal: AbortSignal): Promise<T>;
  <T>(p: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T>;
} = real;
