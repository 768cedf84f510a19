import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "../core/errors.ts";
import { didYouMean, nearest } from "../core/nearest.ts";
import type { Flags, FlagValues } from "./program/flag.ts";

/** A command line, taken apart. */
export interface ParsedFlags<F extends Flags> {
  /** The arguments that are no flags, in order, with all that follows `--`. */
  args: string[];
  /** The values of the flags. */
  flags: FlagValues<F>;
}

/** Flags by their former names. */
const RENAMED_FLAGS: Readonly<Record<string, string>> = { "max-workers": "workers" };

/**
 * Takes a command line apart.
 *
 * @throws {UsageError} If a flag is unknown (with the nearest one), or a value is missing or not allowed.
 */
export function parseFlags<F extends Flags>(args: readonly string[], flags: F): ParsedFlags<F> {
  const names = Object.keys(flags);
  const parsed: Record<string, unknown> & { _: (string | number)[] } = parseArgs(completed(args, flags), {
    ...flagForms(flags),
    collect: names.filter((name) => flags[name]?.placeholder !== undefined),
    unknown: (arg, key) => {
      if (key !== undefined) throw unknownFlag(arg, key, names);
    },
  });
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const given = flag.placeholder === undefined
      ? parsed[name] === true ? ["true"] : []
      : (parsed[name] as string[] | undefined) ?? [];
    if (flag.placeholder !== undefined && given.includes("")) {
      throw new UsageError(`Option --${name} needs a value: --${name} ${flag.placeholder}`);
    }
    try {
      values[name] = given.length === 0 ? flag.absent : flag.parse(given);
    } catch (error) {
      if (error instanceof UsageError) throw new UsageError(`Cannot use option --${name}: ${error.message}`);
      throw error;
    }
  }
  return { args: parsed._.map(String), flags: values as FlagValues<F> };
}

/** The forms of flags, as options of `parseArgs`. */
export function flagForms(
  flags: Flags,
): { string: string[]; boolean: string[]; alias: Record<string, string> } {
  const names = Object.keys(flags);
  return {
    // "_" keeps arguments like 0123 from becoming numbers.
    string: ["_", ...names.filter((name) => flags[name]?.placeholder !== undefined)],
    boolean: names.filter((name) => flags[name]?.placeholder === undefined),
    alias: Object.fromEntries(
      Object.entries(flags).flatMap(([name, { short }]) => short === undefined ? [] : [[name, short]]),
    ),
  };
}

/** The index of `--`, after which nothing is a flag. */
export function endOfFlags(args: readonly string[]): number {
  const end = args.indexOf("--");
  return end < 0 ? args.length : end;
}

/** Gives flags that stand alone, though they take a value, the one that is meant. */
function completed(args: readonly string[], flags: Flags): string[] {
  const end = endOfFlags(args);
  return args.map((arg, at) => {
    const words = arg.startsWith("--") && at < end ? flags[arg.slice(2)]?.words : undefined;
    // What is nearly one of the words is a slip of the pen, and no argument.
    return words === undefined || nearest(args[at + 1] ?? "", words) ? arg : `${arg}=${words[0]}`;
  });
}

function unknownFlag(arg: string, key: string, names: readonly string[]): UsageError {
  const isLong = arg.startsWith("--");
  if (!isLong) return new UsageError(`Unknown option -${key}`);
  const now = RENAMED_FLAGS[key];
  if (now !== undefined) return new UsageError(`Unknown option --${key}: its name is --${now}`);
  return new UsageError(`Unknown option --${key}${didYouMean(`--${key}`, names.map((name) => `--${name}`))}`);
}
