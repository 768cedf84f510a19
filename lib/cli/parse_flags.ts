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
      if (key !== undefined) throw unknownFlag(arg, key, flags);
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
): { string: string[]; boolean: string[]; alias: Record<string, readonly string[]> } {
  const names = Object.keys(flags);
  return {
    // "_" keeps arguments like 0123 from becoming numbers.
    string: ["_", ...names.filter((name) => flags[name]?.placeholder !== undefined)],
    boolean: names.filter((name) => flags[name]?.placeholder === undefined),
    alias: Object.fromEntries(
      Object.entries(flags).map(([name, { short, also = [] }]) => [
        name,
        short === undefined ? also : [short, ...also],
      ]),
    ),
  };
}

/** The index of `--`, after which nothing is a flag. */
export function endOfFlags(args: readonly string[]): number {
  const end = args.indexOf("--");
  return end < 0 ? args.length : end;
}

/** Gives flags that stand alone, though they take a value, the one that is meant. */
function completed(given: readonly string[], flags: Flags): string[] {
  const args = given.flatMap((arg, at) => at < endOfFlags(given) ? separated(arg, flags) : [arg]);
  const end = endOfFlags(args);
  return args.map((arg, at) => {
    const words = arg.startsWith("--") && at < end ? flags[arg.slice(2)]?.words : undefined;
    // What is nearly one of the words is a slip of the pen, and no argument.
    return words === undefined || nearest(args[at + 1] ?? "", words) ? arg : `${arg}=${words[0]}`;
  });
}

/**
 * Letters of flags that stand together, each by itself: `-kj4` is `-k` and `--workers=4`. What is nothing of
 * the kind stays as it is.
 */
function separated(arg: string, flags: Flags): string[] {
  if (!/^-[A-Za-z]./.test(arg)) return [arg];
  const parts: string[] = [];
  for (let at = 1; at < arg.length; at++) {
    const letter = arg[at]!;
    const found = Object.entries(flags).find(([, { short, also }]) =>
      short === letter || also?.includes(letter)
    );
    if (found === undefined) return [arg];
    const [name, flag] = found;
    const rest = arg.slice(at + 1);
    if (flag.placeholder !== undefined && rest !== "") {
      return [...parts, `--${name}=${rest.replace(/^=/, "")}`];
    }
    parts.push(`-${letter}`);
  }
  return parts;
}

function unknownFlag(arg: string, key: string, flags: Flags): UsageError {
  const names = Object.keys(flags);
  const long = [...names, ...names.flatMap((name) => flags[name]!.also ?? [])].filter((name) =>
    name.length > 1
  );
  if (!arg.startsWith("--")) {
    // `-help` is read as letters: the word is what was meant.
    const word = arg.slice(1).replace(/=.*$/, "");
    const meant = word.length > 2 ? nearest(word, long) : undefined;
    return new UsageError(`Unknown option -${key}${meant === undefined ? "" : `; did you mean --${meant}?`}`);
  }
  const now = RENAMED_FLAGS[key];
  if (now !== undefined) return new UsageError(`Unknown option --${key}: its name is --${now}`);
  const instead = INSTEAD[key]?.(names);
  if (instead !== undefined) return new UsageError(`Unknown option --${key}: ${instead}`);
  return new UsageError(`Unknown option --${key}${didYouMean(`--${key}`, long.map((name) => `--${name}`))}`);
}

/** What to do instead of what people try. */
const INSTEAD: Readonly<Record<string, (names: readonly string[]) => string | undefined>> = {
  "dry-run": (names) => names.includes("apply") ? "nothing is changed without --apply" : undefined,
  yes: (names) => names.includes("apply") ? "--apply does it" : undefined,
  watch: () => "'furu status --watch' goes on showing how runs are getting on",
};
