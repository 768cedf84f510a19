import { join } from "@std/path/join";
import type { ConfigOptions, RunSlurmOptions, RunSummary } from "../../../mod.ts";
import type { Node } from "../../e2e/run_rig.ts";
import { Rig, type Script, until } from "../../rig.ts";
import type { Cluster } from "../cluster.ts";

/** What the driver of `fixtures_dag` prints. */
export interface DagReport {
  summary?: RunSummary;
  error?: { name: string; message: string };
  submitted?: {
    runId: string;
    runDir: string;
    /** The job of each node, by the node's id. */
    ids: Record<string, string>;
    rootJobIds: (string | undefined)[];
  } | undefined;
  messages: string[];
}

/** How a run of the driver differs from the usual one. */
export interface DagOptions {
  options?: Partial<RunSlurmOptions>;
  config?: ConfigOptions;
  env?: Record<string, string>;
}

/** A store and a folder of files for runs on a test cluster. */
export class DagRig implements AsyncDisposable {
  readonly #rig = new Rig();
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  get folder(): string {
    return this.#rig.folder;
  }

  get root(): string {
    return this.#rig.root;
  }

  get env(): Record<string, string> {
    return { ...this.#cluster.env, SCENE: this.folder };
  }

  /** Starts a run. */
  start(roots: Node[], { options = {}, config = {}, env = {} }: DagOptions = {}): Script {
    const given = JSON.stringify({ roots, options, config });
    return this.#rig.start("slurm/fixtures_dag/driver.ts", [given], { ...this.env, ...env });
  }

  /** Runs to the end. */
  async run(roots: Node[], options: DagOptions = {}): Promise<DagReport> {
    return await reportOf(this.start(roots, options));
  }

  /** Starts the program. */
  furu(...args: string[]): Script {
    return this.#rig.start("../cli.ts", args, this.env);
  }

  /** Starts a script of the tests. */
  script(path: string, args: string[], env: Record<string, string> = {}): Script {
    return this.#rig.start(path, args, { ...this.env, ...env });
  }

  /** Makes a file that tasks wait for. */
  touch(name: string): void {
    this.#rig.touch(name);
  }

  /** A file of the scene. */
  read(name: string): string {
    return this.#rig.read(name);
  }

  /** The ids of nodes in the order in which they were computed. */
  created(): string[] {
    return this.read("created").split("\n").filter((line) => line !== "").sort();
  }

  /** Waits for a file that a task makes. */
  async there(name: string): Promise<void> {
    const path = join(this.folder, name);
    await until(
      () => {
        try {
          Deno.statSync(path);
          return true;
        } catch {
          return false;
        }
      },
      `${name} is there`,
      60_000,
    );
  }

  /** The id of the job in which a task made this file, with its process id in it. */
  async jobOf(name: string): Promise<string> {
    await until(() => this.read(name) !== "", `${name} holds a process id`, 60_000);
    const variables = Deno.readTextFileSync(`/proc/${this.read(name)}/environ`).split("\0");
    return variables.find((each) => each.startsWith("SLURM_JOB_ID="))!.slice("SLURM_JOB_ID=".length);
  }

  /** Files of the store that only a run in progress has. */
  leftovers(): string[] {
    return this.#rig.tree().filter((path) => /queued|\.claim$|\.tmp-|\.trash-/.test(path));
  }

  /** The only claim of the store, and the time of its latest heartbeat in milliseconds. */
  claim(): { claim: string; beatAt: number } {
    const [claim = "no.claim", ...others] = this.#rig.tree().filter((path) => path.endsWith(".claim"));
    if (others.length > 0) throw new Error(`there are several claims: ${[claim, ...others]}`);
    return { claim, beatAt: Deno.statSync(join(this.root, claim)).mtime!.getTime() };
  }

  /** All of the store. */
  tree(): string[] {
    return this.#rig.tree();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#rig[Symbol.asyncDispose]();
  }
}

/** What a driver printed last. @throws with all that it printed when it is no report. */
export async function reportOf(script: Script): Promise<DagReport> {
  const ended = await script.ended();
  try {
    return JSON.parse(ended.stdout.trim().split("\n").at(-1) ?? "");
  } catch (cause) {
    throw new Error(`The driver printed no report (code ${ended.code}):\n${ended.output}`, { cause });
  }
}

/** A field of `scontrol show job`. */
export async function jobField(cluster: Cluster, jobId: string, field: string): Promise<string> {
  const text = await cluster.run("scontrol", "show", "job", "-o", jobId);
  return new RegExp(`(?:^| )${field}=(\\S*)`).exec(text)?.[1] ?? "";
}
