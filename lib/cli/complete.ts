import { commands, type LazyCommand } from "./commands/commands.ts";
import type { AnyCommand } from "./program/command.ts";
import { type Flag, type Flags, globalFlags } from "./program/flag.ts";
import type { Io } from "./program/io.ts";
import { furuProgram } from "./program/program.ts";
import type { Store } from "../store/store.ts";
import { type Candidate, choicesIn, kindsOf, valuesOf } from "./setup/complete_values.ts";

const shown = commands.filter(({ hidden }) => !hidden);
const commandNames: readonly Candidate[] = shown.map(({ name, summary }) => ({ value: name, note: summary }));

/**
 * The hidden command `complete -- WORD...`: what the last word, which may be empty, may become. The scripts
 * of `furu completions` ask it at each press of a key: so it never says what is wrong, and loads little.
 */
export async function complete(args: readonly string[], io: Io): Promise<void> {
  const words = args.slice(args[0] === "--" ? 1 : 0);
  try {
    for (const { value, note } of await candidates(words, io.cwd)) {
      io.out(note === undefined ? `${value}\n` : `${value}\t${note.replaceAll(/\s+/g, " ")}\n`);
    }
  } catch {
    // No candidates, as where there is no store, or a configuration cannot be read.
  }
}

/**
 * What the last of some words may become.
 *
 * @param words All that follows the program's name.
 * @param cwd The folder that the shell is in.
 */
export async function candidates(
  words: readonly string[],
  cwd: string,
): Promise<Candidate[]> {
  const current = words.at(-1) ?? "";
  const place = new Place(cwd);
  let lazy: LazyCommand | undefined;
  let command: AnyCommand | undefined;
  let name: string | undefined;
  let flags: Flags = globalFlags;
  let pending: [name: string, flag: Flag] | undefined;
  let endOfFlags = false;
  for (const word of words.slice(0, -1)) {
    if (pending !== undefined) {
      place.take(...pending, word);
      pending = undefined;
    } else if (word === "--") endOfFlags = true;
    else if (!endOfFlags && word.startsWith("-") && word.length > 1) {
      const [, text, value] = /^([^=]*)=?(.*)$/s.exec(word)!;
      const found = findFlag(flags, text!);
      if (found?.[1].placeholder === undefined) continue;
      if (word.includes("=")) place.take(...found, value!);
      else pending = found;
    } else if (name === undefined) {
      name = word;
      lazy = shown.find((each) => each.name === name);
      // To load a command takes longer than all else: its arguments alone are known without.
      if (lazy?.takes === undefined || words.slice(1).some((each) => /^-./.test(each))) {
        command = await lazy?.load();
        flags = { ...globalFlags, ...command?.flags };
      }
    }
  }
  // Of a flag that may also stand alone, what follows may be its value or not.
  if (pending !== undefined && !(pending[1].words && current.startsWith("-"))) {
    const values = await flagValues(pending[0], pending[1], current, place);
    const others = pending[1].words === undefined
      ? []
      : await argumentValues(command?.args(furuProgram) ?? lazy?.takes ?? "", current, place);
    return beginning(current, [...values, ...others]);
  }
  if (!endOfFlags && /^--[^=]+=/.test(current)) {
    const at = current.indexOf("=");
    const found = findFlag(flags, current.slice(0, at));
    if (found === undefined) return [];
    const begun = current.slice(at + 1);
    const values = beginning(begun, await flagValues(...found, begun, place));
    return values.map((each) => ({ ...each, value: `${current.slice(0, at + 1)}${each.value}` }));
  }
  if (!endOfFlags && current.startsWith("-")) return beginning(current, flagNames(flags, name === undefined));
  if (name === undefined) return beginning(current, [...commandNames, { value: "help", note: "Show help" }]);
  if (name === "help") return beginning(current, commandNames);
  return beginning(
    current,
    await argumentValues(command?.args(furuProgram) ?? lazy?.takes ?? "", current, place),
  );
}

/** Where it is looked: the flags before a word decide that. */
class Place {
  cwd: string;
  #root: string | undefined;
  #opened: Promise<Store> | undefined;

  constructor(cwd: string) {
    this.cwd = cwd;
  }

  /** Takes the value of a flag that stands before. */
  take(name: string, _flag: Flag, value: string): void {
    if (name === "root") this.#root = value;
    if (name !== "directory") return;
    Deno.chdir(value);
    this.cwd = Deno.cwd();
  }

  async #store(): Promise<Store> {
    const [{ quickStore }, { furuGlobals }] = await Promise.all([
      import("./setup/quick_store.ts"),
      import("../core/globals.ts"),
    ]);
    furuGlobals().startFolder = this.cwd;
    return quickStore(this.#root);
  }

  /** For {@link valuesOf}: the store is opened once, and only if it is asked. */
  get options() {
    return { store: () => this.#opened ??= this.#store(), cwd: this.cwd };
  }
}

function findFlag(flags: Flags, written: string): [string, Flag] | undefined {
  const text = written.replace(/^--?/, "");
  return Object.entries(flags).find(([name, { short, also }]) =>
    written.startsWith("--") ? name === text || also?.includes(text) : short === text || also?.includes(text)
  );
}

function flagNames(flags: Flags, isProgram: boolean): Candidate[] {
  const names = Object.entries(flags).map(([name, { description }]) => ({
    value: `--${name}`,
    note: description,
  }));
  return isProgram ? [...names, { value: "--version", note: "Show versions" }] : names;
}

async function flagValues(
  name: string,
  { placeholder = "", words }: Flag,
  begun: string,
  place: Place,
): Promise<Candidate[]> {
  if (words !== undefined) return words.map((value) => ({ value }));
  if (name === "force") return [...await valuesOf("task", begun, place.options), { value: "ALL" }];
  if (placeholder === "STATUS") {
    const { SHORT_STATUS } = await import("./view/list_text.ts");
    return Object.values(SHORT_STATUS).map((value) => ({ value }));
  }
  if (placeholder === "ORDER") {
    return ["time", "size", "duration", "memory", "status", "hash"].map((value) => ({ value }));
  }
  const choices = choicesIn(placeholder);
  if (choices.length > 0) return choices.map((value) => ({ value }));
  return await valuesOfAll(placeholder, begun, place);
}

async function argumentValues(
  written: string,
  begun: string,
  place: Place,
): Promise<Candidate[]> {
  const choices = choicesIn(written);
  return choices.length > 0 && !written.includes("last")
    ? choices.map((value) => ({ value }))
    : await valuesOfAll(written, begun, place);
}

async function valuesOfAll(written: string, begun: string, place: Place): Promise<Candidate[]> {
  const found = await Promise.all(
    // One that cannot be told keeps none of the others back.
    [...kindsOf(written)].map((kind) => valuesOf(kind, begun, place.options).catch(() => [])),
  );
  return found.flat();
}

function beginning(begun: string, candidates: readonly Candidate[]): Candidate[] {
  const once = new Map(candidates.map((each) => [each.value, each]));
  return [...once.values()].filter(({ value }) => value.startsWith(begun));
}
