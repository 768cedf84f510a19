import { dirname } from "@std/path/posix/dirname";
import { isAbsolute } from "@std/path/posix/is-absolute";
import { findUpward, pathOf } from "../core/paths.ts";
import { type ModuleResolution, readConfig } from "../pack/merge_config.ts";

/** The names that mean something in the user's modules. */
export type NameMap = Pick<ModuleResolution, "imports" | "scopes">;

/**
 * The names that the configuration nearest to a module gives, as `deno run` of it would take them.
 *
 * @param entry URL or path of the module that the run is about.
 * @throws {PackError} If that configuration cannot be read.
 */
export function nameMapOf(entry: string): NameMap {
  const path = pathOf(entry);
  const nearest = isAbsolute(path) ? findUpward(dirname(path), ["deno.json", "deno.jsonc"]) : undefined;
  return nearest === undefined ? { imports: {}, scopes: {} } : readConfig(nearest.path);
}

/**
 * What an import means, by the rules of import maps. Deno takes a path after the name of a package as well.
 *
 * @param specifier As it is written.
 * @param base URL of the module that it is written in.
 * @returns A URL, or the name itself where nothing says what it is.
 */
export function resolveSpecifier(specifier: string, base: string, { imports, scopes }: NameMap): string {
  const isRelative = /^\.{0,2}\//.test(specifier);
  const name = isRelative ? new URL(specifier, base).href : specifier;
  const prefixes = Object.keys(scopes).filter((prefix) =>
    prefix === base || prefix.endsWith("/") && base.startsWith(prefix)
  );
  for (const prefix of prefixes.toSorted(byLength)) {
    const found = match(name, scopes[prefix]!);
    if (found !== undefined) return found;
  }
  return match(name, imports) ?? name;
}

function match(name: string, map: Record<string, string>): string | undefined {
  if (map[name] !== undefined) return map[name];
  for (const key of Object.keys(map).toSorted(byLength)) {
    const target = map[key]!;
    if (key.endsWith("/") && target.endsWith("/") && name.startsWith(key)) {
      return `${target}${name.slice(key.length)}`;
    }
    if (/^(npm|jsr):/.test(target) && name.startsWith(`${key}/`)) return `${target}${name.slice(key.length)}`;
  }
  return undefined;
}

function byLength(a: string, b: string): number {
  return b.length - a.length;
}
