import { delay } from "@std/async/delay";

/** Processes of a cluster that lives in `folder`: its daemons, and what runs in its jobs. */
export function clusterProcesses(folder: string): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    if (isDaemon(pid, folder) || isJob(pid, folder)) found.push(pid);
  }
  return found;
}

/** Daemons are started with a path below the folder among their arguments. A zombie has no arguments any more. */
function isDaemon(pid: number, folder: string): boolean {
  const [program = "", ...args] = read(pid, "cmdline").split("\0");
  // A step's daemon writes over its arguments and its environment, but stays where the daemons were started.
  if (program.startsWith("slurmstepd")) return currentFolder(pid).startsWith(`${folder}/`);
  return /(^|\/)(munged|slurmctld|slurmd)$/.test(program) && args.some((arg) => arg.includes(`${folder}/`));
}

function currentFolder(pid: number): string {
  try {
    return Deno.readLinkSync(`/proc/${pid}/cwd`);
  } catch {
    return "";
  }
}

/** A shell that merely uses the cluster has its SLURM_CONF too, but no job id. */
function isJob(pid: number, folder: string): boolean {
  const variables = read(pid, "environ").split("\0");
  return variables.includes(`SLURM_CONF=${folder}/slurm.conf`) &&
    variables.some((variable) => /^SLURM_JOB_ID=/.test(variable));
}

function read(pid: number, name: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${name}`);
  } catch {
    return "";
  }
}

/** Ends all processes of a cluster: daemons first get the chance to do so themselves. */
export async function endProcesses(folder: string, graceMs = 2000): Promise<void> {
  const since = performance.now();
  signalAll(clusterProcesses(folder), "SIGTERM");
  while (clusterProcesses(folder).length > 0) {
    if (performance.now() - since > graceMs) signalAll(clusterProcesses(folder), "SIGKILL");
    if (performance.now() - since > graceMs + 10_000) {
      throw new Error(`Cannot end the processes ${clusterProcesses(folder)} of the cluster in ${folder}`);
    }
    await delay(20);
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
