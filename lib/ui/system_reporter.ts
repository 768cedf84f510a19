import { isDumbTerminal } from "../core/environment.ts";
import { currentSession } from "../core/system/session.ts";
import { cellBlock, type Jupyter, jupyter, writeToCell } from "./cell_block.ts";
import {
  createReporter,
  type Guard,
  type GuardedBlock,
  type Reporter,
  type ReporterMode,
} from "./reporter.ts";
import { writeAll } from "../core/system/write_all.ts";

/** Options of {@link systemReporter}. */
export interface SystemReporterOptions {
  /**
   * The way in which the run shows itself.
   *
   * @default {"auto"}
   */
  mode?: ReporterMode;
  /**
   * Use colours.
   *
   * @default {on a terminal, unless `NO_COLOR` is set}
   */
  color?: boolean;
}

/**
 * A reporter on this process's stderr; in `json` mode on its stdout. Results alone go to stdout otherwise.
 */
export function systemReporter(options: SystemReporterOptions = {}): Reporter {
  const { mode = "auto" } = options;
  const kernel = currentSession() === "notebook" ? jupyter() : undefined;
  if (kernel) return notebookReporter(kernel, mode, options.color);
  const stream = mode === "json" ? Deno.stdout : Deno.stderr;
  const isTerminal = stream.isTerminal() && !isDumbTerminal();
  // While the block is guarded its own reporter writes past the guard, which is for all others.
  let past: ((bytes: Uint8Array) => number) | undefined;
  const own = { writeSync: (bytes: Uint8Array) => past ? past(bytes) : stream.writeSync(bytes) };
  return createReporter({
    mode,
    isTerminal,
    color: options.color ?? (isTerminal && !Deno.noColor),
    write: (text) => writeAll(own, text),
    width: () => terminalSize().columns,
    height: () => terminalSize().rows,
    now: () => Date.now(),
    guard: (block) => {
      const writeNow = stream.writeSync.bind(stream);
      const guard = guardTerminal(block);
      if (guard) past = writeNow;
      return guard;
    },
    every,
  });
}

/** Columns of a block in a notebook, which is as wide as its window. */
const CELL_COLUMNS = 100;

/** A reporter on the output of the cell that runs: a display that is updated in place, and lines. */
function notebookReporter(kernel: Jupyter, mode: ReporterMode, color = !Deno.noColor): Reporter {
  return createReporter({
    mode,
    isTerminal: false,
    block: cellBlock(kernel),
    color: color && mode !== "json",
    write: writeToCell,
    width: () => CELL_COLUMNS,
    now: () => Date.now(),
    every,
  });
}

function every(ms: number, call: () => void): () => void {
  const timer = setInterval(call, ms);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

const TO_STDERR = ["warn", "error", "assert", "trace"] as const;
const TO_STDOUT = [
  "log",
  "debug",
  "info",
  "dir",
  "dirxml",
  "table",
  "count",
  "timeLog",
  "timeEnd",
  "group",
  "groupCollapsed",
] as const;
const DIALOGUES = ["alert", "confirm", "prompt"] as const;

interface NodeStream {
  isTTY?: boolean;
  write: unknown;
}

let isGuarded = false;

/**
 * Puts what this process writes to its terminal (`console`, `Deno.stdout`, `Deno.stderr`, Node's streams,
 * dialogues) above a block. What other processes write there cannot be known.
 */
function guardTerminal(block: GuardedBlock): Guard | undefined {
  if (isGuarded) return undefined;
  isGuarded = true;
  const undo: (() => void)[] = [];
  let depth = 0;

  function around<T>(write: () => T, endsLine: boolean | undefined): T {
    // One writes by another, or the block is gone and somebody has kept the function.
    if (depth > 0 || undo.length === 0) return write();
    depth++;
    block.hide();
    try {
      return write();
    } finally {
      depth--;
      block.written(endsLine);
    }
  }

  function replace<K extends PropertyKey>(
    holder: Record<K, unknown>,
    name: K,
    make: (original: (...args: unknown[]) => unknown) => unknown,
  ): void {
    const before = Object.getOwnPropertyDescriptor(holder, name);
    const original = holder[name];
    if (typeof original !== "function") return;
    const mine = make((...args) => Reflect.apply(original, holder, args));
    Object.defineProperty(holder, name, {
      value: mine,
      configurable: true,
      enumerable: true,
      writable: true,
    });
    undo.push(() => {
      // A function that has replaced ours since stays; it leads to ours, which does nothing more.
      if (holder[name] !== mine) return;
      if (before) Object.defineProperty(holder, name, before);
      else delete holder[name];
    });
  }

  const lines = (holder: object, names: readonly string[]): void => {
    for (const name of names) {
      replace(
        holder as Record<string, unknown>,
        name,
        (call) => (...args: unknown[]) => around(() => call(...args), true),
      );
    }
  };
  for (const [stream, names] of [[Deno.stdout, TO_STDOUT], [Deno.stderr, TO_STDERR]] as const) {
    if (!stream.isTerminal()) continue;
    lines(console, names);
    const writeNow = stream.writeSync.bind(stream);
    const write = (bytes: Uint8Array): number =>
      around(() => writeNow(bytes), bytes.length === 0 ? undefined : bytes.at(-1) === 10);
    replace(stream, "writeSync", () => write);
    // Not by another thread, for the block would be drawn in between.
    replace(stream, "write", () => (bytes: Uint8Array) => new Promise((resolve) => resolve(write(bytes))));
    let writable: WritableStream<Uint8Array> | undefined;
    Object.defineProperty(stream, "writable", {
      get: () => writable ??= new WritableStream({ write: (chunk) => writeAll({ writeSync: write }, chunk) }),
      configurable: true,
    });
    undo.push(() => void Reflect.deleteProperty(stream, "writable"));
  }
  lines(globalThis, DIALOGUES);

  /** Node's streams to a terminal have a way of their own. */
  function guardNode(): void {
    const { process } = globalThis as { process?: { stdout?: NodeStream; stderr?: NodeStream } };
    for (const stream of [process?.stdout, process?.stderr]) {
      if (!stream?.isTTY) continue;
      replace(stream, "write", (call) => (chunk: unknown, ...rest: unknown[]) => {
        const last = typeof chunk === "string" ? chunk.at(-1) : (chunk as Uint8Array | undefined)?.at?.(-1);
        return around(
          () => call(chunk, ...rest),
          last === undefined ? undefined : last === "\n" || last === 10,
        );
      });
    }
  }

  let knowsNode = false;
  return {
    drawn() {
      // Not before: it may be loaded by this, which takes longer than many a run.
      if (!knowsNode) guardNode();
      knowsNode = true;
    },
    release() {
      for (const each of undo.splice(0).reverse()) each();
      isGuarded = false;
    },
  };
}

function terminalSize(): { columns: number; rows: number } {
  try {
    const { columns, rows } = Deno.consoleSize();
    // A terminal that does not know its size says 0.
    return { columns: columns || 80, rows: rows || 24 };
  } catch {
    return { columns: 80, rows: 24 };
  }
}
