import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { relative } from "@std/path/posix/relative";
import { errorText, FuruError } from "../../core/errors.ts";
import { packed, PACKED_REGISTRY } from "../../core/packed.ts";
import { findUpward } from "../../core/paths.ts";
import { plainLines } from "../../ui/text.ts";
import { userFrames } from "../../ui/user_frames.ts";
import { importCycle } from "./import_cycle.ts";

/** The user's module threw while it was imported: the cause says where. */
export class ModuleLoadError extends FuruError {}

/**
 * Why a module of the user's cannot be loaded, and what to do where that is known.
 *
 * @param written The module, as the user wrote it.
 * @param url Its URL.
 * @param cause What its import threw.
 */
export function moduleLoadError(written: string, url: string, cause: unknown): ModuleLoadError {
  // A module that is missing, or cannot be parsed, is a TypeError to Deno, which tells nobody anything.
  const text = plainLines(errorText(cause)).join("\n");
  const why = isNotLoaded(cause) ? text.replace(/^\w*Error: /, "") : text;
  return new ModuleLoadError(`Cannot load ${written}: ${why}${hint(url, cause)}`, { cause });
}

/** Whether nothing of the module has run: it, or what it imports, is missing or cannot be parsed. */
function isNotLoaded(cause: unknown): boolean {
  return (cause as { code?: unknown } | null)?.code === "ERR_MODULE_NOT_FOUND";
}

function hint(url: string, cause: unknown): string {
  if (!(cause instanceof Error)) return "";
  if (packed() !== undefined && cause.message.includes(PACKED_REGISTRY)) {
    return "\n(this furu is one file that has no such package in it: one made by 'furu pack PIPELINE' has)";
  }
  if (/^Attempted to load JSON module/.test(cause.message)) {
    return "\n(a module with a pipeline is needed, as pipeline.ts)";
  }
  return cause instanceof ReferenceError ? hintCycle(cause) : hintNames(url, cause);
}

/** A module that is loaded needs what another one has not come to yet, as that waits for it. */
function hintCycle({ message, stack = "" }: ReferenceError): string {
  const [, name] = /^Cannot access '([^']+)' before initialization$/.exec(message) ?? [];
  const [, url] = /(file:\/\/[^\s()]+?):\d+:\d+\)?$/.exec(userFrames(stack, 1)[0] ?? "") ?? [];
  if (name === undefined || url === undefined) return "";
  const first = fromFileUrl(url);
  const cycle = importCycle(first);
  if (cycle === undefined) return `\n('${name}' is used above the line that defines it)`;
  const shown = [...cycle, first].map((path) => relative(dirname(first), path)).join(" -> ");
  return `\nThis is a circular import: ${shown}. Each waits for the next, so that '${name}' is not there yet: ` +
    "move what both need into a third module, or use it only inside of functions";
}

/**
 * Deno goes by the configuration that it was started with, which need not be that of the module's project.
 */
function hintNames(url: string, cause: Error): string {
  // An older Deno says that it is no relative path.
  const unknown = /^(?:Import|Relative import path) "([^"]+)" not (?:a dependency|prefixed)/;
  const [, name] = unknown.exec(cause.message) ?? [];
  if (name === undefined || packed() !== undefined || !url.startsWith("file:")) return "";
  const config = findUpward(dirname(fromFileUrl(url)), ["deno.json", "deno.jsonc"])?.path;
  if (config === undefined || !isNamedIn(config, name)) return "";
  const command = `deno run -A --config '${config}' jsr:@furu/furu/cli ...`;
  return `\n(names in ${config} hold where furu is started with it: ${command})`;
}

function isNamedIn(config: string, name: string): boolean {
  try {
    return Deno.readTextFileSync(config).includes(`"${name.split("/")[0]}`);
  } catch {
    return false; // Deno has said why
  }
}
