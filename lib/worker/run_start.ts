import { dirname } from "@std/path/posix/dirname";
import { isAbsolute } from "@std/path/posix/is-absolute";
import { basename } from "@std/path/posix/basename";
import { environmentVariables } from "../core/environment.ts";
import { FURU_URL, packed } from "../core/packed.ts";
import { furuGlobals, processStart } from "../core/globals.ts";
import { findUpward, pathOf } from "../core/paths.ts";
import { type CarriedOptions, carriedOptions } from "./deno_options.ts";

/**
 * What the process of a run was started with, as far as its workers must have the same: modules that they
 * import would else be something else than in the process that planned the run.
 */
export interface RunStart {
  /** The words after the script on the command line: `Deno.args`. */
  args: string[];
  /** Options of `deno run`, each as one word. */
  options: string[];
  /** The folder whose package.json says what names stand for, where no configuration of Deno does. */
  packageFolder?: string | undefined;
}

const CLI = `${FURU_URL}cli.ts`;

/** Whether options or environment say how much V8's heap may have. */
export function saysHeap({ options }: RunStart): boolean {
  const flags = [...options, environmentVariables().DENO_V8_FLAGS ?? ""];
  return flags.some((each) => /--max[-_](old[-_]space|heap)[-_]size/.test(each));
}

/** Warnings that this process has given already. */
const told = new Set<string>();
let carried: CarriedOptions | undefined;

/**
 * What this process was started with.
 *
 * @param module URL or path of the module that the run is about.
 * @param warn Told what workers cannot have, once.
 * @param maxHeapMb The heap that they are to have, where somebody said so.
 */
export function ownStart(module: string, warn: (text: string) => void, maxHeapMb?: number): RunStart {
  const tell = (text: string): void => {
    if (told.has(text)) return;
    told.add(text);
    warn(text);
  };
  const args = [...processStart().args];
  if (Deno.build.standalone && maxHeapMb !== undefined) {
    tell(
      `Workers have the heap that this program was compiled with, not ${maxHeapMb} MB: ` +
        "'deno compile' takes --v8-flags=--max-old-space-size=MB",
    );
  }
  // One file has what it has.
  if (Deno.build.standalone || packed() !== undefined) return { args, options: [] };
  const { options, said, inFolder } = carried ??= ownOptions();
  for (const each of said) tell(`Workers are started without an option of this process: ${each}`);
  if (options.some((each) => /^--(no-)?config\b/.test(each))) return { args, options };
  const found = nearestConfig(inFolder ? processStart().folder : discoveryFolder(module));
  if (found === undefined) return { args, options };
  if (basename(found) !== "package.json") return { args, options: [`--config=${found}`, ...options] };
  return { args, options, packageFolder: dirname(found) };
}

/**
 * The same for where the code of a run is kept.
 *
 * @param place Where a file is kept: a URL, or what it was given.
 */
export function placedStart(start: RunStart, place: (url: string) => string): RunStart {
  const { packageFolder } = start;
  return {
    ...start,
    ...(packageFolder === undefined ? {} : {
      packageFolder: dirname(pathOf(place(`${packageFolder}/package.json`))),
    }),
    options: start.options.map((each) => {
      const [, option, path] = /^(--(?:config|import-map|preload|import|require)=)(\/.*)$/.exec(each) ?? [];
      return option === undefined ? each : `${option}${pathOf(place(path!))}`;
    }),
  };
}

/**
 * Whether two starts are the same to modules. A run of furu's own commands is the same for other words of
 * theirs.
 *
 * @param other What a run was begun with; none where its record does not say.
 */
export function isSameStart(own: RunStart, other: RunStart | undefined): boolean {
  if (other === undefined) return true;
  const isCommand = furuGlobals().hasCommands === true || Deno.mainModule === CLI;
  return (isCommand || isSame(own.args, other.args)) && isSame(own.options, other.options) &&
    own.packageFolder === other.packageFolder;
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return JSON.stringify(some) === JSON.stringify(others);
}

/** The file that says for a folder what names stand for, as Deno itself looks for it. */
export function nearestConfig(folder: string | undefined): string | undefined {
  return folder === undefined
    ? undefined
    : findUpward(folder, ["deno.json", "deno.jsonc", "package.json"])?.path;
}

/**
 * The folder where Deno began to look for a configuration of this process; for furu's own program the
 * module's.
 */
function discoveryFolder(module: string): string | undefined {
  const main = Deno.mainModule;
  if (!main.startsWith("file:")) return processStart().folder;
  const path = pathOf(main === CLI ? module : main);
  return isAbsolute(path) ? dirname(path) : undefined;
}

function ownOptions(): CarriedOptions {
  const { args, folder } = processStart();
  const words = commandLine();
  const found = words && carriedOptions(words, args, folder);
  if (found !== undefined) return found;
  const said = ["any of Deno's (the command line of this process cannot be read)"];
  return { options: [], said, inFolder: false };
}

/**
 * The words that this process was started with. Deno shows them to one that may do everything; any other asks
 * a program.
 */
function commandLine(): string[] | undefined {
  const path = `/proc/${Deno.pid}/cmdline`;
  try {
    let text: string;
    try {
      text = Deno.readTextFileSync(path);
    } catch {
      const { stdout } = new Deno.Command("/bin/cat", { args: [path], stdin: "null", stderr: "null" })
        .outputSync();
      text = new TextDecoder().decode(stdout);
    }
    return text === "" ? undefined : text.split("\0").slice(0, -1);
  } catch {
    return undefined;
  }
}
