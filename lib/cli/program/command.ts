import type { Flags, FlagValues, GlobalFlags } from "./flag.ts";
import type { Io } from "./io.ts";
import type { Program } from "./program.ts";
import type { Engine } from "./engine.ts";

/** What a command is given. */
export interface CommandInput<F extends Flags = Flags> {
  /** What was given besides flags. */
  readonly args: readonly string[];
  /** The command's own flags, checked. */
  readonly flags: FlagValues<F>;
  /** The flags that every command has. */
  readonly globals: FlagValues<GlobalFlags>;
  /** Where it writes. */
  readonly io: Io;
  /** The program that it is a command of. */
  readonly program: Program;
  /** The rest of furu, loaded when used. */
  readonly engine: Engine;
}

/** A command of the program, declared once for parsing, checking and help. */
export interface Command<F extends Flags = Flags> {
  /** More about it, for its own help. */
  readonly description?: string;
  /** Its arguments besides flags, as `MODULE[#export]`, for help. */
  readonly args: (program: Program) => string;
  /** How many of them it takes. */
  readonly arity: (program: Program) => { least: number; most: number };
  /** Its flags. */
  readonly flags: F;
  /** What to write after the program's name, and what that does. */
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
