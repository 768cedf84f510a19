import { FURU_URL, isCompiledFuru } from "./packed.ts";

/**
 * Imports a module of the user's, which may be TypeScript that imports what its configuration names: Deno
 * does that, and in a compiled `furu`, whose Deno reads JavaScript alone, furu's own loader.
 *
 * @param url Its URL.
 * @param entry URL of the module that the run is about, whose configuration holds.
 */
export async function importModule(url: string, entry: string = url): Promise<Record<string, unknown>> {
  if (!isCompiledFuru() || !url.startsWith("file:")) return await import(url);
  // By a name that is known only here: no other program is to fetch what the loader needs.
  const { loadFromDisk } = await import(`${FURU_URL}lib/compiled/load_module.ts`);
  return await loadFromDisk(url, entry);
}
