import { fromFileUrl } from "@std/path/posix/from-file-url";
import { z } from "zod";
import { FuruError } from "../core/errors.ts";
import { isCompiledFuru, isFurus } from "../core/packed.ts";
import { runDeno } from "../core/system/run_deno.ts";
import { taskCode } from "../store/results/task_code.ts";

// What `deno info --json` prints (version 1), as far as it is read here.
const infoSchema = z.object({
  version: z.literal(1),
  modules: z.array(z.object({ specifier: z.string(), local: z.string().nullish() })),
});

/**
 * All local modules that some modules import, directly or not, as Deno itself resolves it: code, JSON and
 * texts, also what is imported dynamically by a name that is written out. Not furu's own, nor those of npm
 * packages. Nothing is downloaded: what is remote, or cannot be resolved, is passed over.
 *
 * @param roots URLs of modules.
 * @param config The configuration file that holds for them; none is looked for.
 * @param options Other options of Deno that say how names are resolved.
 * @returns Paths of files, the roots' among them.
 * @throws {FuruError} If Deno cannot tell, in its own words.
 */
export async function localModules(
  roots: Iterable<string>,
  config: string | undefined,
  options: readonly string[] = [],
): Promise<Set<string>> {
  // In a compiled furu there is no Deno to ask.
  if (isCompiledFuru()) return new Set([...roots].flatMap((root) => taskCode(root)?.paths ?? []));
  const found = new Set<string>();
  for (const root of roots) {
    // Mostly the first one, the entry of the run, leads to all others.
    if (found.has(fromFileUrl(root))) continue;
    for (const { specifier, local } of await graphOf(root, config, options)) {
      if (!specifier.startsWith("file:") || !local || isFurus(specifier)) continue;
      const path = fromFileUrl(specifier);
      if (!path.includes("/node_modules/")) found.add(path);
    }
  }
  return found;
}

async function graphOf(
  root: string,
  config: string | undefined,
  options: readonly string[],
): Promise<z.output<typeof infoSchema>["modules"]> {
  const what = `find out what ${root} imports`;
  // Only files are of interest, and a login node may have no network.
  const text = await runDeno(what, [
    ...["info", "--json", "--quiet", "--no-remote", "--no-npm", "--no-lock", "--node-modules-dir=none"],
    ...(config === undefined ? ["--no-config"] : ["--config", config]),
    ...options,
    root,
  ]);
  try {
    return infoSchema.parse(JSON.parse(text)).modules;
  } catch (cause) {
    throw new FuruError(`Cannot ${what} as 'deno info' printed something unknown`, { cause });
  }
}
