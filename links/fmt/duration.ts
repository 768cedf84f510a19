/** Stand-in for `jsr:@std/fmt/duration`: the same code, from npm's `deno-std`. @module */
import { format as real } from "npm:deno-std@1.4.0/fmt/duration.js";

/** Options for {@linkcode format}. */
export interface FormatOptions {
  /** `0d 0h 1m 39s`, `0 days, 0 hours, ...` or `00:00:01:39:...`. @default "narrow" */
  style?: "narrow" | "full" | "digital";
  /** Whether to ignore zero values. @default false */
  ignoreZero?: boolean;
}

/** See https://jsr.io/@std/fmt/doc/duration/~/format. */
export const format: (ms: number, options?: FormatOptions) => string = real;
