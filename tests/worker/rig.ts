import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { systemClock } from "../../lib/core/system/clock.ts";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { WorkerListener } from "../../lib/worker/listener.ts";
import { WorkerProcess } from "../../lib/worker/subprocess.ts";
import type { RunTaskOptions, WorkerProcessOptions } from "../../lib/worker/subprocess_options.ts";
import type { AttemptEnd } from "../../lib/core/attempt_end.ts";

/** The command of the tests' computing process. */
export function childCommand(...denoOptions: string[]): string[] {
  const script = fromFileUrl(new URL("./child_script.ts", import.meta.url));
  return [Deno.execPath(), "run", "--allow-all", "--quiet", ...denoOptions, script];
}

/** A listener, a folder for logs and the worker processes of one test. */
export class Rig implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync();
  readonly listener = WorkerListener.open();
  readonly warnings: string[] = [];
  #logs = 0;

  start(options: Partial<WorkerProcessOptions> = {}): Promise<WorkerProcess> {
    return WorkerProcess.start({
      listener: this.listener,
      files: systemFiles,
      clock: systemClock,
      command: childCommand(),
      onWarning: (text) => this.warnings.push(text),
      ...options,
    });
  }

  newLog(): string {
    return join(this.dir, `${++this.#logs}.log`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener[Symbol.asyncDispose]();
    Deno.removeSync(this.dir, { recursive: true });
  }
}

let hashes = 0;

/** Runs one of the tasks of `child_script.ts`. */
export async function run(
  worker: WorkerProcess,
  name: string,
  params: string | number = "",
  options: RunTaskOptions = {},
): Promise<AttemptEnd> {
  const end = await worker.run({
    root: `hash${++hashes}`,
    name,
    artifacts: () => ({ name, params: String(params), dependencies: [] }),
    attempt: { n: 1, id: "0123456789ab" },
    ownerDir: "/no/owner",
    spec: "default",
    backend: "local",
  }, options);
  if (typeof end === "object" && "outcome" in end) return end;
  throw new Error(`the task was not made: ${Deno.inspect(end)}`);
}

/** What a file holds; nothing where there is none. */
export function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Does a process run (a zombie does not)? */
export function isRunning(pid: number): boolean {
  const stat = textOf(`/proc/${pid}/stat`);
  return stat !== "" && !stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

/** Waits for a condition, for ten seconds at most. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Timed out: ${what}`);
    await systemClock.sleep(10);
  }
}
