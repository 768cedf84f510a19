import { join } from "@std/path/join";
import { delay } from "@std/async/delay";
import { accountingSettings, startAccounting } from "./cluster_accounting.ts";
import { type ClusterNode, gresConf, slurmConf } from "./cluster_config.ts";
import { freePorts } from "./cluster_ports.ts";
import { clusterProcesses, endProcesses, nodeProcesses, signalAll } from "./cluster_processes.ts";
import { findProgram, runProgram } from "./cluster_programs.ts";
import { CLUSTER_PREFIX, processMark, removeCluster, sweepClusters } from "./cluster_sweep.ts";

/** Options of {@link startCluster}. */
export interface ClusterOptions {
  /** Where it lives; emptied first, with whatever still runs from it. @default a new temporary folder */
  folder?: string;
  /** More lines of `slurm.conf`, or others than the usual ones. */
  settings?: Record<string, string>;
  /** More partitions, over the nodes of the usual ones: what stands in their lines of `slurm.conf` after the name. */
  overlays?: Record<string, string>;
  /** Has it a database that `sacct` can ask? Needs `accountingAvailable()`. @default false */
  accounting?: boolean;
  /** Another one with accounting, whose database and authentication it shares: `-M` reaches each from the other. */
  beside?: Cluster;
  /** Its name. @default "furu" */
  name?: string;
  /** @default 4 */
  cpusPerNode?: number;
  /** @default 4000 */
  memoryMb?: number;
}

/** A real Slurm cluster on this host. */
export interface Cluster extends AsyncDisposable {
  readonly folder: string;
  /** What its users need in their environment, and nothing else has. */
  readonly env: { SLURM_CONF: string };
  /** The port of its accounting's daemon. */
  readonly daemonPort: number | undefined;
  /** Names of the nodes by partition; the first partition is the default one. */
  readonly partitions: Readonly<Record<string, readonly string[]>>;
  /** Runs a program in the cluster's environment. @throws when it fails, with its stderr. */
  run(program: string, ...args: string[]): Promise<string>;
  /** Sets a node's state by hand, as an administrator does. */
  setNodeState(name: string, state: "down" | "drain" | "resume"): Promise<void>;
  /** Kills a node's daemon and all that runs on the node: the node has crashed. */
  killSlurmd(name: string): Promise<void>;
  /** Starts a node's daemon again. */
  startSlurmd(name: string): Promise<void>;
  /** Makes the controller unreachable; its jobs go on. */
  stopController(): Promise<void>;
  startController(): Promise<void>;
  /** All logs, as one text. */
  logs(): string;
  /** Leaves state and logs where they are when the cluster is stopped: a test has failed. */
  keep(): void;
  /** Stops all of it and, unless kept, removes the folder. */
  stop(): Promise<void>;
}

const PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo", "scancel"];
const READY_WITHIN_MS = 20_000;

/** Is Slurm installed here, so that {@link startCluster} can work? */
export function slurmAvailable(): boolean {
  return Deno.build.os === "linux" && PROGRAMS.every((name) => findProgram(name) !== undefined);
}

/**
 * Starts a cluster of three nodes: `cpu1` and `cpu2` in partition `cpu`, the default, and `gpu1` in `gpu`. Everything
 * is below one folder and on ports of its own, so several can run at once; it takes less than a second.
 *
 * @throws when a node does not come up, with the logs.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  await sweepClusters();
  for (let attempt = 1;; attempt++) {
    const cluster = new RunningCluster(options);
    try {
      await cluster.start();
      return cluster;
    } catch (error) {
      const logs = cluster.logs();
      await cluster.stop();
      // Somebody else may have taken a port between looking and binding.
      if (attempt < 3 && logs.includes("Address already in use")) continue;
      throw new Error(`Cannot start a Slurm cluster in ${cluster.folder}: ${error}\n${logs}`, {
        cause: error,
      });
    }
  }
}

class RunningCluster implements Cluster {
  readonly folder: string;
  readonly env: { SLURM_CONF: string };
  readonly partitions: Record<string, string[]> = {};
  daemonPort: number | undefined;
  readonly #options: ClusterOptions;
  #kept = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.folder = options.folder ?? Deno.makeTempDirSync({ prefix: CLUSTER_PREFIX });
    this.env = { SLURM_CONF: join(this.folder, "slurm.conf") };
  }

  async start(): Promise<void> {
    const { folder } = this;
    if (this.#options.folder !== undefined) await removeCluster(folder);
    Deno.mkdirSync(folder, { recursive: true });
    // munged wants to be reachable by everybody, and refuses folders that others may write into.
    Deno.chmodSync(folder, 0o755);
    if (this.#options.folder === undefined) {
      Deno.writeTextFileSync(join(folder, "owner"), processMark(Deno.pid) ?? "");
    }
    const [controllerPort = 0, databasePort = 0, freePort = 0, ...ports] = freePorts(6);
    const { beside } = this.#options;
    const daemonPort = beside?.daemonPort ?? freePort;
    const nodes: ClusterNode[] = [["cpu1", "cpu"], ["cpu2", "cpu"], ["gpu1", "gpu"]].map((
      [name = "", partition = ""],
      i,
    ) => ({ name, partition, port: ports[i]!, gpus: partition === "gpu" ? 2 : 0 }));
    for (const { name, partition } of nodes) (this.partitions[partition] ??= []).push(name);
    const { cpusPerNode = 4, memoryMb = 4000, overlays = {}, accounting = false, name = "furu" } =
      this.#options;
    const user = await runProgram("id", ["-un"]);
    const host = Deno.hostname().split(".")[0]!;
    if (accounting) this.daemonPort = daemonPort;
    const authority = beside?.folder ?? folder;
    const settings = {
      ClusterName: name,
      ...(accounting || beside ? accountingSettings(authority, daemonPort) : {}),
      ...this.#options.settings,
    };
    const common = { folder, authority, host, user, controllerPort, nodes, overlays };
    for (const name of ["munge", "state", "logs", ...nodes.map((node) => `spool/${node.name}`)]) {
      Deno.mkdirSync(join(folder, name), { recursive: true, mode: 0o755 });
    }
    Deno.writeTextFileSync(this.env.SLURM_CONF, slurmConf({ ...common, cpusPerNode, memoryMb, settings }));
    Deno.writeTextFileSync(join(folder, "gres.conf"), gresConf(nodes));
    if (!beside) await this.#startMunge();
    if (accounting) {
      const ports = { database: databasePort, daemon: daemonPort };
      await startAccounting({ folder, user, host, ports }, this.env);
    }
    if (accounting || beside) await this.run("sacctmgr", "-i", "add", "cluster", name);
    await this.startController();
    for (const { name } of nodes) await this.startSlurmd(name);
    await this.#ready(nodes.length);
  }

  async #startMunge(): Promise<void> {
    const path = (name: string) => join(this.folder, "munge", name);
    Deno.writeFileSync(path("key"), crypto.getRandomValues(new Uint8Array(128)), { mode: 0o600 });
    await this.run(
      "munged",
      `--socket=${path("socket")}`,
      `--key-file=${path("key")}`,
      `--pid-file=${path("pid")}`,
      `--seed-file=${path("seed")}`,
      `--log-file=${join(this.folder, "logs", "munged.log")}`,
    );
  }

  async #ready(count: number): Promise<void> {
    const since = performance.now();
    for (let last = "";;) {
      try {
        // A node has a line for each of its partitions.
        last = await this.run("sinfo", "-h", "-N", "-o", "%N %T");
        if (new Set(last.split("\n").filter((line) => line.endsWith(" idle"))).size === count) return;
      } catch (error) {
        last = `${error}`;
      }
      if (performance.now() - since > READY_WITHIN_MS) {
        throw new Error(`its nodes are not idle after ${READY_WITHIN_MS} ms: ${last}`);
      }
      await delay(20);
    }
  }

  run(program: string, ...args: string[]): Promise<string> {
    return runProgram(program, args, this.env);
  }

  async setNodeState(name: string, state: "down" | "drain" | "resume"): Promise<void> {
    const reason = state === "resume" ? [] : ["Reason=test"];
    try {
      await this.run("scontrol", "update", `NodeName=${name}`, `State=${state}`, ...reason);
    } catch (error) {
      // A node that was down comes back by itself when its daemon reports, and cannot be resumed then.
      const now = await this.run("sinfo", "-h", "-n", name, "-o", "%T");
      if (state !== "resume" || !/^(idle|mixed|allocated|completing)/.test(now)) throw error;
    }
  }

  async startController(): Promise<void> {
    // -i: a controller without any saved state is what a new cluster has.
    await this.run("slurmctld", "-i", "-f", this.env.SLURM_CONF);
  }

  stopController(): Promise<void> {
    const pid = Number(Deno.readTextFileSync(join(this.folder, "slurmctld.pid")));
    return this.#until(() => clusterProcesses(this.folder).filter((each) => each === pid), "SIGTERM");
  }

  async startSlurmd(name: string): Promise<void> {
    await this.run("slurmd", "-N", name, "-f", this.env.SLURM_CONF);
  }

  killSlurmd(name: string): Promise<void> {
    return this.#until(() => nodeProcesses(this.folder, name), "SIGKILL");
  }

  /** Signals processes until there are none left. */
  async #until(list: () => number[], signal: Deno.Signal): Promise<void> {
    const since = performance.now();
    for (let left = list(); left.length > 0; left = list()) {
      if (performance.now() - since > 10_000) throw new Error(`Cannot end the processes ${left}`);
      signalAll(left, signal);
      await delay(20);
    }
  }

  logs(): string {
    const folder = join(this.folder, "logs");
    return [...Deno.readDirSync(folder)].map(({ name }) =>
      `--- ${name}\n${readOr(join(folder, name), "").split("\n").slice(-40).join("\n")}`
    ).join("\n");
  }

  keep(): void {
    this.#kept = true;
  }

  async stop(): Promise<void> {
    if (!this.#kept) return await removeCluster(this.folder);
    await endProcesses(this.folder, 3000);
    // Without an owner it is nobody's to sweep.
    await Deno.remove(join(this.folder, "owner")).catch(() => {});
    console.error(`State and logs of the Slurm cluster are kept in ${this.folder}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

function readOr(path: string, otherwise: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return otherwise;
  }
}
