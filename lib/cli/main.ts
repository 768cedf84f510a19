import { parseArgs } from "@std/cli/parse-args";
import { setColorEnabled } from "@std/fmt/colors";
import { UsageError } from "../core/errors.ts";
import { didYouMean } from "../core/nearest.ts";
import { commands, type LazyCommand } from "./commands.ts";
import { type Engine, systemEngine } from "./engine.ts";
import { type GlobalFlags, globalFlags } from "./global_flags.ts";
import type { FlagValues } from "./flag.ts";
import { commandHelp, programHelp } from "./help.ts";
import { type Io, systemIo } from "./io.ts";
import { parseFlags } from "./parse_flags.ts";
import { furuProgram, type Program } from "./program.ts";

/** Options of {@link main}; all but `args` are for scripts and tests. */
export interface MainOptions {
  /** The command line, without the program. */
  args: readonly string[];
  /** Which program it is. @default `furu` */
  program?: Program;
  /** Where it writes. @default this process's own streams */
  io?: Io;
  /** The rest of furu. @default the real one */
  engine?: Engine;
}

/**
 * The program: does what a command line says.
 *
 * @returns The exit code: 0, 1 when something failed, 2 for wrong use, 130 or 143 when stopped by a signal.
 */
export async function main(options: MainOptions): Promise<number> {
  const { args, program = furuProgram, io = systemIo(), engine = systemEngine } = options;
  let used = program.name;
  try {
    // What computes artifacts for a run: started by furu alone, and often.
    if (args[0] === "compute") return await (await import("./compute.ts")).compute(args.slice(1));
    if (args[0] === "job") return await (await import("./job.ts")).job(args.slice(1));
    const { before, name, after } = splitCommand(args, program);
    if (name === undefined) return await noCommand(before, program, io);
    if (name === "help") return await help(after, program, io);
    const command = findCommand(name);
    used = `${program.name} ${name}`;
    return await runCommand(command, [...before, ...after], { program, io, engine });
  } catch (error) {
    const { reportError } = await import("./report_error.ts");
    return reportError(error, {
      io,
      command: used,
      verbose: args.includes("--verbose") || await logsDebug(),
    });
  }
}

/** Is everything logged that helps to find faults? Then errors are shown with their stacks. */
async function logsDebug(): Promise<boolean> {
  try {
    return (await import("../core/config.ts")).resolveConfig().logLevel === "debug";
  } catch {
    return false; // a configuration that cannot be read is what is being reported
  }
}

/** Finds the command: the first argument that is no flag. Flags of every command may stand before it. */
function splitCommand(
  args: readonly string[],
  program: Program,
): { before: string[]; name?: string; after: string[] } {
  let foreign = false;
  const { _: rest } = parseArgs([...args], {
    stopEarly: true,
    string: ["_", ...Object.keys(globalFlags).filter((name) => globalFlags[name]?.placeholder !== undefined)],
    boolean: Object.keys(globalFlags).filter((name) => globalFlags[name]?.placeholder === undefined),
    alias: Object.fromEntries(
      Object.entries(globalFlags).flatMap(([name, { short }]) => short === undefined ? [] : [[name, short]]),
    ),
    "--": true,
    unknown: (_arg, key) => {
      foreign ||= key !== undefined;
    },
  });
  const end = args.indexOf("--");
  const at = (end < 0 ? args.length : end) - rest.length;
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
    io.out((await import("./version.ts")).versionText());
    return 0;
  }
  const { flags } = parseFlags(args, globalFlags);
  if (flags.help) {
    io.out(programHelp(program, commands));
    return 0;
  }
  io.err(programHelp(program, commands));
  return 2;
}

async function help(args: readonly string[], program: Program, io: Io): Promise<number> {
  const [name] = args;
  if (name === undefined) io.out(programHelp(program, commands));
  else {
    const lazy = findCommand(name);
    io.out(commandHelp(program, lazy, await lazy.load()));
  }
  return 0;
}

function findCommand(name: string): LazyCommand {
  const found = commands.find((command) => command.name === name);
  if (found) return found;
  const names = commands.map((command) => command.name);
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
    io.out(commandHelp(program, lazy, command));
    return 0;
  }
  const parsed = parseFlags(args, { ...globalFlags, ...command.flags });
  checkArity(parsed.args, command.arity(program), command.args(program));
  const globals = parsed.flags as FlagValues<GlobalFlags>;
  await applyGlobals(globals, engine);
  return await command.run({ args: parsed.args, flags: parsed.flags, globals, io, program, engine });
}

function endOfFlags(args: readonly string[]): number {
  const end = args.indexOf("--");
  return end < 0 ? args.length : end;
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
  const logLevel = globals.verbose ? "debug" : globals.quiet ? "error" : undefined;
  await engine.configure({
    ...(globals.root === undefined ? {} : { root: globals.root }),
    ...(logLevel === undefined ? {} : { logLevel }),
  });
}
