import { ProtocolError } from "./errors.ts";

/**
 * What all copies of furu in one process share: a pipeline can bring its own copy into a worker, and both
 * have to see the same tasks and the same context. The types of the parts belong to higher levels and are
 * unknown here.
 */
export interface FuruGlobals {
  /** Version of this interface: the number in the symbol's name. */
  readonly version: 1;
  /** Each defined task's definition by its name. */
  readonly tasks: Map<string, object>;
  /** Definitions of which a person has written a newer one, which differs. */
  outdated?: WeakSet<object>;
  /**
   * The task of each artifact schema, by the function that checks it (which schemas derived from it share).
   */
  readonly schemas: WeakMap<object, unknown>;
  /** Where the context of the code that runs now is kept. */
  context?: unknown;
  /** The folder that the process was in when furu was loaded. */
  startFolder?: string;
  /** URL of the module that `furu run MODULE` and its like were given. */
  entry?: string;
  /** In a worker: the context of code that belongs to no task, as a stray event listener. */
  strayContext?: unknown;
  /** Makes what a notebook shows of a value: forms by their media types. */
  display?: (kind: string, value: object) => Promise<Record<string, unknown>>;
  /** The configuration, once it is resolved. */
  config?: unknown;
  /** The options that were given in code, before the configuration is resolved. */
  configured?: unknown;
  /** Whether the terminal is to show errors only. */
  quiet?: boolean;
  /** How this process was packed into one file, if it was. */
  packed?: unknown;
  /** URL of the module for which `main()` runs although Deno runs another one, until it does. */
  mainModule?: string | undefined;
  /** Whether this process can become a worker by a command, since its script calls `main()`. */
  hasCommands?: boolean;
  /** What interactive `get`s compute now. */
  computations?: unknown;
  /** Whether any task of this process may run without some of what it depends on. */
  tolerates?: boolean;
  /** What a worker imports at the moment, if it does. */
  loadingModule?: unknown;
  /** What the process was started with. */
  start?: ProcessStart;
  /** What `import()` means in modules that a compiled `furu` reads. */
  importFrom?: (base: string, specifier: unknown, options?: ImportCallOptions) => Promise<unknown>;
}

const KEY = Symbol.for("furu/1");

/** What a process was started with, before its own code could change it. */
export interface ProcessStart {
  /** What followed the script on the command line. */
  readonly args: readonly string[];
  /** The folder that it was started in; `undefined` where that may not be known. */
  readonly folder: string | undefined;
}

// When this module is loaded: before the code that imports furu.
const START: ProcessStart = { args: [...Deno.args], folder: startFolder() };

/**
 * The one object that all copies of furu in this process share; made when first asked for.
 *
 * @throws {ProtocolError} If a copy of furu with another major version of this object is loaded too.
 */
export function furuGlobals(): FuruGlobals {
  const holder = globalThis as { [KEY]?: FuruGlobals };
  return holder[KEY] ??= create();
}

function create(): FuruGlobals {
  for (const symbol of Object.getOwnPropertySymbols(globalThis)) {
    if (/^furu\/\d+$/.test(symbol.description ?? "")) {
      throw new ProtocolError(
        `Cannot use two incompatible copies of furu in one process: this one needs 'furu/1', ` +
          `'${symbol.description}' is loaded already`,
      );
    }
  }
  return { version: 1, tasks: new Map(), schemas: new WeakMap(), start: START };
}

/** What this process was started with. */
export function processStart(): ProcessStart {
  // Another copy of furu may have been first, and is of another version.
  return furuGlobals().start ??= START;
}

/** Asked without a prompt: most processes never need it. */
function startFolder(): string | undefined {
  try {
    if (Deno.permissions.querySync({ name: "read", path: "." }).state !== "granted") return undefined;
    return Deno.cwd();
  } catch {
    return undefined; // it was removed
  }
}
