import { UsageError } from "../../core/errors.ts";
import { didYouMean } from "../../core/nearest.ts";

/** A flag of a command, declared once for parsing, checking and help. */
export interface Flag<T = unknown> {
  /** A description for help. */
  readonly description: string;
  /** Its one-letter form. */
  readonly short?: string;
  /** Other names by which people look for it, letters too. */
  readonly also?: readonly string[];
  /** The placeholder of its value in help, as `N`. A flag without one takes no value. */
  readonly placeholder?: string;
  /** The words that may follow it, where it may also stand alone: then the first of them is meant. */
  readonly words?: readonly string[];
  /** The value when the flag is not given. */
  readonly absent: T;
  /**
   * Checks the values given, at least one.
   *
   * @throws {UsageError} If it is anything else, with what is allowed.
   */
  readonly parse: (texts: readonly string[]) => T;
}

/** Flags by name, without their dashes. */
// The flags of one command differ in type; `never` would refuse their `parse`.
// deno-lint-ignore no-explicit-any
export type Flags = Readonly<Record<string, Flag<any>>>;

/** The values of flags. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

/** Options of {@link valueFlag} and the like. */
export interface FlagOptions {
  /** Its one-letter form. */
  short?: string;
  /** Other names by which people look for it, letters too. */
  also?: readonly string[];
}

/** A flag that is there or not. */
export function switchFlag(description: string, options: FlagOptions = {}): Flag<boolean> {
  return { description, ...options, absent: false, parse: (texts) => texts.at(-1) !== "false" };
}

/**
 * A flag with one value.
 *
 * @param parse Throws a {@link UsageError} that says what is allowed.
 */
export function valueFlag<T>(
  placeholder: string,
  description: string,
  parse: (text: string) => T,
  options: FlagOptions = {},
): Flag<T | undefined> {
  return {
    description,
    placeholder,
    ...options,
    absent: undefined,
    parse: (texts) => parse(texts.at(-1) ?? ""),
  };
}

/** A flag that may be given many times. */
export function listFlag(
  placeholder: string,
  description: string,
  options: FlagOptions = {},
): Flag<string[]> {
  return { description, placeholder, ...options, absent: [], parse: (texts) => [...texts] };
}

/** A flag that takes one of some words. */
export function choiceFlag<const W extends string>(
  words: readonly W[],
  description: string,
  options: FlagOptions = {},
): Flag<W | undefined> {
  const parse = (text: string): W => {
    const word = words.find((candidate) => candidate === text);
    if (word !== undefined) return word;
    throw new UsageError(
      `allowed are ${words.join(", ")}: current value is '${text}'${didYouMean(text, words)}`,
    );
  };
  return valueFlag(words.join("|"), description, parse, options);
}

/** A flag that may stand alone, which means the first of some words. */
export function optionalChoiceFlag<const W extends string>(
  words: readonly W[],
  description: string,
): Flag<W | undefined> {
  return { ...choiceFlag(words, description), placeholder: `[${words.join("|")}]`, words };
}

/** Options of which those that are `undefined` are not given. */
export type Given<T> =
  & { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> }
  & { [K in keyof T as undefined extends T[K] ? never : K]: T[K] };

/**
 * Leaves out what is `undefined`: functions of furu leave to the configuration only what is not given at all.
 */
export function given<T extends object>(options: T): Given<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<T>;
}

/** A whole number of at least `least`. */
export function wholeNumber(text: string, least: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`a whole number from ${least} is needed: current value is '${text}'`);
}

/** Flags that every command has. */
export interface GlobalFlags extends Record<string, Flag> {
  /** The store's folder. */
  readonly root: Flag<string | undefined>;
  /** The folder to go to first. */
  readonly directory: Flag<string | undefined>;
  /** Say only what failed. */
  readonly quiet: Flag<boolean>;
  /** For programs. */
  readonly json: Flag<boolean>;
  /** No colours. */
  readonly "no-color": Flag<boolean>;
  /** More about what goes wrong. */
  readonly verbose: Flag<boolean>;
  /** Show help. */
  readonly help: Flag<boolean>;
}

/** Flags that every command has; they may stand before the command, too. */
export const globalFlags: GlobalFlags = {
  root: valueFlag(
    "DIR",
    "The store's folder (default: FURU_PATH, else furu-data of the project)",
    (text) => text,
    { also: ["store"] },
  ),
  directory: valueFlag("DIR", "Go to this folder first, as cd does", (text) => text, {
    short: "C",
    also: ["cwd"],
  }),
  quiet: switchFlag("Say only what failed", { short: "q" }),
  json: switchFlag("Write JSON for programs: events of a run as lines, a plan as one document"),
  "no-color": switchFlag("No colours (as NO_COLOR in the environment)", { also: ["no-colour"] }),
  verbose: switchFlag("Log for finding faults, and show stacks of errors", { short: "v" }),
  help: switchFlag("Show help", { short: "h" }),
};
