import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { resolve } from "@std/path/posix/resolve";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { UsageError } from "../../core/errors.ts";
import { furuGlobals } from "../../core/globals.ts";
import { didYouMean } from "../../core/nearest.ts";
import { importModule } from "../../core/packed.ts";
import { type Artifact, isArtifact, type TaskDefinition } from "../../task/artifact/artifact.ts";
import { oneLine, truncate } from "../../ui/text.ts";
import { moduleLoadError } from "./load_error.ts";

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
    const exports = await importModule(url);
    return { url, written, exports, exportName };
  } catch (cause) {
    throw moduleLoadError(written, url, cause);
  }
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
  if (tasks.length > 0) {
    parts.push(
      `; tasks to apply to parameters: ${tasks.join(", ")} ` +
        `('export default ${tasks[0]}({ ... })', or 'furu get ${written}#${tasks[0]} --set KEY=VALUE')`,
    );
  }
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
    if ((await Deno.stat(path)).isDirectory) {
      return `it is a folder, a file is needed${await modulesIn(path)}`;
    }
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

/** The modules in a folder, for who named the folder. */
async function modulesIn(path: string): Promise<string> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(path)) {
    if (isFile && /\.[cm]?[jt]sx?$/.test(name) && !/_test\.|\.test\.|\.d\.ts$/.test(name)) names.push(name);
  }
  if (names.length === 0) return "";
  return `; in it are ${names.sort().slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""}`;
}
