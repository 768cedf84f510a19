import { toFileUrl } from "@std/path/posix/to-file-url";
import { errorText, furuErrorName, ProtocolError } from "../../core/errors.ts";

/** The process, as {@link ensureTask} sees it. */
export interface TaskLoader {
  /** Whether a task of that name is defined in this process. */
  registryHas: (name: string) => boolean;
  /** Told around each import, so that runs that a module starts while it is imported can be refused. */
  onImport: (phase: "begin" | "end") => void;
  /**
   * Whether all code is in one file, so that only the entry can be imported.
   *
   * @default {false}
   */
  singleFile?: boolean;
  /**
   * Imports a module by its URL.
   *
   * @default {import()}
   */
  importModule?: (url: string) => Promise<unknown>;
  /**
   * Milliseconds that an import may take.
   *
   * @default {300000}
   */
  importTimeoutMs?: number;
}

/** A module that waits for ever at its top level would keep a worker for ever. */
const IMPORT_TIMEOUT_MS = 300_000;

/** A task's code cannot be loaded here, where that may be the machine's fault. */
class UnloadableError extends ProtocolError {
  /** Tells it from a task that does not exist, also in a copy of furu. */
  readonly isNodesFault = true;
}

/**
 * Makes sure that a task is defined in this process: imports the module that called `defineTask`, then, if
 * the name is still unknown, the module that the run was started with. A source map can make the first one a
 * file that does not exist: no harm as long as the second one defines the task.
 *
 * @param name The task's name.
 * @param module URL of the module that called `defineTask`, where known.
 * @param entry URL or path of the module that the run was started with.
 * @throws {ProtocolError} If the task is defined in neither: names both and why.
 */
export async function ensureTask(
  name: string,
  module: string | undefined,
  entry: string | undefined,
  loader: TaskLoader,
): Promise<void> {
  if (loader.registryHas(name)) return;
  const candidates = new Set(loader.singleFile ? [entry] : [module, entry]);
  const tried: string[] = [];
  let cause: unknown;
  let unloadable = true;
  for (const candidate of candidates) {
    if (candidate === undefined) continue;
    try {
      await importOne(candidate, loader);
      if (loader.registryHas(name)) return;
      unloadable = false;
      tried.push(`${candidate} does not define it`);
    } catch (error) {
      if (loader.registryHas(name)) return; // defined before its module failed further down
      cause ??= error;
      if (isAboutCode(error)) unloadable = false;
      tried.push(`${candidate} cannot be imported (${errorText(error)})`);
    }
  }
  throw new (unloadable && tried.length > 0 ? UnloadableError : ProtocolError)(
    `Cannot find task ${JSON.stringify(name)} in the computing process: ` +
      (tried.length > 0
        ? `${tried.join("; ")}${unloadable || cause !== undefined ? "" : HINT}`
        : "neither its module nor the entry of the run is known; pass `module: import.meta.url` to " +
          "defineTask"),
    cause === undefined ? {} : { cause },
  );
}

const HINT =
  ". A task has to be defined when its module is imported: at the top of it, and not inside of a " +
  `function that only some processes call (isolation: "inline" needs no other process)`;

/** Furu's own errors are no machine's fault, as that of a module that starts a run while it is imported. */
function isAboutCode(error: unknown): boolean {
  if (error instanceof UnloadableError) return false;
  return furuErrorName(error) !== undefined;
}

async function importOne(candidate: string, loader: TaskLoader): Promise<void> {
  const url = URL.canParse(candidate) ? candidate : toFileUrl(candidate).href;
  loader.onImport("begin");
  try {
    const importing = (loader.importModule ?? ((specifier) => import(specifier)))(url);
    await inTime(importing, url, loader.importTimeoutMs ?? IMPORT_TIMEOUT_MS);
  } finally {
    loader.onImport("end");
  }
}

async function inTime(importing: Promise<unknown>, url: string, limitMs: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const text = `Cannot import ${url}: it has not finished after ${
      limitMs / 1000
    } s; does it wait at its top level?`;
    late.reject(new UnloadableError(text));
  }, limitMs);
  try {
    await Promise.race([importing, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
