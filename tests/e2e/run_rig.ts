import { assert, assertEquals } from "@std/assert";
import { exists } from "@std/fs/exists";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import type { ConfigOptions, RunLocalOptions, RunSummary } from "../../mod.ts";

/** An artifact that the driver makes: see `fixtures_run/step.ts`. */
export interface Node {
  id: string;
  task?: "Step" | "Other";
  does?: string[];
  needs?: Node[];
  beside?: Node[];
  may?: Node[];
  spec?: string;
  limit?: number;
  takes?: string[];
  priority?: number;
  size?: number;
  /** Of a pipeline on Slurm: the name of a file that it reads. */
  file?: string;
}

/** What the driver prints. */
export interface Report {
  ok: boolean;
  /** Of a run that ended by itself. */
  summary?: RunSummary;
  error?: { name: string; message: string };
  /** Types of the run's events. */
  events: string[];
}

/** How the driver runs its nodes. */
export interface DriveOptions {
  options?: Omit<RunLocalOptions, "onEvent" | "signal">;
  config?: ConfigOptions;
  env?: Record<string, string>;
  /** Aborts the run's signal when this file is there. */
  abortOn?: string;
}

/** How a process ended. */
export interface Ended {
  code: number;
  signal: Deno.Signal | null;
  stdout: string;
  stderr: string;
  /** The driver's report; of another program `undefined`. */
  report: Report | undefined;
}

/** The project's folder. */
export const REPOSITORY: string = fromFileUrl(new URL("../..", import.meta.url));
const DRIVER = join(REPOSITORY, "tests/e2e/fixtures_run/driver.ts");
const DEADLINE_MS = 60_000;

/** A store and a folder of files, in which programs that use furu run as processes of their own. */
export class Scene implements AsyncDisposable {
  readonly #started: Program[] = [];
  readonly #temporary: string;

  private constructor(readonly folder: string) {
    this.#temporary = join(folder, "t");
    Deno.mkdirSync(this.#temporary);
  }

  /** What is left in the folder for temporary files: sockets of workers. */
  temporary(): string[] {
    return [...Deno.readDirSync(this.#temporary)].map(({ name }) => name);
  }

  /** Makes the folders; they and all processes are gone in the end. */
  static async make(): Promise<Scene> {
    const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "furu-run-" }));
    return new Scene(folder);
  }

  /** The store. */
  get root(): string {
    return join(this.folder, "store");
  }

  /** Starts the driver. */
  start(roots: Node[], { options = {}, config = {}, env = {}, abortOn }: DriveOptions = {}): Program {
    const argument = JSON.stringify({ roots, options, config, abortOn });
    return this.spawn([DRIVER, argument], env);
  }

  /** Starts the driver and waits for its report. */
  async run(roots: Node[], options: DriveOptions = {}): Promise<Report> {
    const ended = await this.start(roots, options).ended;
    assertEquals(ended.code, 0, ended.stderr);
    assert(ended.report, ended.stdout);
    return ended.report;
  }

  /** Starts `deno run -A` with these arguments, under this project's configuration or that of the module. */
  spawn(args: string[], env: Record<string, string> = {}, cwd?: string): Program {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", ...this.#config(args), ...args],
      env: { SCENE: this.folder, FURU_PATH: this.root, NO_COLOR: "1", TMPDIR: this.#temporary, ...env },
      ...(cwd === undefined ? {} : { cwd }),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
    const program = new Program(command.spawn());
    this.#started.push(program);
    return program;
  }

  /** Makes a file that tasks wait for. */
  async touch(name: string): Promise<void> {
    await this.write(name, "");
  }

  /** Makes a file and its folder. @returns its path. */
  async write(name: string, text: string): Promise<string> {
    const path = join(this.folder, name);
    await Deno.mkdir(join(path, ".."), { recursive: true });
    await Deno.writeTextFile(path, text);
    return path;
  }

  /** Waits until tasks have made these files. @returns the text of the first. */
  async appeared(...names: string[]): Promise<string> {
    for (const name of names) {
      await until(`file ${name} appears`, () => exists(join(this.folder, name)));
    }
    return await Deno.readTextFile(join(this.folder, names[0]!));
  }

  /** The ids in the order in which their creates began. */
  created(): Promise<string[]> {
    return this.lines("created");
  }

  /** The lines of a file; none where it does not exist. */
  async lines(name: string): Promise<string[]> {
    if (!await exists(join(this.folder, name))) return [];
    return (await Deno.readTextFile(join(this.folder, name))).trimEnd().split("\n");
  }

  /** The paths in the store, from `artifacts/` on, with hashes and ids left out. */
  async stored(): Promise<string[]> {
    const names: string[] = [];
    const walk = async (dir: string): Promise<void> => {
      for await (const { name, isDirectory } of Deno.readDir(dir)) {
        names.push(join(dir, name).slice(this.root.length + 1));
        if (isDirectory) await walk(join(dir, name));
      }
    };
    if (await exists(join(this.root, "artifacts"))) await walk(join(this.root, "artifacts"));
    return names.sort();
  }

  /** The end records of attempts. */
  async ends(): Promise<{ kind: string; error: string; attempt: number }[]> {
    const paths = (await this.stored()).filter((path) => /\/end-[0-9a-z]+\.json$/.test(path));
    const texts = await Promise.all(paths.map((path) => Deno.readTextFile(join(this.root, path))));
    return texts.map((text) => JSON.parse(text)).sort((a, b) => a.attempt - b.attempt);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#started) program.kill("SIGKILL");
    await Promise.all(this.#started.map((program) => program.ended));
    // A computing process dies with its parent, but may just be writing.
    await until("the folder is removed", async () => {
      await Deno.remove(this.folder, { recursive: true }).catch(() => {});
      return !await exists(this.folder);
    });
  }

  #config(args: string[]): string[] {
    return args.includes("--config") ? [] : ["--config", join(REPOSITORY, "deno.json")];
  }
}

/** A process that a scene has started. */
export class Program {
  /** Its process id. */
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly ended: Promise<Ended>;
  #over = false;

  constructor(child: Deno.ChildProcess) {
    this.pid = child.pid;
    this.ended = this.#watch(child);
  }

  /** Signals it; harmless when it has ended. */
  kill(signal: Deno.Signal): void {
    if (!this.#over) Deno.kill(this.pid, signal);
  }

  async #watch(child: Deno.ChildProcess): Promise<Ended> {
    const status = child.status.then((result) => {
      this.#over = true;
      return result;
    });
    const deadline = setTimeout(() => this.kill("SIGKILL"), DEADLINE_MS);
    const [{ code, signal }, stdout, stderr] = await Promise.all([
      status,
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    clearTimeout(deadline);
    const last = stdout.trimEnd().split("\n").at(-1) ?? "";
    const report = last.startsWith('{"ok"') ? JSON.parse(last) as Report : undefined;
    return { code, signal, stdout, stderr, report };
  }
}

/** Waits until something is so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const started = Date.now(); !await isSo();) {
    assert(Date.now() - started < DEADLINE_MS, `${what} within ${DEADLINE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Waits until no process of this number is left, apart from a zombie that nobody has reaped. */
export async function gone(pid: number | string): Promise<void> {
  await until(`process ${pid} is gone`, () => {
    try {
      return /^State:\s+[ZX]/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
    } catch {
      return true;
    }
  });
}
