import { basename } from "@std/path/posix/basename";
import { furuGlobals } from "../core/globals.ts";
import { oneFile } from "../core/packed.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/**
 * The roots of a script for {@link main}: an artifact, an array of them, or a function that returns either.
 */
export type Roots =
  | Artifact
  | readonly Roots[]
  | (() => Artifact | readonly Roots[] | Promise<Artifact | readonly Roots[]>);

/**
 * Makes a script a whole command-line program with the commands of `furu` over its own roots: `run` (also
 * when no command is given), `plan`, `get TASK --set key=value`, `path HASH`. It does nothing when the script
 * is imported by another module.
 *
 * @param meta The script's own `import.meta`.
 * @param roots What there is to run. A function is called only by the process that runs, never by its
 * workers.
 * @returns Resolves when the command has succeeded. In any other case the process ends with the command's
 * exit code.
 *
 * @example
 * ```ts ignore
 * await main(import.meta, () => [1e-3, 1e-2].map((lr) => Train({ lr })));
 * ```
 */
export async function main(meta: Pick<ImportMeta, "main" | "url">, roots: Roots): Promise<void> {
  const globals = furuGlobals();
  // A packed program imports the script that it is about.
  const isPacked = globals.mainModule === meta.url;
  if (!meta.main && !isPacked) return;
  globals.hasCommands = true;
  if (isPacked) globals.mainModule = undefined;
  const name = basename(oneFile() ?? new URL(meta.url).pathname);
  const program = { name, script: { url: meta.url, roots } };
  // Loaded only by the program itself: its workers import the script too, and start sooner without.
  const { runFuru } = await import("../cli/main.ts");
  const code = await runFuru({ args: Deno.args, program });
  if (code !== 0) Deno.exit(code);
}
