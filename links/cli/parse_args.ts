/** Stand-in for `jsr:@std/cli/parse-args`: the same code, from npm's `deno-std`. @module */
import { parseArgs as real } from "npm:deno-std@1.4.0/cli/parse_args.js";

/** Options for {@linkcode parseArgs}; `default` and `negatable` are left out, furu does not use them. */
export interface ParseOptions<
  B extends string = string,
  S extends string = string,
  C extends string = string,
  D extends boolean | undefined = boolean | undefined,
> {
  /** Put what follows `--` into the result's `--` instead of `_`. @default false */
  "--"?: D;
  /** Other names of an argument. */
  alias?: Record<string, string | readonly string[]>;
  /** Names that are always booleans; `false` where they are not given. */
  boolean?: B | readonly B[];
  /** Names that are always strings. */
  string?: S | readonly S[];
  /** Names that may be given more than once; `[]` where they are not given. */
  collect?: C | readonly C[];
  /** Put everything after the first word that is no option into `_`. @default false */
  stopEarly?: boolean;
  /** Called with an argument that is not in the options; when it returns `false` the argument is left out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** The value returned from {@linkcode parseArgs}. */
export type Args<
  B extends string = never,
  S extends string = never,
  C extends string = never,
  D extends boolean | undefined = undefined,
> =
  & { [K in Exclude<S, C>]?: string }
  & { [K in S & C]: string[] }
  & { [K in Exclude<B, C>]: boolean }
  & { [K in B & C]: boolean[] }
  & { [K in Exclude<C, B | S>]: unknown[] }
  & (D extends true ? { "--": string[] } : unknown)
  & { [key: string]: unknown; _: (string | number)[] };

/** See https://jsr.io/@std/cli/doc/~/parseArgs. */
export const parseArgs: <
  B extends string = never,
  S extends string = never,
  C extends string = never,
  D extends boolean | undefined = undefined,
>(args: string[], options?: ParseOptions<B, S, C, D>) => Args<B, S, C, D> = real;
