import { parse } from "@std/jsonc/parse";
import { dirname } from "@std/path/posix/dirname";
import { isAbsolute } from "@std/path/posix/is-absolute";
import { resolve } from "@std/path/posix/resolve";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { z } from "zod";
import { errorText } from "../core/errors.ts";
import { PackError } from "./pack_error.ts";

/** The names that a pipeline may import without saying in a configuration what they are. */
export const OFFERED: readonly string[] = ["@furu/furu", "@furu/furu/cli", "zod"];

const names = z.record(z.string(), z.string());
const mapSchema = z.object({ imports: names.optional(), scopes: z.record(z.string(), names).optional() });

// What decides how modules are resolved and read; the rest of a deno.json is not about running.
const configSchema = mapSchema.extend({
  importMap: z.string().optional(),
  links: z.array(z.string()).optional(),
  compilerOptions: z.record(z.string(), z.unknown()).optional(),
  unstable: z.array(z.string()).optional(),
});

/** The part of a Deno configuration that decides how modules are resolved; all paths in it are absolute. */
export interface ModuleResolution {
  /** The targets of names. */
  imports: Record<string, string>;
  /** The same for modules below a URL. */
  scopes: Record<string, Record<string, string>>;
  /** Folders of packages that stand for published ones. */
  links: string[];
  /** As in the file. */
  compilerOptions?: Record<string, unknown> | undefined;
  /** As in the file. */
  unstable?: string[] | undefined;
}

/**
 * Reads a `deno.json` or `deno.jsonc`, with the import map that it names.
 *
 * @throws {PackError} If it cannot be used, with the file and what is wrong with it.
 */
export function readConfig(path: string): ModuleResolution {
  const { importMap, imports, scopes, links = [], ...rest } = read(path, configSchema);
  let map = absolute({ imports, scopes }, path);
  if (importMap !== undefined && imports === undefined) {
    if (/^https?:/.test(importMap)) {
      throw new PackError(`Cannot use ${path} as its import map ${importMap} is no file`);
    }
    const file = resolve(dirname(path), importMap);
    map = absolute(read(file, mapSchema), file);
  }
  return {
    ...map,
    links: links.map((link) => resolve(dirname(path), link)),
    ...rest,
  };
}

/**
 * The configuration of a user's project and that of furu in one: the user's names stand for what the user
 * says, those that only furu has are added, and furu's own modules see their own.
 *
 * @param users The project's.
 * @param furu That of furu's code.
 * @param folder Folder of furu's code.
 * @param given The names that every pipeline may use without saying so.
 */
export function mergeConfigs(
  users: ModuleResolution | undefined,
  furu: ModuleResolution,
  folder: string,
  given: readonly string[],
): ModuleResolution {
  const scope = `${toFileUrl(folder).href}/`;
  const offered = Object.fromEntries(
    given.flatMap((name) => furu.imports[name] === undefined ? [] : [[name, furu.imports[name]]]),
  );
  const linked = new Set(users?.links.map(packageName));
  return {
    ...(users ?? furu),
    imports: { ...offered, ...users?.imports },
    scopes: { ...users?.scopes, ...furu.scopes, [scope]: { ...furu.imports, ...furu.scopes[scope] } },
    links: [...users?.links ?? [], ...furu.links.filter((link) => !linked.has(packageName(link)))],
  };
}

/** The text of a `deno.json` that says this. */
export function configText(resolution: ModuleResolution): string {
  return JSON.stringify({ ...resolution, nodeModulesDir: "none", lock: false }, undefined, 1);
}

function packageName(folder: string): string {
  for (const name of ["deno.json", "deno.jsonc"]) {
    try {
      return read(`${folder}/${name}`, z.object({ name: z.string() })).name;
    } catch {
      // Deno will say what is wrong with it.
    }
  }
  return folder;
}

function read<T>(path: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(parse(Deno.readTextFileSync(path)));
  } catch (cause) {
    const text = cause instanceof z.ZodError ? z.prettifyError(cause) : errorText(cause);
    throw new PackError(`Cannot read ${path}: ${text}`, { cause });
  }
}

function absolute(
  { imports = {}, scopes = {} }: z.infer<typeof mapSchema>,
  path: string,
): Pick<ModuleResolution, "imports" | "scopes"> {
  const base = toFileUrl(path);
  const target = (text: string): string => {
    // Whatever is no path is a URL, or a name that the map itself resolves.
    const isPath = /^\.{0,2}\//.test(text) || isAbsolute(text);
    return isPath ? new URL(text, base).href : text;
  };
  const all = (map: Record<string, string>): Record<string, string> =>
    Object.fromEntries(Object.entries(map).map(([name, text]) => [target(name), target(text)]));
  return {
    imports: all(imports),
    scopes: Object.fromEntries(
      Object.entries(scopes).map(([prefix, map]) => [new URL(prefix, base).href, all(map)]),
    ),
  };
}
