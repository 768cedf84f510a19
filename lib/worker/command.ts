import { dirname } from "@std/path/posix/dirname";
import { isAbsolute } from "@std/path/posix/is-absolute";
import { FURU_URL } from "../core/furu_url.ts";
import { packed } from "../core/packed.ts";
import { findUpward, pathOf } from "../core/paths.ts";

/** Options of {@link workerCommand}. */
export interface WorkerCommandOptions {
  /** URL of the user's module: its configuration file holds for the worker as well. */
  module?: string | URL;
  /** More options for `deno run`, as `--v8-flags=--max-old-space-size=8192`; one file has its own. */
  denoOptions?: readonly string[];
}

/** The hidden command of `furu` that becomes a computing process; the socket and a token follow it. */
const COMPUTE_COMMAND = "compute";

/**
 * V8 begins with a megabyte for young objects, full many times while modules load: collecting it takes a start 10 ms. It
 * would let that grow to these 16 MB anyway.
 */
const V8_FLAGS = "--v8-flags=--min-semi-space-size=16";

/** What a packed program takes as its first argument: the module whose configuration file holds. Its shell part reads it. */
export const PACKED_MODULE_FLAG = "--furu-module";

const CLI_URL = new URL("cli.ts", FURU_URL);

/**
 * The command that starts a computing process: the single file itself when that is what runs, else `deno run` with
 * furu's own program, which may come from a registry.
 *
 * The user's module resolves its imports by the configuration file nearest to it, as `deno run` does for a main
 * module, so that one is named. Without one, Deno looks beside furu's own program where that is a local file, and
 * nowhere otherwise: the folder that the user happens to be in never counts.
 */
export function workerCommand(options: WorkerCommandOptions = {}): string[] {
  if (Deno.build.standalone) return [Deno.execPath(), COMPUTE_COMMAND];
  const { module, denoOptions = [] } = options;
  const own = packed();
  if (own?.pipeline !== undefined) return [own.file, COMPUTE_COMMAND];
  const config = module === undefined ? undefined : nearestConfig(module);
  if (own !== undefined) {
    // Not the configuration itself: what is embedded has to be added to it, on each machine anew.
    const about = config === undefined ? [] : [`${PACKED_MODULE_FLAG}=${pathOf(module!)}`];
    return [own.file, ...about, COMPUTE_COMMAND];
  }
  return [
    Deno.execPath(),
    "run",
    "--allow-all",
    "--quiet",
    ...(config !== undefined ? ["--config", config] : CLI_URL.protocol === "file:" ? [] : ["--no-config"]),
    V8_FLAGS,
    ...denoOptions,
    pathOf(CLI_URL),
    COMPUTE_COMMAND,
  ];
}

function nearestConfig(module: string | URL): string | undefined {
  const path = pathOf(module);
  return isAbsolute(path) ? findUpward(dirname(path), ["deno.json", "deno.jsonc"])?.path : undefined;
}
