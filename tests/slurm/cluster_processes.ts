import { join } from "@std/path/join";
import { delay } from "@std/async/delay";

/** What kind of process of a cluster it is. */
type Kind = "daemon" | "step" | "job";

/** Processes of the cluster that lives in `folder`: its daemons, their steps, and what runs in its jobs. */
export function clusterProcesses(folder: string): number[] {
  return allPids().filter((pid) => kindOf(pid, folder) !== undefined);
}

/** Those of one node; first the ones that would tell of the end of the others. */
export function nodeProcesses(folder: string, node: string): number[] {
  const log = join(folder, "logs", `slurmd-${node}.log`);
  const order: Record<Kind, number> = { daemon: 0, step: 1, job: 2 };
  return allPids().flatMap((pid) => {
    const kind = kindOf(pid, folder);
    const isOfNode = kind === "daemon"
      ? read(pid, "cmdline").includes(`\0-N\0${node}\0`)
      : kind === "step"
      ? openFiles(pid).includes(log)
      : read(pid, "environ").split("\0").includes(`SLURMD_NODENAME=${node}`);
    return kind !== undefined && isOfNode ? [{ pid, order: order[kind] }] : [];
  }).sort((a, b) => a.order - b.order).map(({ pid }) => pid);
}

/**
 * Ends all processes of a cluster.
 *
 * @param graceMs How long daemons may save their state. @default 0, for a cluster whose folder is removed anyway
 */
export async function endProcesses(folder: string, graceMs = 0): Promise<void> {
  const since = performance.now();
  if (graceMs > 0) signalAll(clusterProcesses(folder), "SIGTERM");
  for (let left = clusterProcesses(folder); left.length > 0; left = clusterProcesses(folder)) {
    if (performance.now() - since >= graceMs) signalAll(left, "SIGKILL");
    if (performance.now() - since > graceMs + 10_000) {
      throw new Error(`Cannot end the processes ${left} of the cluster in ${folder}`);
    }
    await delay(10);
  }
}

/** Signals processes; those that are gone meanwhile are no error. */
export function signalAll(pids: readonly number[], signal: Deno.Signal): void {
  for (const pid of pids) {
    try {
      Deno.kill(pid, signal);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

function allPids(): number[] {
  const pids = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name));
  return pids.filter((pid) => Number.isInteger(pid) && pid !== Deno.pid);
}

function kindOf(pid: number, folder: string): Kind | undefined {
  const [program = "", ...args] = read(pid, "cmdline").split("\0");
  // A step's daemon writes over its arguments and its environment, but stays where the daemons were started.
  if (program.startsWith("slurmstepd")) return link(pid, "cwd").startsWith(`${folder}/`) ? "step" : undefined;
  if (
    /(^|\/)(munged|slurmctld|slurmd|mariadbd)$/.test(program) &&
    args.some((arg) => arg.includes(`${folder}/`))
  ) {
    return "daemon";
  }
  const variables = read(pid, "environ").split("\0");
  if (!variables.includes(`SLURM_CONF=${folder}/slurm.conf`)) return undefined;
  // Its arguments do not say whose it is.
  if (/(^|\/)slurmdbd$/.test(program)) return "daemon";
  // A shell that merely uses the cluster has its SLURM_CONF too, but no job id.
  return variables.some((variable) => variable.startsWith("SLURM_JOB_ID=")) ? "job" : undefined;
}

function openFiles(pid: number): string[] {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => link(pid, `fd/${name}`));
  } catch {
    return [];
  }
}

function link(pid: number, name: string): string {
  try {
    return Deno.readLinkSync(`/proc/${pid}/${name}`);
  } catch {
    return "";
  }
}

function read(pid: number, name: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${name}`);
  } catch {
    return "";
  }
}
