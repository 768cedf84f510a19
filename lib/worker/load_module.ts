import { toFileUrl } from "@std/path/to-file-url";
import { errorText, ProtocolError } from "../core/errors.ts";

/** What {@link ensureTask} needs to know of the process. */
export interface TaskLoader {
  /** Is a task of that name defined in this process? */
  registryHas: (name: string) => boolean;
  /** Told around each import, so that runs that a module starts while it is imported can be refused. */
  onImport: (phase: "begin" | "end") => void;
  /** Is all code in one file, so that only the entry can be imported? @default false */
  singleFile?: boolean;
  /** Imports a module by its URL. @default `import()` */
  importModule?: (url: string) => Promise<unknown>;
}

/**
 * Makes sure that a task is defined in this process: imports the module that called `defineTask`, then, if the name
 * is still unknown, the module that the run was started with. A source map can make the first one a file that does
 * not exist: no harm as long as the second one defines the task.
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
  for (const candidate of candidates) {
    if (candidate === undefined) continue;
    try {
      await importOne(candidate, loader);
      if (loader.registryHas(name)) return;
      tried.push(`${candidate} does not define it`);
    } catch (error) {
      if (loader.registryHas(name)) return; // defined before its module failed further down
      cause ??= error;
      tried.push(`${candidate} cannot be imported (${errorText(error)})`);
    }
  }
  throw new ProtocolError(
    `Cannot find task ${JSON.stringify(name)} in the computing process: ` +
      (tried.length > 0
        ? tried.join("; ")
        : "neither its module nor the entry of the run is known; pass `module: import.meta.url` to defineTask"),
    cause === undefined ? {} : { cause },
  );
}

async function importOne(candidate: string, loader: TaskLoader): Promise<void> {
  const url = URL.canParse(candidate) ? candidate : toFileUrl(candidate).href;
  loader.onImport("begin");
  try {
    await (loader.importModule ?? ((specifier) => import(specifier)))(url);
  } finally {
    loader.onImport("end");
  }
}
