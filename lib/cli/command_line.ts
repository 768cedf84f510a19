import { parseArgs } from "@std/cli/parse-args";
import { furuGlobals } from "../core/globals.ts";
import { setColorEnabled } from "@std/fmt/colors";
import { UsageError } from "../core/errors.ts";
import { didYouMean } from "../core/nearest.ts";
import { requireDeno } from "../core/system/deno_range.ts";
import { commands, type LazyCommand } from "./commands/commands.ts";
import type { LogLevel } from "../ui/logger.ts";
import type { Engine } from "./program/engine.ts";
import { type FlagValues, given, type GlobalFlags, globalFlags } from "./program/flag.ts";
import { commandHelp, programHelp } from "./help.ts";
import type { Io } from "./program/io.ts";
import { endOfFlags, flagForms, parseFlags } from "./parse_flags.ts";
import type { Program } from "./program/program.ts";

/** The commands that a program has, but for those that people hardly ever need. */
function shownCommands(program: Program): LazyCommand[] {
  return commands.filter(({ hidden, furuOnly }) => !hidden && !(furuOnly && program.script));
}

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
  const command = findCommand(name, program);
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
    io.out(
      programHelp(program, shownCommands(program), helpWidth(io), await tasksOf(program, helpWidth(io) - 2)),
    );
    return 0;
  }
  io.err(programHelp(program, shownCommands(program), helpWidth(io)));
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
  if (name === undefined) {
    io.out(
      programHelp(program, shownCommands(program), helpWidth(io), await tasksOf(program, helpWidth(io) - 2)),
    );
  } else {
    const lazy = findCommand(name, program);
    io.out(commandHelp(program, lazy, await lazy.load(), helpWidth(io)));
  }
  return 0;
}

/** Columns of help that goes to no terminal. */
const PIPED_COLUMNS = 80;

/** Longer lines are hard to read, however wide the terminal is. */
function helpWidth({ width = PIPED_COLUMNS }: Io): number {
  return Math.min(100, width);
}

/** Lines about a script's own tasks. */
async function tasksOf(program: Program, width: number): Promise<string[]> {
  return program.script ? (await import("./task_help.ts")).taskLines(width) : [];
}

function findCommand(name: string, program: Program): LazyCommand {
  const found = commands.find((command) => command.name === name && !(command.furuOnly && program.script));
  if (found) return found;
  const start = program.name;
  if (!program.script && /\.[cm]?[jt]sx?(#\w+)?$|^(https?|file|jsr|npm):/.test(name)) {
    throw new UsageError(
      `Unknown command '${name}': '${start} run ${name}' computes what it asks for, '${start} plan ${name}' shows that first`,
    );
  }
  const instead = Object.hasOwn(OTHER_NAMES, name) ? OTHER_NAMES[name] : undefined;
  if (instead !== undefined) {
    throw new UsageError(`Unknown command '${name}'; '${start} ${instead}' does that`);
  }
  const names = shownCommands(program).map((command) => command.name);
  const hint = didYouMean(name, names);
  throw new UsageError(
    `Unknown command '${name}'${hint === "" ? `: commands are ${names.join(", ")}` : hint}`,
  );
}

/** Commands by the names that other programs have for them. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  list: "ls",
  remove: "rm",
  delete: "rm",
  clean: "gc",
  prune: "gc",
  log: "logs",
  tail: "logs -f",
  watch: "status last --watch",
  stop: "cancel",
  kill: "cancel",
  build: "run",
  exec: "run",
  new: "init",
  create: "init",
  completion: "completions",
  settings: "config",
  version: "--version",
  info: "show",
  cat: "get",
  verify: "check",
};

async function runCommand(
  lazy: LazyCommand,
  args: readonly string[],
  { program, io, engine }: { program: Program; io: Io; engine: Engine },
): Promise<number> {
  const command = await lazy.load();
  const isVersion = (arg: string): boolean => arg === "--version" || arg === "-V";
  if (args.slice(0, endOfFlags(args)).some(isVersion)) {
    io.out(await versionText());
    return 0;
  }
  const wantsHelp = args.slice(0, endOfFlags(args)).some((arg) => arg === "--help" || arg === "-h");
  if (wantsHelp) {
    io.out(commandHelp(program, lazy, command, helpWidth(io)));
    return 0;
  }
  if (!lazy.anyDeno) requireDeno();
  const parsed = parseFlags(args, { ...globalFlags, ...command.flags });
  checkArity(parsed.args, command.arity(program), command.args(program));
  const globals = parsed.flags as FlagValues<GlobalFlags>;
  const cwd = globals.directory === undefined ? io.cwd : await goTo(globals.directory, io.cwd);
  await applyGlobals(globals, engine);
  return await command.run({
    args: parsed.args,
    flags: parsed.flags,
    globals,
    io: { ...io, cwd },
    program,
    engine,
  });
}

function checkArity(args: readonly string[], arity: { least: number; most: number }, allowed: string): void {
  if (args.length < arity.least) throw new UsageError(`Cannot go on as an argument is missing: ${allowed}`);
  if (args.length <= arity.most) return;
  const extra = args.slice(arity.most).map((arg) => `'${arg}'`).join(", ");
  throw new UsageError(
    `Cannot use ${extra}: ${allowed === "" ? "no arguments are" : `only ${allowed} is`} allowed`,
  );
}

/** Goes to a folder, as if the program had been started there. */
async function goTo(folder: string, cwd: string): Promise<string> {
  const [{ resolve }, { furuGlobals }] = await Promise.all([
    import("@std/path/posix/resolve"),
    import("../core/globals.ts"),
  ]);
  const path = resolve(cwd, folder);
  try {
    Deno.chdir(path);
  } catch (cause) {
    throw new UsageError(`Cannot go to ${path} (--directory): ${(cause as Error).message}`, { cause });
  }
  // What relative paths of the environment start at, and where the project is looked for.
  furuGlobals().startFolder = path;
  return path;
}

async function applyGlobals(globals: FlagValues<GlobalFlags>, engine: Engine): Promise<void> {
  if (globals["no-color"]) setColorEnabled(false);
  // What attempts log is kept all the same.
  furuGlobals().quiet = globals.quiet;
  if (globals.root === undefined && !globals.verbose) return;
  const logLevel: LogLevel | undefined = globals.verbose ? "debug" : undefined;
  await engine.configure(given({ root: globals.root, logLevel }));
}
