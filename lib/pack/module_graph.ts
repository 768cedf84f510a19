import { lastIndexOfNeedle } from "@std/bytes/last-index-of-needle";
import { exists } from "@std/fs/exists";
import { join } from "@std/path/posix/join";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { z } from "zod";
import { runDeno } from "../core/system/run_deno.ts";
import { PackError } from "./pack_error.ts";

const edge = z.object({ specifier: z.string().optional(), error: z.string().optional() });

// What `deno info --json` prints of a graph (version 1), as far as it is read here.
const infoSchema = z.object({
  version: z.literal(1),
  modules: z.array(z.object({
    specifier: z.string(),
    kind: z.string().optional(),
    local: z.string().nullish(),
    mediaType: z.string().optional(),
    error: z.string().optional(),
    dependencies: z.array(z.object({
      specifier: z.string(),
      code: edge.optional(),
      isDynamic: z.boolean().optional(),
    })).default([]),
  })),
  redirects: z.record(z.string(), z.string()).default({}),
  npmPackages: z.record(
    z.string(),
    z.object({
      name: z.string(),
      version: z.string(),
      dependencies: z.array(z.string()).default([]),
      registryUrl: z.string().optional(),
      // Absent before Deno 2.5.
      localPath: z.string().optional(),
    }),
  ).default({}),
});

// What it prints without one.
const cacheSchema = z.object({ npmCache: z.string() });

const NPM = "https://registry.npmjs.org/";

const ENDINGS: Readonly<Record<string, string>> = {
  JavaScript: ".js",
  JSX: ".jsx",
  Mjs: ".mjs",
  Cjs: ".cjs",
  TypeScript: ".ts",
  TSX: ".tsx",
  Mts: ".mts",
  Cts: ".cts",
  Json: ".json",
  Wasm: ".wasm",
};

/** A module that is loaded from a file. */
export interface GraphModule {
  /** Its URL. */
  url: string;
  /** Path of the file that holds its text: for a remote one a file of Deno's cache. */
  local: string;
  /** The ending that says what it is, with its dot: a server says that apart from the name. */
  ending: string;
  /** Its imports, as written and as resolved. */
  imports: { specifier: string; target: string }[];
}

/** A package of npm's registry, as Deno keeps it. */
export interface NpmPackage {
  /** Its name. */
  name: string;
  /** Its version. */
  version: string;
  /** The packages that it uses, by their keys. */
  dependencies: string[];
  /** The folder with its files. */
  localPath: string;
}

/** All that is loaded for some modules. */
export interface ModuleGraph {
  /** By URL. */
  modules: Map<string, GraphModule>;
  /** By what Deno calls them, as `zod@4.6.7`. */
  packages: Map<string, NpmPackage>;
}

/**
 * Finds everything that modules import, also dynamically where the name is written out, as Deno itself
 * resolves it. Modules that are only imported for their types are no part of it.
 *
 * @param roots URLs of modules.
 * @param config The configuration file that holds for them; none is looked for.
 * @param lockFile A lock file that says which versions are meant. Deno may change it. By default there is
 * none.
 * @throws {PackError} If modules are missing, with each of them and its importer.
 * @throws {FuruError} If Deno fails, in Deno's own words.
 */
export async function moduleGraph(
  roots: readonly string[],
  config: string,
  lockFile?: string,
): Promise<ModuleGraph> {
  const folder = await Deno.makeTempDir({ prefix: "furu-graph-" });
  try {
    const entry = join(await Deno.realPath(folder), "entry.ts");
    await Deno.writeTextFile(entry, roots.map((url) => `import ${JSON.stringify(url)};\n`).join(""));
    const lock = lockFile === undefined ? "--no-lock" : `--lock=${lockFile}`;
    const what = `find what ${roots.at(-1)} imports`;
    const options = ["--config", config, "--node-modules-dir=none", lock, "--allow-import"];
    await runDeno(what, ["cache", "--quiet", ...options, entry]);
    const text = await runDeno(what, ["info", "--json", ...options, entry]);
    const info = infoSchema.parse(JSON.parse(text));
    return read(info, await packagesOf(info, what), toFileUrl(entry).href);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The packages of a graph, each with its folder: an older Deno says only where its cache is. */
async function packagesOf(
  { npmPackages }: z.infer<typeof infoSchema>,
  what: string,
): Promise<ModuleGraph["packages"]> {
  const packages: ModuleGraph["packages"] = new Map();
  let cache: string | undefined;
  for (const [key, { registryUrl, localPath, ...own }] of Object.entries(npmPackages)) {
    if (localPath === undefined) {
      cache ??= cacheSchema.parse(JSON.parse(await runDeno(what, ["info", "--json"]))).npmCache;
    }
    packages.set(key, { ...own, localPath: localPath ?? await packageFolder(cache!, own, registryUrl) });
  }
  return packages;
}

/** Where a Deno before 2.5 keeps the files of a package: it writes the port of a registry in several ways. */
async function packageFolder(
  cache: string,
  { name, version }: { name: string; version: string },
  url = NPM,
): Promise<string> {
  const { hostname, port, pathname } = new URL(url);
  const hosts = port === "" ? [hostname] : [`${hostname}_${port}`, port];
  const folders = hosts.map((host) => join(cache, host, pathname, name, version));
  for (const folder of folders) if (await exists(folder)) return folder;
  return folders[0]!;
}

function read(
  info: z.infer<typeof infoSchema>,
  packages: ModuleGraph["packages"],
  entry: string,
): ModuleGraph {
  const graph: ModuleGraph = { modules: new Map(), packages };
  const found = new Map(info.modules.map((module) => [module.specifier, module]));
  const follow = (url: string): string => {
    for (let next; (next = info.redirects[url]) !== undefined;) url = next;
    return url;
  };
  const problems: string[] = [];
  for (const { specifier: url, local, mediaType = "", dependencies } of info.modules) {
    if (local === undefined || local === null || url === entry) continue;
    const imports: GraphModule["imports"] = [];
    for (const { specifier, code, isDynamic } of dependencies) {
      if (code === undefined) continue; // a type
      const target = code.specifier === undefined ? undefined : follow(code.specifier);
      const error = code.error ?? (target === undefined ? undefined : found.get(target)?.error);
      // One that is loaded when needed may be meant to be missing here.
      if (error !== undefined && isDynamic) continue;
      if (error !== undefined || target === undefined) {
        problems.push(`${url} imports ${JSON.stringify(specifier)}: ${error ?? "it resolves to nothing"}`);
      } else imports.push({ specifier, target });
    }
    graph.modules.set(url, { url, local, ending: ENDINGS[mediaType] ?? "", imports });
  }
  for (const { specifier, error, dependencies } of info.modules) {
    if (specifier !== entry) continue;
    for (const { code } of dependencies) {
      const url = code?.specifier === undefined ? undefined : follow(code.specifier);
      const failed = url === undefined ? error ?? code?.error : found.get(url)?.error;
      if (failed !== undefined) problems.push(`${url ?? "a module"}: ${failed}`);
    }
  }
  if (problems.length === 0) return graph;
  throw new PackError(`Cannot find all modules:\n${problems.map((line) => `  ${line}`).join("\n")}`);
}

/** The text of a module, without what Deno's cache adds to a remote one. */
export async function moduleBytes(
  { url, local }: Pick<GraphModule, "url" | "local">,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await Deno.readFile(local);
  if (url.startsWith("file:")) return bytes;
  const mark = new TextEncoder().encode("\n// denoCacheMetadata=");
  const start = lastIndexOfNeedle(bytes, mark);
  return start < 0 ? bytes : bytes.slice(0, start);
}
