/**
 * `deno task compile [--target T] [--v8-flags=F] [-o FILE]`: makes `dist/furu`, one file that needs no Deno.
 * `deno compile` does it where Deno's runtime image can be had, or `DENORT_BIN` names one; else `furu pack`
 * does, for this platform.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { resolve } from "@std/path/posix/resolve";
import { errorText, FuruError } from "../core/errors.ts";
import { FURU_URL } from "../core/packed.ts";
import { runDeno } from "../core/system/run_deno.ts";
import { FURU_VERSION } from "../core/version.ts";
import { moduleBytes, type ModuleGraph, moduleGraph } from "./module_graph.ts";
import { pack } from "./pack.ts";
import { PackError } from "./pack_error.ts";

/** A server that never answers must not hold up what can be done without it. */
const DOWNLOAD_TIMEOUT_MS = 180_000;
const START_TIMEOUT_MS = 60_000;

/** Options of {@link compile}. */
export interface CompileOptions {
  /** The file to make. */
  output: string;
  /**
   * The platform, as `aarch64-unknown-linux-gnu`.
   *
   * @default {this one}
   */
  target?: string | undefined;
  /**
   * Flags of V8 that the program has, as `--max-old-space-size=8000`.
   *
   * @default {none}
   */
  v8Flags?: string | undefined;
  /** Called with each line about what happens. */
  say: (line: string) => void;
}

/**
 * Makes furu one file.
 *
 * @returns The way in which it was made.
 * @throws {PackError} If the code is not fit for one file, or it cannot be made for another platform.
 */
export async function compile(
  { output, target, v8Flags, say }: CompileOptions,
): Promise<"compiled" | "packed"> {
  const folder = fromFileUrl(FURU_URL);
  const graph = await moduleGraph(
    ["cli.ts", ...INCLUDED].map((path) => `${FURU_URL}${path}`),
    `${folder}deno.json`,
  );
  const problems = await graphProblems(graph, [folder]);
  if (problems.length > 0) throw new PackError(`Cannot make one file of furu:\n  ${problems.join("\n  ")}`);
  say(`The code is complete: ${graph.modules.size} modules, ${graph.packages.size} packages of npm`);
  const path = resolve(output);
  await Deno.mkdir(dirname(path), { recursive: true });
  // Deno compiles over nothing but what it has compiled itself.
  const temporary = `${path}.compiling-${Deno.pid}`;
  const isForHere = target === undefined || target === Deno.build.target;
  const failure = await denoCompile(folder, temporary, { target, v8Flags }) ??
    (isForHere ? await startFailure(temporary) : undefined);
  if (failure === undefined) {
    await Deno.rename(temporary, path);
    say(`Compiled ${path} (${Math.round((await Deno.stat(path)).size / 1e6)} MB)`);
    return "compiled";
  }
  await Deno.remove(temporary).catch(() => {});
  const image = Deno.env.get("DENORT_BIN");
  if (image) {
    throw new PackError(
      `Cannot compile ${path} with the runtime image ${image} (DENORT_BIN): ${failure}; ` +
        `it has to be denort of Deno ${Deno.version.deno} for ${target ?? Deno.build.target}`,
    );
  }
  say(`Cannot compile for ${target ?? Deno.build.target}: ${failure}`);
  say(
    "'deno compile' needs Deno's runtime image (denort), which it downloads once; " +
      "DENORT_BIN names one that is there.",
  );
  if (!isForHere) {
    throw new PackError(
      `Cannot make ${path} for ${target} without that image: 'furu pack' is for this platform only`,
    );
  }
  if (v8Flags !== undefined) {
    throw new PackError(`Cannot make ${path} with flags of V8 as a packed file takes none: set maxHeapMb`);
  }
  const { size } = await pack({ output: path });
  say(
    `Packed ${path} instead (${Math.round(size / 1e6)} MB): the same program, unpacked when it first starts`,
  );
  return "packed";
}

/** Modules that the program imports by nothing but their URL, or a pipeline on disk as `@furu/furu`. */
const INCLUDED = ["mod.ts", "lib/compiled/load_module.ts"];

/** Modules that are loaded by their URL alone. They would be missed in the middle of a run. */
const NEEDED = [
  "lib/cli/job.ts",
  "lib/worker/child/child.ts",
  "lib/worker/child/compute_task.ts",
];

/**
 * The modules whose business it is to import what a user names, or (`command.ts`) to write code that imports
 * furu.
 */
const IMPORTS_ANYTHING =
  /\/lib\/(?:core\/packed|compiled\/load_module|worker\/(?:child\/load_module|command)|cli\/packed\/packed_main)\.ts$/;

/**
 * The problems of furu's code in a program of one file, in words: modules that a run will ask for and that
 * are not in the graph, imports and threads that no graph can see, folders of this machine in the text.
 *
 * @param graph Of furu's program; that all that is imported by name is there was seen when it was made.
 * @param folders Folders of this machine that no text may name.
 */
export async function graphProblems(graph: ModuleGraph, folders: readonly string[]): Promise<string[]> {
  const problems = NEEDED.filter((path) => !graph.modules.has(`${FURU_URL}${path}`))
    .map((path) => `${path} is not reached by what the program imports`);
  for (const module of graph.modules.values()) {
    const text = new TextDecoder().decode(await moduleBytes(module));
    const code = text.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
    const isOwn = module.url.startsWith(FURU_URL) && !module.url.endsWith(".json");
    if (isOwn && !IMPORTS_ANYTHING.test(module.url) && /\bimport\(\s*[^"'\s]/.test(code)) {
      problems.push(`${module.url} imports something that is known only when it runs`);
    }
    // A thread from a file of its own is a program of its own: those of furu are data: URLs.
    if (isOwn && /new Worker\(\s*new URL\b/.test(code)) {
      problems.push(`${module.url} starts a thread from a file`);
    }
    for (const folder of folders) {
      if (text.includes(folder)) problems.push(`${module.url} names ${folder}, a folder of this machine`);
    }
  }
  return problems;
}

/** @returns Why it failed. */
async function denoCompile(
  folder: string,
  output: string,
  { target, v8Flags }: Pick<CompileOptions, "target" | "v8Flags">,
): Promise<string | undefined> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--allow-all",
      "--quiet",
      "--no-check",
      "--no-lock",
      // Deno 2.4 embeds no others when there is no lock file.
      ...(await knowsOption("--exclude-unused-npm") ? ["--exclude-unused-npm"] : []),
      ...INCLUDED.flatMap((path) => ["--include", path]),
      ...(target === undefined ? [] : ["--target", target]),
      ...(v8Flags === undefined ? [] : [`--v8-flags=${v8Flags}`]),
      ...["--output", output],
      "cli.ts",
    ],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
    signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS),
  }).output();
  if (success) return undefined;
  const text = new TextDecoder().decode(stderr).replace(/\n+Stack backtrace:[^]*$/, "");
  const lines = text.split("\n").map((line) => line.replace(/^\s*(error|\d+|Caused by):\s*/, "").trim());
  const reasons = new Set(lines.filter((line) => line !== "" && !line.startsWith("Writing ")));
  return [...reasons].join("; ") || `it took more than ${DOWNLOAD_TIMEOUT_MS / 1000} s`;
}

async function knowsOption(option: string): Promise<boolean> {
  return (await runDeno("ask for options", ["compile", "--help"])).includes(option);
}

/** @returns Why a program does not start: an image of another Deno, or none, makes one that looks well. */
async function startFailure(file: string): Promise<string | undefined> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(file, {
      args: ["--version"],
      env: { NO_COLOR: "1" },
      stdin: "null",
      signal: AbortSignal.timeout(START_TIMEOUT_MS),
    }).output();
    const text = new TextDecoder().decode(stdout);
    if (success && text.startsWith(`furu ${FURU_VERSION} `)) return undefined;
    const [said = ""] = (new TextDecoder().decode(stderr).trim() || text).split("\n");
    return `the program that it makes does not start, but says: ${said.replace(/^error: /, "")}`;
  } catch (error) {
    return `the program that it makes cannot be started: ${errorText(error)}`;
  }
}

if (import.meta.main) {
  const unknown: string[] = [];
  const { target, output, help, "v8-flags": v8Flags } = parseArgs(Deno.args, {
    string: ["target", "output", "v8-flags"],
    boolean: ["help"],
    alias: { output: "o", help: "h" },
    unknown: (name) => unknown.push(name) < 0,
  });
  if (help || unknown.length > 0 || [target, output, v8Flags].includes("")) {
    const wrong = unknown.length > 0 ? `Unknown argument '${unknown[0]}'\n` : "";
    console.error(`${wrong}Usage: deno task compile [--target PLATFORM] [--v8-flags=FLAGS] [-o FILE]`);
    Deno.exit(help ? 0 : 2);
  }
  try {
    await compile({
      output: output ?? `${fromFileUrl(FURU_URL)}dist/furu`,
      target,
      v8Flags,
      say: (line) => console.error(line),
    });
  } catch (error) {
    console.error(error instanceof FuruError ? error.message : error);
    Deno.exit(1);
  }
}
