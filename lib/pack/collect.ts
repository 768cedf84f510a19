import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { join } from "@std/path/posix/join";
import { resolve } from "@std/path/posix/resolve";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { walk } from "@std/fs/walk";
import { z } from "zod";
import config from "../../deno.json" with { type: "json" };
import { FURU_URL, packed } from "../core/packed.ts";
import { findUpward } from "../core/paths.ts";
import { runDeno } from "../core/system/run_deno.ts";
import type { ArchiveFile } from "./archive.ts";
import { importMapOf } from "./import_map.ts";
import { CONFIG_FILE, FURU_FOLDER, places } from "./layout.ts";
import { configText, mergeConfigs, type ModuleResolution, OFFERED, readConfig } from "./merge_config.ts";
import { type GraphModule, moduleBytes, moduleGraph } from "./module_graph.ts";
import { npmFiles } from "./npm_files.ts";
import { PackError } from "./pack_error.ts";

/** The contents of a packed program. */
export interface CollectOptions {
  /**
   * Path of a pipeline to embed with all that it imports.
   *
   * @default {none: the program is `furu` itself}
   */
  pipeline?: string | undefined;
  /**
   * Paths of more files and folders that the pipeline needs, as programs that it starts.
   *
   * @default {none}
   */
  include?: readonly string[];
}

/** The files of an archive. */
export interface Collected {
  /** All files. */
  files: ArchiveFile[];
  /** Absolute paths of the files of this machine that modules and data come from. */
  sources: Set<string>;
  /** The pipeline's path among the files. */
  pipeline?: string | undefined;
  /**
   * Whether Deno runs the pipeline itself. Else the pipeline is imported, and its default export holds the
   * roots.
   */
  asModule: boolean;
}

/** Modules that a packed program loads and nothing imports. */
const ROOTS = [
  "cli.ts",
  "mod.ts",
  "lib/cli/packed/packed_boot.ts",
  "lib/cli/packed/packed_main.ts",
  "lib/pack/merge_main.ts",
];
const CODE = /\.[mc]?[jt]sx?$/;

/**
 * Finds all files of a packed program and says where each goes.
 *
 * @throws {PackError} If something is missing.
 */
export async function collect(options: CollectOptions): Promise<Collected> {
  await using folder = await temporaryFolder();
  const furu = furuConfig();
  const own = await writeConfig(folder.path, "furu", furu);
  const { modules, packages } = await moduleGraph(ROOTS.map((path) => `${FURU_URL}${path}`), own);
  const pipeline = options.pipeline === undefined ? undefined : await pipelineUrl(options.pipeline);
  const included = await filesBelow((options.include ?? []).map((path) => resolve(path)));
  let asModule = false;
  let how: Pick<ModuleResolution, "compilerOptions" | "unstable"> = {};
  if (pipeline !== undefined) {
    const users = await userConfig(folder.path, pipeline, furu);
    const roots = included.filter((path) => CODE.test(path)).map((path) => toFileUrl(path).href);
    const graph = await moduleGraph([...roots, pipeline], users, await lockCopy(folder.path, pipeline));
    for (const [url, module] of graph.modules) modules.set(url, module);
    for (const [key, used] of graph.packages) packages.set(key, used);
    asModule = !await hasDefault(pipeline, users);
    const { compilerOptions, unstable } = readConfig(users);
    how = { compilerOptions, unstable };
  }
  const data = included.map((path) => toFileUrl(path).href).filter((url) => !modules.has(url));
  const place = places([...modules.values(), ...data.map((url) => ({ url }))]);
  const files = await npmFiles(packages);
  for (const module of modules.values()) files.push(await moduleFile(module, place(module.url)));
  for (const url of data) files.push(await dataFile(url, place(url)));
  const zod = [...packages.values()].find(({ name }) => name === "zod");
  files.push(textFile(`${FURU_FOLDER}/${CONFIG_FILE}`, packageText()));
  files.push(textFile(
    CONFIG_FILE,
    JSON.stringify({
      imports: {
        "@furu/furu": `./${FURU_FOLDER}/mod.ts`,
        "@furu/furu/cli": `./${FURU_FOLDER}/cli.ts`,
        zod: `npm:zod@${zod?.version ?? "*"}`,
      },
      scopes: importMapOf(modules.values(), place),
      // So that any range of versions in a pipeline's `jsr:@furu/furu` means this one.
      links: [`./${FURU_FOLDER}`],
      ...how,
      nodeModulesDir: "none",
      lock: false,
    }),
  ));
  return {
    files: once(files),
    sources: new Set([...modules.keys(), ...data].filter((url) => url.startsWith("file:")).map(fromFileUrl)),
    asModule,
    pipeline: pipeline && place(pipeline),
  };
}

/** The resolution of furu's own modules in this process. */
function furuConfig(): ModuleResolution {
  const folder = packed() === undefined && FURU_URL.startsWith("file:") ? fromFileUrl(FURU_URL) : undefined;
  const path = packed()?.config ?? (folder && join(folder, CONFIG_FILE));
  const found = path === undefined ? { imports: {}, scopes: {}, links: [] } : readConfig(path);
  // A link to the root of a workspace is one to all of its packages.
  if (folder !== undefined) found.links.push(folder);
  const offered = { "@furu/furu": `${FURU_URL}mod.ts`, "@furu/furu/cli": `${FURU_URL}cli.ts` };
  return { ...found, imports: { zod: config.imports.zod, ...found.imports, ...offered } };
}

/**
 * The configuration that holds for the pipeline, with what it may use without saying so.
 *
 * @returns A path.
 */
async function userConfig(folder: string, pipeline: string, furu: ModuleResolution): Promise<string> {
  const nearest = findUpward(dirname(fromFileUrl(pipeline)), ["deno.json", "deno.jsonc"]);
  const isFurus = nearest !== undefined && toFileUrl(`${nearest.dir}/`).href === FURU_URL;
  if (nearest === undefined || isFurus) return join(folder, "furu", CONFIG_FILE);
  const own = FURU_URL.startsWith("file:") ? fromFileUrl(FURU_URL).replace(/\/$/, "") : folder;
  return await writeConfig(folder, "user", mergeConfigs(readConfig(nearest.path), furu, own, OFFERED));
}

/** The versions that the project has chosen, in a file that Deno may add to. */
async function lockCopy(folder: string, pipeline: string): Promise<string | undefined> {
  const nearest = findUpward(dirname(fromFileUrl(pipeline)), ["deno.json", "deno.jsonc"]);
  if (nearest === undefined) return undefined;
  const path = join(folder, "deno.lock");
  try {
    await Deno.copyFile(join(nearest.dir, "deno.lock"), path);
    return path;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function writeConfig(folder: string, name: string, resolution: ModuleResolution): Promise<string> {
  const path = join(folder, name, CONFIG_FILE);
  await Deno.mkdir(dirname(path));
  await Deno.writeTextFile(path, configText(resolution));
  return path;
}

async function pipelineUrl(path: string): Promise<string> {
  try {
    const file = await Deno.realPath(resolve(path));
    if ((await Deno.stat(file)).isFile) return toFileUrl(file).href;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  }
  throw new PackError(`Cannot pack '${path}' as there is no such file`);
}

/**
 * Whether a module has a default export, as `furu run` needs it. One without is a script that calls `main`
 * itself.
 */
async function hasDefault(url: string, configPath: string): Promise<boolean> {
  // It looks for its configuration only where it runs, whatever it is told.
  const text = await runDeno(
    `read ${url}`,
    ["doc", "--json", "--no-lock", "--allow-import", url],
    dirname(configPath),
  );
  const symbols = z.array(z.object({ name: z.string() }));
  const docSchema = z.object({
    nodes: z.union([
      z.record(z.string(), z.object({ symbols: symbols.default([]) })),
      symbols, // of the one module, as older Denos tell it
    ]),
  });
  const { nodes } = docSchema.parse(JSON.parse(text));
  const found = Array.isArray(nodes) ? nodes : nodes[url]?.symbols ?? [];
  return found.some(({ name }) => name === "default");
}

async function filesBelow(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    try {
      const real = await Deno.realPath(path);
      if ((await Deno.stat(real)).isFile) files.push(real);
      else for await (const entry of walk(real, { includeDirs: false })) files.push(entry.path);
    } catch (cause) {
      throw new PackError(`Cannot include '${path}' as it cannot be read`, { cause });
    }
  }
  return files;
}

async function moduleFile(module: GraphModule, path: string): Promise<ArchiveFile> {
  return { path, bytes: await moduleBytes(module) };
}

async function dataFile(url: string, path: string): Promise<ArchiveFile> {
  const file = fromFileUrl(url);
  const { mode } = await Deno.stat(file);
  return { path, bytes: await Deno.readFile(file), executable: ((mode ?? 0) & 0o100) !== 0 };
}

function textFile(path: string, text: string): ArchiveFile {
  return { path, bytes: new TextEncoder().encode(text) };
}

/**
 * The part of furu's own deno.json that belongs to it as a package. The rest is about this machine's folders.
 */
function packageText(): string {
  const { name, version, exports, imports } = config;
  // Without being a workspace, a package that is linked by an absolute path is looked for in the folder above
  // by Denos up to 2.7.
  return JSON.stringify({ name, version, exports, imports: { zod: imports.zod }, workspace: [] });
}

/** The last of several files of one path. */
function once(files: readonly ArchiveFile[]): ArchiveFile[] {
  return [...new Map(files.map((file) => [file.path, file])).values()];
}

async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "furu-pack-" }));
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
