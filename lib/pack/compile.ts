/**
 * `deno task compile [--target T] [-o FILE]`: makes `dist/furu`, one file that needs no Deno. `deno compile` does it where
 * Deno's runtime image can be had; where it cannot, `furu pack` does, for this platform.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { resolve } from "@std/path/posix/resolve";
import { FuruError } from "../core/errors.ts";
import { FURU_URL } from "../core/packed.ts";
import { graphProblems } from "./check_graph.ts";
import { moduleGraph } from "./module_graph.ts";
import { pack } from "./pack.ts";
import { PackError } from "./pack_error.ts";

/** A server that never answers must not hold up what can be done without it. */
const DOWNLOAD_TIMEOUT_MS = 180_000;

/** Options of {@link compile}. */
export interface CompileOptions {
  /** The file to make. */
  output: string;
  /** The platform, as `aarch64-unknown-linux-gnu`. @default this one */
  target?: string;
  /** Told what happens, a line at a time. */
  say: (line: string) => void;
}

/**
 * Makes furu one file.
 *
 * @returns How it was made.
 * @throws {PackError} when the code is not fit for one file, and where it cannot be made for another platform.
 */
export async function compile({ output, target, say }: CompileOptions): Promise<"compiled" | "packed"> {
  const folder = fromFileUrl(FURU_URL);
  const graph = await moduleGraph(
    ["cli.ts", "mod.ts"].map((path) => `${FURU_URL}${path}`),
    `${folder}deno.json`,
  );
  const problems = await graphProblems(graph, [folder]);
  if (problems.length > 0) throw new PackError(`Cannot make one file of furu:\n  ${problems.join("\n  ")}`);
  say(`The code is complete: ${graph.modules.size} modules, ${graph.packages.size} packages of npm`);
  const path = resolve(output);
  await Deno.mkdir(dirname(path), { recursive: true });
  // Deno compiles over nothing but what it has compiled itself.
  const temporary = `${path}.compiling-${Deno.pid}`;
  const failure = await denoCompile(folder, temporary, target);
  if (failure === undefined) {
    await Deno.rename(temporary, path);
    say(`Compiled ${path}`);
    return "compiled";
  }
  await Deno.remove(temporary).catch(() => {});
  say(`Cannot compile for ${target ?? Deno.build.target}: ${failure}`);
  say(
    "'deno compile' needs Deno's runtime image (denort), which it downloads once; DENORT_BIN names one that is there.",
  );
  if (target !== undefined && target !== Deno.build.target) {
    throw new PackError(
      `Cannot make ${path} for ${target} without that image: 'furu pack' is for this platform only`,
    );
  }
  const { size } = await pack({ output: path });
  say(
    `Packed ${path} instead (${Math.round(size / 1e6)} MB): the same program, unpacked when it first starts`,
  );
  return "packed";
}

/** @returns Why it failed. */
async function denoCompile(folder: string, output: string, target?: string): Promise<string | undefined> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--allow-all",
      "--quiet",
      "--no-check",
      "--no-lock",
      "--exclude-unused-npm",
      // What a pipeline on disk imports as @furu/furu.
      ...["--include", "mod.ts"],
      ...(target === undefined ? [] : ["--target", target]),
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

if (import.meta.main) {
  const unknown: string[] = [];
  const { target, output, help } = parseArgs(Deno.args, {
    string: ["target", "output"],
    boolean: ["help"],
    alias: { output: "o", help: "h" },
    unknown: (name) => unknown.push(name) < 0,
  });
  if (help || unknown.length > 0 || target === "" || output === "") {
    const wrong = unknown.length > 0 ? `Unknown argument '${unknown[0]}'\n` : "";
    console.error(`${wrong}Usage: deno task compile [--target PLATFORM] [-o FILE]`);
    Deno.exit(help ? 0 : 2);
  }
  try {
    await compile({
      output: output ?? `${fromFileUrl(FURU_URL)}dist/furu`,
      ...(target === undefined ? {} : { target }),
      say: (line) => console.error(line),
    });
  } catch (error) {
    console.error(error instanceof FuruError ? error.message : error);
    Deno.exit(1);
  }
}
