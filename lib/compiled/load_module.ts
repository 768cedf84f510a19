/**
 * Imports the user's modules from disk where a compiled `furu` runs: the Deno in one reads JavaScript alone,
 * and knows no configuration but the one that it was compiled with. So modules are read and made JavaScript
 * here, and given to Deno under their own URLs, each after those that it imports. Loaded by its URL alone:
 * nothing else needs what it imports.
 *
 * @module
 */
import { isBuiltin, Module } from "node:module";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { errorText, FuruError } from "../core/errors.ts";
import { furuGlobals } from "../core/globals.ts";
import { type JavaScript, toJavaScript } from "./javascript.ts";
import { type NameMap, nameMapOf, resolveSpecifier } from "./resolution.ts";

const CODE = /\.(?:m?[jt]s|[jt]sx)$/;
/** What is in a compiled `furu`, or needs nothing. */
const IS_HERE =
  /^(?:data:|blob:|file:|@furu\/furu(?:\/cli)?$|jsr:\/?@furu\/furu(?:[@/]|$)|(?:npm:\/?)?zod(?:[@/]|$))/;

/** A module that is read. */
interface ReadModule extends JavaScript {
  url: string;
  /** Whether it is the same as in its file. */
  isAsItWas: boolean;
  /** Whether what it imports leads back to it. */
  isInCircle: boolean;
}

/** Why a module cannot be given to Deno. */
interface Failure {
  /** As Deno says it. */
  text: string;
  /** As it is told. */
  error: unknown;
}

/** Modules import what is not in this program. */
class MissingModuleError extends FuruError {
  /** As Deno says it of its own. */
  readonly code = "ERR_MODULE_NOT_FOUND";
}

/** Modules that Deno has been given, or reads by itself. */
const known = new Set<string>();
/** The first module decides whose names hold, as for `deno run`. */
let names: NameMap | undefined;
/** What was thrown while modules were given, how often, until Deno tells that nobody has taken it. */
const thrown = new Map<string, number>();
/** One after another: what two of them share is given once. */
let before: Promise<unknown> = Promise.resolve();

/**
 * Imports a module.
 *
 * @param url Its URL.
 * @param entry URL or path of the module that the run is about: the configuration nearest to it holds.
 * @throws {FuruError} If modules import what is not here: names each of them, before any runs.
 */
export async function loadFromDisk(url: string, entry: string): Promise<Record<string, unknown>> {
  names ??= nameMapOf(entry);
  begin();
  const giving = before.then(async () => giveAll(await readAll(url)));
  before = giving.catch(() => {/* told to who asked */});
  const failure = await giving;
  try {
    // Not among what is done one after another: a module may import others and wait for them.
    return await import(url);
  } catch (error) {
    const isSame = failure === undefined || failure.text === errorText(error);
    throw isSame && !(failure?.error instanceof MissingModuleError) ? error : failure!.error;
  }
}

function begin(): void {
  if (furuGlobals().importFrom !== undefined) return;
  if (typeof (Module.prototype as unknown as Partial<ModuleOfText>)._compile !== "function") {
    const deno = Deno.version.deno;
    throw new FuruError(`Cannot read modules as Deno ${deno} takes no text for one: use 'furu pack'`);
  }
  furuGlobals().importFrom = importFrom;
  // What a module throws while it is given its import throws as well: nobody else is to take it for lost. Not
  // by the function that tells whose task has left listeners.
  EventTarget.prototype.addEventListener.call(globalThis, "unhandledrejection", (event) => {
    const key = keyOf((event as PromiseRejectionEvent).reason);
    const left = thrown.get(key) ?? 0;
    if (left === 0) return;
    thrown.set(key, left - 1);
    event.preventDefault();
    event.stopImmediatePropagation();
  }, { capture: true });
}

/** What `import()` means in a module of the user's. */
async function importFrom(base: string, specifier: unknown, options?: ImportCallOptions): Promise<unknown> {
  const target = resolveSpecifier(String(specifier), base, names!);
  if (!isHere(target)) throw missingError([`${base} imports "${specifier}"`]);
  const isData = options?.with?.type !== undefined;
  return isData || !isCode(target) ? await import(target, options) : await loadFromDisk(target, base);
}

/** @returns What is not known yet of a module and all that it imports, each after what it imports. */
async function readAll(entry: string): Promise<ReadModule[]> {
  const all: ReadModule[] = [];
  const met = new Set<string>();
  const path: ReadModule[] = [];
  const missing: string[] = [];
  const visit = async (url: string): Promise<void> => {
    const start = path.findIndex((each) => each.url === url);
    if (start >= 0) { for (const each of path.slice(start)) each.isInCircle = true; }
    if (met.has(url) || known.has(url)) return;
    met.add(url);
    const source = await Deno.readTextFile(fromFileUrl(url)).catch(() => undefined);
    if (source === undefined) return; // Deno says why
    const made = await toJavaScript(source, url, (specifier) => resolveSpecifier(specifier, url, names!));
    const module = { ...made, url, isAsItWas: made.code === source, isInCircle: false };
    path.push(module);
    for (const { specifier, target, isData } of made.imports) {
      if (isCode(target) && !isData) await visit(target);
      else if (!isHere(target)) missing.push(`${url} imports "${specifier}"`);
    }
    path.pop();
    all.push(module);
  };
  await visit(entry);
  if (missing.length > 0) throw missingError(missing);
  return all;
}

/**
 * Gives modules to Deno under their URLs, which runs them. One that waits at its top level runs only when it
 * is imported, and one in a circle lacks the others when it is given, and is whole with the last of them.
 *
 * @returns Why the first fails that does: Deno would not say it of one that it has not taken, as it looks at
 * the file then.
 */
function giveAll(modules: readonly ReadModule[]): Failure | undefined {
  let failure: Failure | undefined;
  for (const { url, code, isAsItWas, isInCircle } of modules) {
    known.add(url);
    if (isAsItWas) continue;
    try {
      give(url, code);
    } catch (error) {
      thrown.set(keyOf(error), (thrown.get(keyOf(error)) ?? 0) + 1);
      const text = errorText(error);
      // What is thrown by its own code the import throws, too.
      const isTaken = !/^(Syntax|Type)Error: /.test(text) || /top-level await/i.test(text);
      if (isInCircle || isTaken) continue;
      known.delete(url);
      failure ??= { text, error: withPlace(error, text, url) };
    }
  }
  return failure;
}

/** An error of Deno's, with the module that it is about. */
function withPlace(error: unknown, text: string, url: string): unknown {
  // A version of zod, or of furu, that is another one than here.
  if (/^TypeError: (Could not find|Module not found: jsr:)/.test(text)) {
    return missingError([`${url}: ${text}`]);
  }
  return error instanceof SyntaxError && !text.includes("file:")
    ? new SyntaxError(`${error.message} at ${url}`)
    : error;
}

/** Deno makes another error, with less of its stack, of one that is thrown while a module is given. */
function keyOf(error: unknown): string {
  return String((error as Error | null | undefined)?.message ?? error);
}

/** What `require()` does with the text of a module; Deno has it, and its types do not. */
interface ModuleOfText {
  _compile(code: string, path: string, kind: "module"): void;
}

function give(url: string, code: string): void {
  const path = fromFileUrl(url);
  (new Module(path) as unknown as ModuleOfText)._compile(code, path, "module");
}

function isCode(url: string): boolean {
  return url.startsWith("file:") && CODE.test(new URL(url).pathname);
}

function isHere(target: string): boolean {
  return IS_HERE.test(target) || isBuiltin(target);
}

function missingError(lines: readonly string[]): MissingModuleError {
  return new MissingModuleError(
    `this furu was compiled, and has furu and zod alone in it:\n${
      lines.map((line) => `  ${line}\n`).join("")
    }` +
      "(a file made by 'furu pack PIPELINE' has all that the pipeline imports; so has one made by " +
      "'deno compile PIPELINE' where the pipeline calls main())",
  );
}
