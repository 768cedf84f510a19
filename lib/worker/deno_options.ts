import { isAbsolute } from "@std/path/posix/is-absolute";
import { resolve } from "@std/path/posix/resolve";

/** The treatment of an option of Deno when a process starts workers. */
type Fate =
  /** They get it. */
  | "carry"
  /** They get it; it names a file, as seen from the folder that the process was started in. */
  | "file"
  /** They need it no more, or it is about the process alone. */
  | "drop"
  /** They cannot have it, and that can make a difference: it is said. */
  | "say";

/** The form of an option's value. */
type Value =
  /** It has none, or `--name=value`. */
  | "="
  /** `--name=value` or `--name value`. */
  | "word"
  /** The same, and it may have none. */
  | "maybe";

interface Option {
  fate: Fate;
  value: Value;
  /** The reason why it is not carried. */
  why?: string;
}

const carry = (value: Value = "="): Option => ({ fate: "carry", value });
const file = (value: Value = "word"): Option => ({ fate: "file", value });
const drop = (why: string, value: Value = "="): Option => ({ fate: "drop", value, why });
const say = (why: string, value: Value = "="): Option => ({ fate: "say", value, why });

const PERMISSIONS = "workers may do anything";
const WATCHED = "the process that is watched starts them anew";
const DENIED = `${PERMISSIONS}: whoever may start programs may, too`;

/**
 * Options of `deno run` by their long names; those of permissions and `--unstable-...` go by their
 * beginnings.
 */
const OPTIONS: Readonly<Record<string, Option>> = {
  "config": file(),
  "no-config": carry(),
  "import-map": file(),
  "no-remote": carry(),
  "no-npm": carry(),
  "cached-only": carry(),
  "node-modules-dir": carry(),
  "node-modules-linker": carry("word"),
  "vendor": carry(),
  "allow-scripts": carry(),
  "min-dep-age": carry("word"),
  "minimum-dependency-age": carry("word"),
  "lock": file("maybe"),
  "no-lock": carry(),
  "frozen": carry(),
  "frozen-lockfile": carry(),
  "cert": file(),
  "unsafely-ignore-certificate-errors": carry(),
  "use-env-proxy": carry(),
  "v8-flags": carry(),
  "conditions": carry("word"),
  "location": carry("word"),
  "seed": carry("word"),
  "preload": file(),
  "import": file(),
  "require": file(),
  "no-code-cache": carry(),
  "coverage": file("="),
  "unstable": carry(),
  "ext": say(
    "only the name of a module tells a worker what kind it is: give the script's file an extension",
    "word",
  ),
  "inspect": say('no two processes have one port: isolation: "inline" runs tasks in this one'),
  "inspect-brk": say('no two processes have one port: isolation: "inline" runs tasks in this one'),
  "inspect-wait": say('no two processes have one port: isolation: "inline" runs tasks in this one'),
  "inspect-publish-uid": drop("it is about --inspect", "word"),
  "env-file": drop("its variables are in the environment, which workers have"),
  "check": drop("the process has checked"),
  "no-check": drop("workers never check"),
  "reload": drop("the process has loaded anew"),
  "watch": drop(WATCHED),
  "watch-hmr": drop(WATCHED),
  "hmr": drop(WATCHED),
  "watch-exclude": drop(WATCHED),
  "no-clear-screen": drop(WATCHED),
  "quiet": drop("workers are"),
  "log-level": drop("it is about what Deno itself prints", "word"),
  "permission-set": drop(PERMISSIONS),
  "no-prompt": drop(PERMISSIONS),
};

const LETTERS: Readonly<Record<string, string>> = {
  A: "allow-all",
  P: "permission-set",
  R: "allow-read",
  W: "allow-write",
  I: "allow-import",
  N: "allow-net",
  E: "allow-env",
  S: "allow-sys",
  c: "config",
  r: "reload",
  q: "quiet",
  L: "log-level",
};

/** Commands other than `deno run` have options of their own, which mean nothing to a worker. */
const OTHER_COMMANDS = ["test", "bench", "serve", "eval", "repl", "jupyter", "watch", "x", "desktop"];

/** Of them those for which Deno looks for a configuration in the current folder, not beside the module. */
const IN_FOLDER = ["test", "bench", "eval", "repl", "jupyter"];

/** The part of a command line that concerns workers. */
export interface CarriedOptions {
  /** The options that workers get, each as one word with an absolute path. */
  options: string[];
  /** Options that they do not get although these can make a difference, for people. */
  said: string[];
  /**
   * Whether Deno looked for a configuration in the folder of the process's start, not beside its main module.
   */
  inFolder: boolean;
}

/**
 * Which options of Deno a process passes on to its workers.
 *
 * @param words The command line of the process: Deno, its options, the script and what follows that.
 * @param args What follows the script, as the script sees it.
 * @param folder The folder that it was started in; `undefined` where that is not known.
 * @returns `undefined` where the command line is not one of these.
 */
export function carriedOptions(
  words: readonly string[],
  args: readonly string[],
  folder: string | undefined,
): CarriedOptions | undefined {
  const end = words.length - args.length;
  if (end < 1 || args.some((arg, i) => words[end + i] !== arg)) return undefined;
  const options: string[] = [];
  const said: string[] = [];
  let command: string | undefined;
  const given = words.slice(1, end);
  while (given.length > 0) {
    const word = given.shift()!;
    if (!word.startsWith("-") || word === "-" || word === "--") {
      // The first of them is the command, or the script.
      command ??= word;
      continue;
    }
    for (const { name, value, written } of namesOf(word)) {
      const option = optionOf(name);
      if (option === undefined) {
        if (!OTHER_COMMANDS.includes(command ?? "")) said.push(`${written} (furu does not know it)`);
        continue;
      }
      const text = value ?? valueOf(option, given);
      if (option.fate === "say") said.push(`${written} (${option.why})`);
      if (option.fate === "say" || option.fate === "drop") continue;
      const meant = text === undefined || option.fate === "carry" ? text : fileOf(text, folder);
      if (text !== undefined && meant === undefined) said.push(`${written} (where ${text} is is not known)`);
      else options.push(meant === undefined ? `--${name}` : `--${name}=${meant}`);
    }
  }
  return { options, said, inFolder: IN_FOLDER.includes(command ?? "") };
}

/** The options that a word stands for: `-Aqc` for three. */
function* namesOf(word: string): Generator<{ name: string; value: string | undefined; written: string }> {
  if (word.startsWith("--")) {
    const at = word.indexOf("=");
    const name = at < 0 ? word.slice(2) : word.slice(2, at);
    yield { name, value: at < 0 ? undefined : word.slice(at + 1), written: `--${name}` };
    return;
  }
  for (let i = 1; i < word.length; i++) {
    const letter = word[i]!;
    const name = LETTERS[letter] ?? letter;
    const rest = word.slice(i + 1);
    const takesAll = rest.startsWith("=") || (rest !== "" && optionOf(name)?.value === "word");
    yield { name, value: takesAll ? rest.replace(/^=/, "") : undefined, written: `-${letter}` };
    if (takesAll) return;
  }
}

function optionOf(name: string): Option | undefined {
  if (Object.hasOwn(OPTIONS, name)) return OPTIONS[name];
  if (name.startsWith("unstable-")) return carry();
  if (name.startsWith("allow-")) return drop(PERMISSIONS);
  if (name.startsWith("deny-") || name.startsWith("ignore-")) return say(DENIED);
  return undefined;
}

/** The value that follows as a word of its own. The script is the last word, and no value. */
function valueOf({ value }: Option, given: string[]): string | undefined {
  if (value === "=" || given.length === 0) return undefined;
  return value === "word" || (given.length > 1 && !given[0]!.startsWith("-")) ? given.shift() : undefined;
}

function fileOf(text: string, folder: string | undefined): string | undefined {
  if (isAbsolute(text) || /^[a-z][a-z0-9+.-]+:/i.test(text)) return text;
  return folder === undefined ? undefined : resolve(folder, text);
}
