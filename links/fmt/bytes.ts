/** Stand-in for `jsr:@std/fmt/bytes`: the same code, from npm's `deno-std`. @module */
import { format as real } from "npm:deno-std@1.4.0/fmt/bytes.js";

/** Options for {@linkcode format}. */
export interface FormatOptions {
  /** Uses bits representation. @default false */
  bits?: boolean;
  /** Uses binary bytes (e.g. kibibyte). @default false */
  binary?: boolean;
  /** Include plus sign for positive numbers. @default false */
  signed?: boolean;
  /** Uses localized number formatting: `true` for the system's locale. @default false */
  locale?: boolean | string | string[];
  /** The minimum number of fraction digits to display. */
  minimumFractionDigits?: number;
  /** The maximum number of fraction digits to display. */
  maximumFractionDigits?: number;
}

/** See https://jsr.io/@std/fmt/doc/bytes/~/format. */
export const format: (num: number, options?: FormatOptions) => string = real;
