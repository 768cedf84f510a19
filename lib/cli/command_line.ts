import { parseArgs } from "@std/cli/parse-args";
import { setColorEnabled } from "@std/fmt/colors";
import { UsageError } from "../core/errors.ts";
import { didYouMean } from "../core/nearest.ts";
import { commands, type LazyCommand } from "./commands/commands.ts";
import type { LogLevel } from "../ui/logger.ts";
import type { Engine } from "./program/engine.ts";
import { type FlagValues, given, type GlobalFlags, globalFlags } from "./program/flag.ts";
import { commandHelp, programHelp } from "./help.ts";
import type { Io } from "./program/io.ts";
import { endOfFlags, flagForms, parseFlags } from "./parse_flags.ts";
import type { Program } from "./program/program.ts";

const shown = commands.filter(({ hidden }) => !hidden);

/** Options of {@link runCommandLine}. */
export interface CommandLineOptions {
  /** The command line, without the program. */
  args: readonly string[];
  /** The program whose commands they are. */
  program: Program;
  /** The streams that it writes to. */
  io: Io;
  /** The rest of furu. */
  engine: Engine;
  /** Called with the command's name, as soon as that is known. */
  onCommand: (name: string) => void;
}

/**
 * Does what a command line says.
 *
 * @returns The exit code.
 */
export async function runCommandLine(options: CommandLineOptions): Promise<number> {
  const { args, program, io, engine } = options;
  const { before, name, after } = splitCommand(args, program);
  if (name === undefined) return await noCommand(before, program, io);
  if (name === "help") return await help(after, program, io);
  const command = findCommand(name);
  options.onCommand(name);
  return await runCommand(command, [...before, ...after], { program, io, engine });
}

/** Finds the command: the first argument that is no flag. Flags of every command may stand before it. */
function splitCommand(
  args: readonly string[],
  program: Program,
): { before: string[]; name?: string; after: string[] } {
  let foreign = false;
  const { _: rest } = parseArgs([...args], {
    ...flagForms(globalFlags),
    stopEarly: true,
    "--": true,
    unknown: (_arg, key) => {
      foreign ||= key !== undefined;
    },
  });
  const at = endOfFlags(args) - rest.length;
  const name = rest[0]?.toString();
  const isCommand = name !== undefined && !foreign;
  // A script is run when nothing else is asked for: its flags follow at once.
  if (program.script && !isCommand) {
    return isAboutProgram(args)
      ? { before: [...args], after: [] }
      : { before: [], name: "run", after: [...args] };
  }
  if (!isCommand) return { before: [...args], after: [] };
  return { before: args.slice(0, at), name, after: args.slice(at + 1) };
}

function isAboutProgram(args: readonly string[]): boolean {
  return args.some((arg) => ["--help", "-h", "--version", "-V"].includes(arg));
}

async function noCommand(args: readonly string[], program: Program, io: Io): Promise<number> {
  if (args.includes("--version") || args.includes("-V")) {
    io.out(await versionText());
    return 0;
  }
  const { flags } = parseFlags(args, globalFlags);
  if (flags.help) {
    io.out(programHelp(program, shown, helpWidth(io), await tasksOf(program)));
    return 0;
  }
  io.err(programHelp(program, shown, helpWidth(io)));
  return 2;
}

/** The versions of furu and of what it runs on. */
async function versionText(): Promise<string> {
  const { FURU_VERSION } = await import("../core/version.ts");
  const { deno, v8, typescript } = Deno.version;
  return `furu ${FURU_VERSION} (deno ${deno}, v8 ${v8}, typescript ${typescript}, ${Deno.build.target})\n`;
}

async function help(args: readonly string[], program: Program, io: Io): Promise<number> {
  const [name] = args;
  if (name === undefined) io.out(programHelp(program, shown, helpWidth(io), await tasksOf(program)));
  else {
    const lazy = findCommand(name);
    io.out(commandHelp(program, lazy, await lazy.load(), helpWidth(io)));
  }
  return 0;
}

/** Longer lines are hard to read, however wide the terminal is. */
function helpWidth({ width = Infinity }: Io): number {
  return Math.min(100, width);
}

/** Lines about a script's own tasks. */
async function tasksOf(program: Program): Promise<string[]> {
  return program.script ? (await import("./task_help.ts")).taskLines() : [];
}

function findCommand(name: string): LazyCommand {
  const found = commands.find((command) => command.name === name);
  if (found) return found;
  const names = shown.map((command) => command.name);
  const hint = didYouMean(name, names);
  throw new UsageError(
    `Unknown command '${name}'${hint === "" ? `: commands are ${names.join(", ")}` : hint}`,
  );
}

async function runCommand(
  lazy: LazyCommand,
  args: readonly string[],
  { program, io, engine }: { program: Program; io: Io; engine: Engine },
): Promise<number> {
  const command = await lazy.load();
  const wantsHelp = args.slice(0, endOfFlags(args)).some((arg) => arg === "--help" || arg === "-h");
  if (wantsHelp) {
    io.out(commandHelp(program, lazy, command, helpWidth(io)));
    return 0;
  }
  const parsed = parseFlags(args, { ...globalFlags, ...command.flags });
  checkArity(parsed.args, command.arity(program), command.args(program));
  const globals = parsed.flags as FlagValues<GlobalFlags>;
  await applyGlobals(globals, engine);
  return await command.run({ args: parsed.args, flags: parsed.flags, globals, io, program, engine });
}

function checkArity(args: readonly string[], arity: { least: number; most: number }, allowed: string): void {
  if (args.length < arity.least) throw new UsageError(`Cannot go on as an argument is missing: ${allowed}`);
  if (args.length <= arity.most) return;
  const extra = args.slice(arity.most).map((arg) => `'${arg}'`).join(", ");
  throw new UsageError(
    `Cannot use ${extra}: ${allowed === "" ? "no arguments are" : `only ${allowed} is`} allowed`,
  );
}

async function applyGlobals(globals: FlagValues<GlobalFlags>, engine: Engine): Promise<void> {
  if (globals["no-color"]) setColorEnabled(false);
  if (globals.root === undefined && !globals.verbose && !globals.quiet) return;
  const logLevel: LogLevel | undefined = globals.verbose ? "debug" : globals.quiet ? "error" : undefined;
  await engine.configure(given({ root: globals.root, logLevel }));
}
