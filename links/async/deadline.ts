/** Stand-in for `jsr:@std/async/deadline`: the same code, from npm's `deno-std`. @module */
import { deadline as real } from "npm:deno-std@1.4.0/async/deadline.js";

/** Options for {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Signal used to abort the deadline. */
  signal?: AbortSignal;
}

/** See https://jsr.io/@std/async/doc/~/deadline. */
export const deadline: <T>(p: Promise<T>, ms: number, options?: DeadlineOptions) => Promise<T> = real;
