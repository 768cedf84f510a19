import { dirname } from "@std/path/posix/dirname";
import { resolve } from "@std/path/posix/resolve";

/** Imports that are there when the module runs, by a relative path: those of types alone are not. */
const IMPORTS =
  /^\s*(?:import|export)\s*(?!\s*type\b)(?:[\w*$\s{},]+?\s*from\s*)?["'](\.{1,2}\/[^"']+)["']/gm;
/** So many modules are read at most. */
const MOST = 2000;

/**
 * The shortest way from a module by imports back to itself; nothing where there is none. For errors: modules
 * are read as text, and only relative paths are followed.
 *
 * @param first Absolute path of the module.
 * @param read Reads a module.
 * @returns Paths, the first one first.
 */
export function importCycle(
  first: string,
  read: (path: string) => string = Deno.readTextFileSync,
): string[] | undefined {
  const from = new Map<string, string | undefined>([[first, undefined]]);
  for (const path of from.keys()) {
    if (from.size > MOST) return undefined;
    for (const target of importsOf(path, read)) {
      if (target === first) return wayTo(path, from);
      if (!from.has(target)) from.set(target, path);
    }
  }
  return undefined;
}

function importsOf(path: string, read: (path: string) => string): string[] {
  try {
    const found = read(path).matchAll(IMPORTS);
    return [...found].map(([, target]) => resolve(dirname(path), target!));
  } catch {
    return []; // a generated or remote one
  }
}

function wayTo(path: string, from: ReadonlyMap<string, string | undefined>): string[] {
  const way: string[] = [];
  for (let at: string | undefined = path; at !== undefined; at = from.get(at)) way.unshift(at);
  return way;
}
