import { dirname } from "@std/path/posix/dirname";
import { isAbsolute } from "@std/path/posix/is-absolute";
import { FURU_URL, packed } from "../core/packed.ts";
import { findUpward, pathOf } from "../core/paths.ts";
import type { RunStart } from "./run_start.ts";

/** Options of {@link workerCommand}. */
export interface WorkerCommandOptions {
  /** URL of the user's module: its configuration file holds for the worker as well. */
  module?: string | URL;
  /** The start of the process that began the run. */
  start?: RunStart;
  /**
   * Most megabytes of V8's heap.
   *
   * @default {V8's own limit}
   */
  maxHeapMb?: number | undefined;
}

/**
 * Options of Deno with which furu's own processes start sooner. What is imported when it is used is read then
 * only: without that Deno reads twice as many modules at once. (It takes the right to read them, so that it
 * is nothing for processes with less than all rights.) V8 begins with a megabyte for young objects, full many
 * times while modules load: collecting it takes a start 10 ms. It would let that grow to these 16 MB anyway.
 */
export const START_OPTIONS: readonly string[] = [
  "--unstable-lazy-dynamic-imports",
  "--v8-flags=--min-semi-space-size=16",
];

/**
 * The first argument of a packed program, which its shell part reads: the module whose configuration file
 * holds.
 */
export const PACKED_MODULE_FLAG = "--furu-module";

const CLI_URL = new URL("cli.ts", FURU_URL);

/** The folder that a process was in before it was started in one where Deno finds a package.json. */
const FOLDER_VARIABLE = "FURU_FOLDER";

/** The command that starts a computing process, with {@link computeEnvironment} in its environment. */
export function workerCommand(options: WorkerCommandOptions = {}): string[] {
  return [...furuCommand(options), ...options.start?.args ?? []];
}

/**
 * The command that starts furu's own program as processes of a run need it, without arguments: the single
 * file itself when that is what runs, else `deno run` with that program, which may come from a registry.
 *
 * The user's module resolves its imports by the configuration of the process that began the run. Where that
 * is not known it is the one nearest to the module, as for `deno run` of it. Without one, Deno looks beside
 * furu's own program where that is a local file, and nowhere otherwise: the folder that the user happens to
 * be in never counts.
 */
export function furuCommand({ module, start, maxHeapMb }: WorkerCommandOptions = {}): string[] {
  if (Deno.build.standalone) return [Deno.execPath()];
  const own = packed();
  if (own?.pipeline !== undefined) return [own.file];
  const { options = [], packageFolder } = start ?? {};
  const isGiven = packageFolder !== undefined || options.some((each) => /^--(no-)?config\b/.test(each));
  const config = module === undefined || isGiven ? undefined : nearestConfig(module);
  if (own !== undefined) {
    // Not the configuration itself: what is embedded has to be added to it, on each machine anew.
    return [own.file, ...(config === undefined ? [] : [`${PACKED_MODULE_FLAG}=${pathOf(module!)}`])];
  }
  const heap = maxHeapMb === undefined ? [] : [`--v8-flags=--max-old-space-size=${maxHeapMb}`];
  const flags = ["--quiet", ...withOneOfV8([...START_OPTIONS, ...options, ...heap])];
  if (packageFolder !== undefined) return inFolder(packageFolder, flags);
  return [
    Deno.execPath(),
    "run",
    "--allow-all",
    ...(config !== undefined
      ? ["--config", config]
      : isGiven || CLI_URL.protocol === "file:"
      ? []
      : ["--no-config"]),
    ...flags,
    pathOf(CLI_URL),
  ];
}

/** Options with all that is for V8 in one, as Denos up to 2.8 want it: the last one there counts. */
function withOneOfV8(options: readonly string[]): string[] {
  const word = "--v8-flags=";
  const isOfV8 = (each: string): boolean => each.startsWith(word);
  const flags = options.filter(isOfV8).map((each) => each.slice(word.length));
  const others = options.filter((each) => !isOfV8(each));
  return flags.length === 0 ? others : [...others, word + flags.join()];
}

/** A command that does nothing, and ends well where furu's program can be started at all. */
export function probeCommand(): string[] {
  if (Deno.build.standalone) return [Deno.execPath(), "--version"];
  const own = packed();
  return own === undefined ? [Deno.execPath(), "eval", "0"] : [own.file, "--version"];
}

/**
 * A package.json holds where Deno looks for one, which is beside its main module, or in the current folder
 * for code that is in no file: furu's program is such code, and goes back to its folder before it does
 * anything.
 */
function inFolder(folder: string, flags: readonly string[]): string[] {
  const main = new URL("lib/cli/main.ts", FURU_URL).href;
  const code = [
    `const folder = Deno.env.get("${FOLDER_VARIABLE}");`,
    `Deno.env.delete("${FOLDER_VARIABLE}");`,
    `Deno.chdir(folder);`,
    `Deno.env.set("PWD", folder);`,
    `const { runFuru } = await import(${JSON.stringify(main)});`,
    `Deno.exit(await runFuru({ args: Deno.args }));`,
  ].join(" ");
  const shell = `export ${FOLDER_VARIABLE}="$PWD"; cd -- "$0" && unset OLDPWD && exec "$@"`;
  const known = flags.filter((each) => each !== "--no-code-cache");
  // What follows is the program's own, which Denos up to 2.8 have to be told.
  return ["/bin/sh", "-c", shell, folder, Deno.execPath(), "eval", ...known, code, "--"];
}

function nearestConfig(module: string | URL): string | undefined {
  const path = pathOf(module);
  return isAbsolute(path) ? findUpward(dirname(path), ["deno.json", "deno.jsonc"])?.path : undefined;
}
