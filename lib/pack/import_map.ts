import type { GraphModule } from "./module_graph.ts";
import type { PlaceOf } from "./layout.ts";

/**
 * The import map under which moved modules import what they imported before, as `scopes` of a `deno.json` in
 * the folder that the places are relative to. Nothing in it holds for modules outside of that folder.
 *
 * @param modules The modules.
 * @param place Where each is now.
 */
export function importMapOf(
  modules: Iterable<GraphModule>,
  place: PlaceOf,
): Record<string, Record<string, string>> {
  const needed: { module: string; name: string; target: string }[] = [];
  for (const { url, imports } of modules) {
    const base = new URL(place(url).split("/").map(encodeURIComponent).join("/"), BASE);
    for (const { specifier, target } of imports) {
      const to = targetOf(target, place);
      const name = nameOf(specifier, base);
      if (to !== undefined && name !== to) needed.push({ module: relative(base.href), name, target: to });
    }
  }
  const common = new Map<string, string | undefined>();
  for (const { name, target } of needed) {
    common.set(name, common.has(name) && common.get(name) !== target ? undefined : target);
  }
  const scopes: Record<string, Record<string, string>> = { "./": {} };
  for (const { module, name, target } of needed) {
    // Names that mean different things to different modules are said for each by itself.
    const scope = common.get(name) === undefined ? module : "./";
    (scopes[scope] ??= {})[name] = target;
  }
  return scopes;
}

/** A made-up folder, to resolve against. */
const BASE = "file:///.furu-packed/";

function relative(url: string): string {
  return url.startsWith(BASE) ? `./${url.slice(BASE.length)}` : url;
}

/** The form of a specifier that an import map sees. */
function nameOf(specifier: string, base: URL): string {
  if (/^\.{0,2}\//.test(specifier)) return relative(new URL(specifier, base).href);
  return specifier;
}

function targetOf(target: string, place: PlaceOf): string | undefined {
  // npm:/zod@4.6.7 is how Deno writes npm:zod@4.6.7 once it is resolved.
  if (target.startsWith("npm:")) return target.replace(/^npm:\/+/, "npm:");
  if (/^(file|https?|jsr):/.test(target)) {
    return `./${place(target).split("/").map(encodeURIComponent).join("/")}`;
  }
  return undefined; // node:, data: and the like are the same everywhere
}
