import { furuGlobals } from "./globals.ts";

/** URL of the folder of furu's own code, which may be on a server; with a slash at its end. */
export const FURU_URL: string = new URL("../../", import.meta.url).href;

/**
 * Furu itself, where it is a local folder: a run's version of it is checked, and it is no part of the user's
 * code.
 */
const FURUS_OWN = /^((mod|cli)\.ts|deno\.json|(lib|links)\/.*)$/;

/** Whether a URL is that of a module of furu itself, or of the folder with all of them. */
export function isFurus(url: string): boolean {
  return `${url}/` === FURU_URL || url.startsWith(FURU_URL) && FURUS_OWN.test(url.slice(FURU_URL.length));
}

/**
 * The name of a registry that does not exist: what is not embedded in a packed program is never asked for.
 */
export const PACKED_REGISTRY = "packed.invalid";

/** What a program that `furu pack` has made knows of itself. */
export interface Packed {
  /** Absolute path of the one file that it came in: its own worker command. */
  readonly file: string;
  /** URL of the folder that its code was unpacked into, with a slash at its end: differs between machines. */
  readonly folder: string;
  /** Path of the Deno configuration of the code in there. */
  readonly config: string;
  /** What Deno uses as its cache while the program runs. */
  readonly denoDir: string;
  /** URL of the pipeline that was packed with furu; none where commands name a module. */
  readonly pipeline?: string;
}

/**
 * How this process was packed; `undefined` where it was not. Its boot module sets that before anything else
 * runs.
 */
export function packed(): Packed | undefined {
  return furuGlobals().packed as Packed | undefined;
}

/** Absolute path of the one file that this program is, packed or compiled; `undefined` where Deno runs it. */
export function oneFile(): string | undefined {
  return packed()?.file ?? (Deno.build.standalone ? Deno.execPath() : undefined);
}

/** Whether this program is `furu` itself, compiled: the user's modules are files, which Deno cannot read. */
export function isCompiledFuru(): boolean {
  return Deno.build.standalone && Deno.mainModule === `${FURU_URL}cli.ts`;
}

/**
 * URL of the user's module that came in the same file as furu, packed or compiled: it defines all tasks, and
 * wherever it was unpacked on this machine is nobody else's business. `undefined` where the user's modules
 * have files of their own.
 */
export function embeddedPipeline(): string | undefined {
  const own = packed();
  if (own !== undefined) return own.pipeline;
  return Deno.build.standalone && !isCompiledFuru() ? Deno.mainModule : undefined;
}

/**
 * Imports a module of the user's, which may be TypeScript that imports what its configuration names: Deno
 * does that, and in a compiled `furu`, whose Deno reads JavaScript alone, furu's own loader.
 *
 * @param url Its URL.
 * @param entry URL or path of the module that the run is about, whose configuration holds.
 */
export async function importModule(url: string, entry: string = url): Promise<Record<string, unknown>> {
  if (!isCompiledFuru() || !url.startsWith("file:")) return await import(url);
  // By a name that is known only here: no other program is to fetch what the loader needs.
  const { loadFromDisk } = await import(`${FURU_URL}lib/compiled/load_module.ts`);
  return await loadFromDisk(url, entry);
}
