import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { FURU_URL } from "./furu_url.ts";
import { furuGlobals } from "./globals.ts";
import { embeddedPipeline, packed } from "./packed.ts";
import { findUpward, startFolder } from "./paths.ts";

/** What marks the folder of a project. */
const MARKS = ["deno.json", "deno.jsonc", ".git"];

/**
 * The folder of the user's project: that of the nearest deno.json(c) or git root at or above the module that the run
 * was started with, so that a pipeline has one store wherever it is started from; else at or above the folder that it
 * was started in. Without any it is that folder.
 */
export function projectFolder(): string {
  const module = entryFolder();
  const ofModule = module === undefined ? undefined : findUpward(module, MARKS);
  if (ofModule !== undefined) return ofModule.dir;
  const start = startFolder();
  return findUpward(start, MARKS)?.dir ?? start;
}

/**
 * Where the code of the pipeline is: the folder of the module that the run was started with, through symbolic links.
 * Nothing where it is no file, or in one file with furu.
 *
 * @param entry URL of the module, where it is known.
 */
export function pipelineFolder(entry?: string): string | undefined {
  const module = entryPath(entry);
  if (module === undefined) return undefined;
  try {
    return dirname(Deno.realPathSync(module));
  } catch {
    return dirname(module); // the made-up name of what comes from standard input, or what may not be read
  }
}

/** The folder of the main module, or of the one that `furu run MODULE` was given; not of furu's own program. */
function entryFolder(): string | undefined {
  const module = entryPath();
  return module === undefined ? undefined : dirname(module);
}

function entryPath(entry: string = furuGlobals().entry ?? Deno.mainModule): string | undefined {
  if (!entry.startsWith("file:") || entry === `${FURU_URL}cli.ts`) return undefined;
  // What came in the same file as furu was unpacked somewhere, which is no place for a store.
  if (entry === embeddedPipeline() || entry.startsWith(packed()?.folder ?? " ")) return undefined;
  // `deno eval` and a script from standard input have a made-up name in the current folder, which is fine too.
  return fromFileUrl(entry);
}
