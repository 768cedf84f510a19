/** Stand-in for `jsr:@std/async/delay`: the same code, from npm's `deno-std`. @module */
import { delay as real } from "npm:deno-std@1.4.0/async/delay.js";

/** Options for {@linkcode delay}. */
export interface DelayOptions {
  /** Signal used to abort the delay. */
  signal?: AbortSignal;
  /** Indicates whether the process should continue to run as long as the timer exists. @default true */
  persistent?: boolean;
}

/** See https://jsr.io/@std/async/doc/~/delay. */
export const delay: (ms: number, options?: DelayOptions) => Promise<void> = real;
