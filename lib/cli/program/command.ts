import type { Flags, FlagValues, GlobalFlags } from "./flag.ts";
import type { Io } from "./io.ts";
import type { Program } from "./program.ts";
import type { Engine } from "./engine.ts";

/** The input of a command. */
export interface CommandInput<F extends Flags = Flags> {
  /** The arguments that are no flags. */
  readonly args: readonly string[];
  /** The command's own flags, checked. */
  readonly flags: FlagValues<F>;
  /** The flags that every command has. */
  readonly globals: FlagValues<GlobalFlags>;
  /** The streams that it writes to. */
  readonly io: Io;
  /** The program that it is a command of. */
  readonly program: Program;
  /** The rest of furu, loaded when used. */
  readonly engine: Engine;
}

/** A command of the program, declared once for parsing, checking and help. */
export interface Command<F extends Flags = Flags> {
  /** More about it, for its own help: paragraphs. */
  readonly description: readonly string[];
  /** Its arguments besides flags, as `MODULE[#export]`, for help. */
  readonly args: (program: Program) => string;
  /** The least and the most number of them. */
  readonly arity: (program: Program) => { least: number; most: number };
  /** Its flags. */
  readonly flags: F;
  /** Command lines without the program's name, and what each does. */
  readonly examples: (program: Program) => readonly (readonly [args: string, what: string])[];
  /** Does it. Resolves to the exit code. */
  readonly run: (input: CommandInput<F>) => Promise<number>;
}

/** A command whose flags are not known here. */
// The flags of one command differ from those of another; a common type would refuse their `run`.
// deno-lint-ignore no-explicit-any
export type AnyCommand = Command<any>;

/** Declares a command; its flags' types reach its `run`. */
export function defineCommand<const F extends Flags>(command: Command<F>): Command<F> {
  return command;
}
