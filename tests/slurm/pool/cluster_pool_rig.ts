import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import type { RunSummary } from "../../../mod.ts";
import type { RunPoolOptions } from "../../../lib/slurm/run/run_slurm_options.ts";
import type { Owner } from "../../../lib/core/system/machine.ts";
import type { Node } from "../../e2e/run_rig.ts";
import { Rig, type Script, textOf, until } from "../../rig.ts";
import type { Cluster } from "../cluster.ts";

/** What the pipeline of `fixtures_pool` prints as its last line. */
export interface PoolReport {
  /** Of a run that has ended by itself. */
  summary?: RunSummary;
  error?: { name: string; message: string };
  messages: string[];
}

/** What a task of the pipeline writes down when it begins. */
export interface Start {
  id: string;
  attempt: number;
  /** The computing process. */
  pid: number;
  node: string | undefined;
  partition: string | undefined;
  /** Milliseconds of the clock. */
  at: number;
}

/** A worker, by its record. */
export interface WorkerSeen {
  id: string;
  spec: string;
  node: string;
  owner: Owner;
}

/** Who controls a run. */
export interface Holder {
  id: string;
  attempt: number;
  worker?: string;
  owner: Owner;
}

/** How a run of the pipeline differs from the usual one. */
export interface PoolStart {
  options?: RunPoolOptions;
  env?: Record<string, string>;
}

/** However loaded the machine is. */
export const DEADLINE_MS = 120_000;

const PIPELINE = "slurm/fixtures_pool/pipeline.ts";

/** A store and a folder of files for runs of pools on a test cluster. */
export class ClusterPoolRig implements AsyncDisposable {
  readonly #rig = new Rig();
  readonly #cluster: Cluster;
  readonly #env: Readonly<Record<string, string>>;

  /** @param env More of what programs are started with. */
  constructor(cluster: Cluster, env: Readonly<Record<string, string>> = {}) {
    this.#cluster = cluster;
    this.#env = env;
  }

  /** The path of the pipeline, for `furu run`. */
  static readonly pipeline: string = fromFileUrl(new URL(`../../${PIPELINE}`, import.meta.url));

  get folder(): string {
    return this.#rig.folder;
  }

  get env(): Record<string, string> {
    return { ...this.#cluster.env, SCENE: this.folder, FURU_PATH: this.#rig.root, ...this.#env };
  }

  /** Starts a run as a process. */
  start(roots: readonly Node[], { options = {}, env = {} }: PoolStart = {}): Script {
    return this.#rig.start(PIPELINE, [this.argument(roots, options)], { ...this.env, ...env });
  }

  /** What the pipeline is started with. */
  argument(roots: readonly Node[], options: RunPoolOptions = {}): string {
    return JSON.stringify({ roots, options: { maxWorkers: 3, leaseSec: 10, ...options } });
  }

  /** Starts the program. */
  furu(args: readonly string[], env: Record<string, string> = {}): Script {
    return this.#rig.start("../cli.ts", args, { ...this.env, ...env });
  }

  /** Says what `furu run` is to run. */
  writeRoots(roots: readonly Node[]): void {
    this.write("roots.json", JSON.stringify(roots));
  }

  /** Makes a file that tasks look at. */
  write(name: string, text = ""): void {
    Deno.writeTextFileSync(join(this.folder, name), text);
  }

  /** A file of the folder. */
  read(name: string): string {
    return this.#rig.read(name);
  }

  /** All starts of tasks, in their order. */
  starts(id?: string): Start[] {
    const lines = this.read("starts").split("\n").filter((line) => line !== "");
    return lines.map((line): Start => JSON.parse(line)).filter((start) =>
      id === undefined || start.id === id
    );
  }

  /** Waits until a task has begun for the so-manieth time. */
  async begun(id: string, times = 1): Promise<Start> {
    await until(() => this.starts(id).length >= times, `${id} has begun ${times} times`, DEADLINE_MS);
    return this.starts(id)[times - 1]!;
  }

  /** Names of the runs, the oldest first. */
  runs(): string[] {
    return namesIn(join(this.#rig.root, "runs")).sort();
  }

  /** Where the latest run is. */
  get run(): string {
    return join(this.#rig.root, "runs", this.runs().at(-1) ?? "none");
  }

  /** The workers of the latest run that have not left. */
  workers(): WorkerSeen[] {
    const dir = join(this.run, "workers");
    const names = namesIn(dir).filter((name) => /^[^.]+\.json$/.test(name));
    return names.flatMap((name) => jsonOf<WorkerSeen>(join(dir, name)) ?? []);
  }

  /** Who controls the latest run. */
  holder(): Holder | undefined {
    return jsonOf(join(this.run, "controller.claim"));
  }

  /** Has the latest run ended? */
  get ended(): boolean {
    return textOf(join(this.run, "ended.json")) !== "";
  }

  /** Slurm jobs of this rig's runs that have not ended. */
  async jobs(): Promise<string[]> {
    const names = this.runs().map((run) => `furu-${run.slice(-6)}-`);
    const lines = (await this.#cluster.run("squeue", "-h", "-o", "%j %i %t")).split("\n");
    return lines.filter((line) => names.some((name) => line.startsWith(name)));
  }

  /** Waits until no job of a run is left. */
  async left(): Promise<void> {
    const since = performance.now();
    for (let jobs = await this.jobs(); jobs.length > 0; jobs = await this.jobs()) {
      if (performance.now() - since > DEADLINE_MS) throw new Error(`jobs are left: ${jobs}\n${this.logs()}`);
      await delay(50);
    }
  }

  /** What is stored of the pipeline's tasks. */
  values(): string[] {
    const dir = join(this.#rig.root, "artifacts/pool/Job");
    const names = namesIn(dir).filter((name) => /^[0-9a-f]+\.json$/.test(name));
    return names.map((name) => JSON.parse(textOf(join(dir, name))).value).sort();
  }

  /** Paths in the store of what only a run in progress has. */
  inProgress(): string[] {
    return this.#rig.tree().filter((path) =>
      /^runs\/[^/]+\/queue\/(todo|running)\/.*\.json$|^artifacts\/.*\/(running|queued)\.json$/.test(path)
    );
  }

  /** Is it a process of this rig's runs, and not another one that was given the number of one that is gone? */
  owns(pid: number): boolean {
    try {
      return Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0").includes(`SCENE=${this.folder}`);
    } catch {
      return false;
    }
  }

  /** Every artifact is stored, with what it should be, and nothing is left to do. */
  assertWhole(roots: readonly Node[], hint = ""): void {
    assertEquals(this.values(), [...new Set(roots.flatMap(all).map(valueOf))].sort(), hint);
    assertEquals(this.inProgress(), [], hint);
  }

  /** What workers printed: for messages of assertions. */
  logs(): string {
    const paths = this.#rig.tree().filter((path) => /^slurm\/.*\.(log|out)$/.test(path));
    return paths.map((path) => `--- ${path}\n${textOf(join(this.#rig.root, path))}`).join("\n");
  }

  /** Whatever a test has left behind, nothing of it stays in Slurm. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ids = (await this.jobs()).map((line) => line.split(" ")[1]!);
    if (ids.length > 0) await this.#cluster.run("scancel", "--signal=KILL", "--full", ...ids).catch(() => {});
    if (ids.length > 0) await this.#cluster.run("scancel", ...ids).catch(() => {});
    await this.left();
    await this.#rig[Symbol.asyncDispose]();
  }
}

/** Waits for the end of a run, longer than usual. @returns its report. */
export async function reportOf(script: Script): Promise<PoolReport> {
  await until(() => !script.alive, "the run has ended", DEADLINE_MS);
  const { code, stdout, output } = await script.ended();
  try {
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  } catch (cause) {
    throw new Error(`The run printed no report (code ${code}):\n${output}`, { cause });
  }
}

/** A node and all below it. */
function all(node: Node): Node[] {
  return [node, ...(node.needs ?? []).flatMap(all)];
}

/** What the pipeline makes of a node. */
function valueOf({ id, needs = [] }: Node): string {
  return `${id}(${needs.map(valueOf).join()})`;
}

function namesIn(dir: string): string[] {
  try {
    return [...Deno.readDirSync(dir)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function jsonOf<T>(path: string): T | undefined {
  const text = textOf(path);
  return text === "" ? undefined : JSON.parse(text);
}
