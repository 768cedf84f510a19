import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import type { Config } from "../lib/core/config.ts";
import type { Files } from "../lib/core/system/files.ts";
import type { Machine } from "../lib/core/system/machine.ts";
import { systemMachine } from "../lib/core/system/system_machine.ts";
import { Runtime } from "../lib/run/runtime.ts";

const repository = fromFileUrl(new URL("..", import.meta.url));

/** How a script ended. */
export interface Ended {
  code: number;
  signal: Deno.Signal | null;
  stdout: string;
  stderr: string;
  /** Both outputs, for messages of assertions. */
  output: string;
}

/** A folder of its own for a store and for whatever else a test needs; removed in the end, with its scripts. */
export class Rig implements AsyncDisposable {
  /** The test's folder. */
  readonly folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "furu-test-" }));
  /** The store in it; not made yet. */
  readonly root = join(this.folder, "store");
  readonly #scripts: Script[] = [];

  /** Starts `deno run -A ...flags <path> ...args` as a process of its own; the path is seen from `tests/`. */
  start(
    path: string,
    args: readonly unknown[] = [],
    env: Record<string, string> = {},
    flags: readonly string[] = [],
  ): Script {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        ...flags,
        "--config",
        join(repository, "deno.json"),
        path.startsWith("/") ? path : join(repository, "tests", path),
        ...args.map(String),
      ],
      env: {
        FURU_PATH: this.root,
        FURU_TEST_FOLDER: this.folder,
        FURU_RECORD_GIT: "ignore",
        NO_COLOR: "1",
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const script = new Script(child);
    this.#scripts.push(script);
    return script;
  }

  /** A file of the test's folder as text; nothing where there is none. */
  read(name: string): string {
    return textOf(join(this.folder, name));
  }

  /** Makes a file of the test's folder: how tasks are told to go on. */
  touch(name: string): void {
    Deno.writeTextFileSync(join(this.folder, name), "");
  }

  /** All paths of files and folders below the store, seen from it, sorted. What goes away meanwhile may be among them. */
  tree(): string[] {
    const names: string[] = [];
    const walk = (dir: string): void => {
      for (const entry of entriesOf(dir)) {
        const path = join(dir, entry.name);
        names.push(path.slice(this.root.length + 1));
        if (entry.isDirectory) walk(path);
      }
    };
    walk(this.root);
    return names.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const script of this.#scripts) await script[Symbol.asyncDispose]();
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** A process of a script. */
export class Script implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #ended: Promise<Ended>;
  /** What it has printed to stdout so far. */
  stdout = "";
  /** What it has printed to stderr so far. */
  stderr = "";
  #alive = true;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#ended = this.#collect();
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** How it ended. A script that does not end within two minutes is killed, and fails the test. */
  async ended(): Promise<Ended> {
    const timer = setTimeout(() => this.kill("SIGKILL"), 120_000);
    try {
      return await this.#ended;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Has it not ended yet? */
  get alive(): boolean {
    return this.#alive;
  }

  /** Sends a signal. */
  kill(signal: Deno.Signal): void {
    if (this.#alive) this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.#ended;
  }

  async #collect(): Promise<Ended> {
    const [{ code, signal }] = await Promise.all([
      this.#child.status.finally(() => this.#alive = false),
      read(this.#child.stdout, (text) => this.stdout += text),
      read(this.#child.stderr, (text) => this.stderr += text),
    ]);
    const { stdout, stderr } = this;
    return { code, signal, stdout, stderr, output: `${stdout}\n${stderr}` };
  }
}

async function read(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}

/** Waits for a condition; a deadline (a minute) that passes fails the test, naming what was waited for. */
export async function until(condition: () => boolean, what: string, deadlineMs = 60_000): Promise<void> {
  const started = performance.now();
  while (!condition()) {
    if (performance.now() - started > deadlineMs) throw new Error(`Timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A file as text; nothing where there is none. */
export function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Is there something of that name? */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** What a {@link testRuntime} is made with. */
export interface TestRuntimeOptions {
  /** Operations on files that do something else than the real ones. */
  files?: Partial<Files>;
  /** Parts of the machine that do something else. */
  machine?: Partial<Machine>;
  /** Configuration besides the defaults. */
  config?: Partial<Config>;
  /** Takes what is logged, without times. */
  lines?: string[];
}

/** This machine with parts replaced, and without a thread that beats: claims of tests live shorter than a lease. */
export function testMachine({ files, machine }: TestRuntimeOptions = {}): Machine {
  const real = systemMachine();
  return {
    ...real,
    beat: ({ path, unlink }) => {
      if (unlink) removeQuietly(path);
      return { stop: () => Promise.resolve() };
    },
    isForsaken: () => false,
    ...machine,
    files: { ...real.files, ...files },
  };
}

/** A runtime over a store, as `get` makes one for itself. */
export function testRuntime(root: string, options: TestRuntimeOptions = {}): Runtime {
  const lines = options.lines ?? [];
  const log = (level: string) => (message: string): void => void lines.push(`${level} ${message}`);
  return new Runtime({
    config: { ...DEFAULTS, root, slurmRoot: join(root, "slurm"), ...options.config },
    machine: testMachine(options),
    provenance: { collect: () => Promise.resolve({ test: true }), git: () => Promise.resolve(undefined) },
    logger: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
    guard: (attempt) => attempt(new AbortController().signal),
    echo: () => {},
  });
}

const DEFAULTS: Omit<Config, "root" | "slurmRoot"> = {
  retryFailed: true,
  recomputeDamaged: false,
  maxComputeRetries: 3,
  maxPreemptRetries: 5,
  alwaysRerun: [],
  leaseSec: 120,
  heartbeatSec: 40,
  staleAfterSec: 1800,
  maxWaitSec: 600,
  pollIntervalSec: 2,
  logLevel: "info",
  recordGit: "ignore",
};

/** An error as the operating system's calls throw it. */
export function osError(code: string, message = `made up by a test (${code})`): Error & { code: string } {
  return Object.assign(new Error(message), { code });
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** What is in a folder; nothing where it is not there, or has just been removed. */
function entriesOf(dir: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(dir)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
