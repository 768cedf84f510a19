import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { resolve } from "@std/path/posix/resolve";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { errorText, FuruError, UsageError } from "../../core/errors.ts";
import { furuGlobals } from "../../core/globals.ts";
import { didYouMean } from "../../core/nearest.ts";
import { packed, PACKED_REGISTRY } from "../../core/packed.ts";
import { findUpward } from "../../core/paths.ts";
import { type Artifact, isArtifact, type TaskDefinition } from "../../task/artifact/artifact.ts";
import { oneLine, truncate } from "../../ui/text.ts";

/** The user's module threw while it was imported: the cause says where. */
export class ModuleLoadError extends FuruError {}

/** A module that a command was given, loaded. */
export interface LoadedModule {
  /** Its URL. */
  readonly url: string;
  /** The reference as it was written, without the export. */
  readonly written: string;
  /** The export that was named after `#`. */
  readonly exportName?: string | undefined;
  /** The exports of the module. */
  readonly exports: Readonly<Record<string, unknown>>;
}

/**
 * Loads `MODULE[#export]`: a path relative to `cwd`, or a URL.
 *
 * @throws {UsageError} If there is no such file, with the nearest in that folder.
 * @throws {ModuleLoadError} If the module itself throws.
 */
export async function loadModule(reference: string, cwd: string): Promise<LoadedModule> {
  const { url, written, exportName } = await locate(reference, cwd);
  // From here on this is the program: its project has the store and the configuration.
  furuGlobals().entry = url;
  try {
    const exports: Record<string, unknown> = await import(url);
    return { url, written, exports, exportName };
  } catch (cause) {
    throw new ModuleLoadError(`Cannot load ${written}: ${errorText(cause)}${hintNames(url, cause)}`, {
      cause,
    });
  }
}

/**
 * Deno goes by the configuration that it was started with, which need not be that of the module's project.
 */
function hintNames(url: string, cause: unknown): string {
  if (packed() !== undefined && cause instanceof Error && cause.message.includes(PACKED_REGISTRY)) {
    return "\n(this furu is one file that has no such package in it: one made by 'furu pack PIPELINE' has)";
  }
  const isName = cause instanceof TypeError && /^Import "[^"]+" not a dependency/.test(cause.message);
  if (!isName || packed() !== undefined || !url.startsWith("file:")) return "";
  const config = findUpward(dirname(fromFileUrl(url)), ["deno.json", "deno.jsonc"])?.path;
  if (config === undefined) return "";
  const command = `deno run -A --config '${config}' jsr:@furu/furu/cli ...`;
  return `\n(names in ${config} hold where furu is started with it: ${command})`;
}

/**
 * The roots of a module: its default export, or the one named.
 *
 * @throws {UsageError} If there is no such export, or it is nothing that gives artifacts.
 */
export function moduleRoots(module: LoadedModule): Promise<Artifact[]> {
  const { exportName = "default", exports, written } = module;
  if (!Object.hasOwn(exports, exportName)) {
    const what = exportName === "default" ? "a default export" : `an export '${exportName}'`;
    throw new UsageError(`Cannot find ${what} in ${written}${hintExports(module, exportName)}`);
  }
  const what = exportName === "default" ? `the default export of ${written}` : `${written}#${exportName}`;
  return collectRoots(exports[exportName], what);
}

/**
 * The artifacts that a value stands for: one, an array of them (nested arrays too), or a function (also
 * async) that returns either.
 *
 * @param what A name of the value, for errors.
 * @throws {UsageError} If it is anything else. Errors of the function are passed on.
 */
export async function collectRoots(value: unknown, what: string): Promise<Artifact[]> {
  // A task is a function as well, but not one to call without parameters.
  const given = await (typeof value === "function" && !taskDefinition(value) ? value() : value);
  const roots: Artifact[] = [];
  collect(given, what, roots);
  return roots;
}

/**
 * The definition of a value that is a task, whichever copy of furu made it; `undefined` for anything else.
 */
export function taskDefinition(value: unknown): TaskDefinition | undefined {
  if (typeof value !== "function" || !("definition" in value)) return undefined;
  const definition = value.definition as Partial<TaskDefinition> | null | undefined;
  const isOne = typeof definition?.name === "string" && typeof definition.create === "function";
  return isOne ? definition as TaskDefinition : undefined;
}

function collect(value: unknown, what: string, into: Artifact[]): void {
  if (isArtifact(value)) into.push(value);
  else if (Array.isArray(value)) value.forEach((item, index) => collect(item, `${what}[${index}]`, into));
  else {
    const allowed = "an artifact, an array of artifacts or a function that returns either is needed";
    throw new UsageError(`Cannot use ${what} as roots as ${allowed}: it is ${describe(value)}`);
  }
}

function describe(value: unknown): string {
  const task = taskDefinition(value);
  if (task) return `the task ${task.name}, which gives an artifact when it is called with parameters`;
  if (typeof value === "function") return `the function ${value.name || "(anonymous)"}`;
  return truncate(
    oneLine(Deno.inspect(value, { depth: 1, strAbbreviateSize: 60, breakLength: Infinity })),
    200,
  );
}

/** The exports that a user may have meant, as they give artifacts. */
function hintExports({ exports, written }: LoadedModule, wanted: string): string {
  const names = Object.keys(exports).filter((name) => name !== "default");
  const usable = names.filter((name) => isArtifact(exports[name]) || Array.isArray(exports[name]));
  const tasks = names.filter((name) => taskDefinition(exports[name]));
  const parts = [didYouMean(wanted, Object.keys(exports))];
  if (usable.length > 0) parts.push(`; run one with ${written}#NAME: ${usable.join(", ")}`);
  if (tasks.length > 0) parts.push(`; tasks to apply to parameters: ${tasks.join(", ")}`);
  if (usable.length === 0 && tasks.length === 0) {
    parts.push(names.length === 0 ? "; it exports nothing" : `; it exports ${names.join(", ")}`);
  }
  return parts.join("");
}

async function locate(
  reference: string,
  cwd: string,
): Promise<{ url: string; written: string; exportName?: string }> {
  const at = reference.lastIndexOf("#");
  // A file name may hold a '#', too.
  if (at >= 0 && !(await isFile(resolve(cwd, reference)))) {
    const exportName = reference.slice(at + 1);
    if (exportName === "") {
      throw new UsageError(`Cannot use '${reference}': the name of an export is needed after '#'`);
    }
    return { ...await locateModule(reference.slice(0, at), cwd), exportName };
  }
  return await locateModule(reference, cwd);
}

async function locateModule(written: string, cwd: string): Promise<{ url: string; written: string }> {
  const isUrl = /^[a-z][a-z0-9+.-]+:/i.test(written);
  if (isUrl && !written.startsWith("file:")) return { url: written, written };
  const path = isUrl ? fromFileUrl(written) : resolve(cwd, written);
  if (await isFile(path)) return { url: toFileUrl(path).href, written };
  throw new UsageError(`Cannot find module '${written}': ${await whyMissing(path)}`);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return !(await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}

async function whyMissing(path: string): Promise<string> {
  const dir = dirname(path);
  const names: string[] = [];
  try {
    if ((await Deno.stat(path)).isDirectory) return "it is a folder, a file is needed";
  } catch {
    // The usual case: there is nothing of that name.
  }
  try {
    for await (const entry of Deno.readDir(dir)) if (!entry.isDirectory) names.push(entry.name);
  } catch {
    return `there is no folder ${dir}`;
  }
  return `no such file in ${dir}${didYouMean(basename(path), names)}`;
}
