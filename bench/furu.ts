import { fromFileUrl } from "@std/path/from-file-url";
import { runProcess } from "./process.ts";

const path = (name: string): string => fromFileUrl(new URL(name, import.meta.url));

/** The path of the pipelines that are measured. */
export const PIPELINE = path("pipeline.ts");

/** The command of `deno run` for a file, with furu's own configuration. */
export function denoCommand(file: string, ...args: string[]): string[] {
  return [Deno.execPath(), "run", "--allow-all", "--quiet", "--config", path("../deno.json"), file, ...args];
}

/** The command of the `furu` program. */
export function furuCommand(...args: string[]): string[] {
  return denoCommand(path("../cli.ts"), ...args);
}

/**
 * Runs the `furu` program over a store of its own.
 *
 * @param root The store.
 * @returns What it printed to stdout.
 */
export async function runFuru(root: string, ...args: string[]): Promise<string> {
  return await runProcess(furuCommand(...args), { env: { FURU_PATH: root } });
}
