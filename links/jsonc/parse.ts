/** Stand-in for `jsr:@std/jsonc/parse`: the same code, from npm's `deno-std`. @module */
import { parse as real } from "npm:deno-std@1.4.0/jsonc/parse.js";

/** The type of the result of parsing JSONC. */
export type JsonValue = string | number | boolean | null | JsonValue[] | {
  [key: string]: JsonValue | undefined;
};

/** See https://jsr.io/@std/jsonc/doc/~/parse. */
export const parse: (text: string) => JsonValue = real;
