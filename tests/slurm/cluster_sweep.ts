import { join } from "@std/path/join";
import { endProcesses } from "./cluster_processes.ts";

/** What the names of clusters' temporary folders begin with. */
export const CLUSTER_PREFIX = "furu-slurm-";

/** Stops what runs from a folder of `startCluster`, whoever started it, and removes the folder. */
export async function removeCluster(folder: string): Promise<void> {
  await endProcesses(folder);
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** Where temporary folders are made. */
export function temporaryFolder(): string {
  return Deno.env.get("TMPDIR") ?? "/tmp";
}

/** Removes clusters whose owner was killed before it could stop them. */
export async function sweepClusters(): Promise<void> {
  const parent = temporaryFolder();
  for (const { name } of [...Deno.readDirSync(parent)]) {
    if (!name.startsWith(CLUSTER_PREFIX)) continue;
    const folder = join(parent, name);
    const owner = readOr(join(folder, "owner"), "");
    if (owner === "" || owner === processMark(Number(owner.split(" ")[0]))) continue;
    // Another user's cannot be removed, and is no trouble either.
    await removeCluster(folder).catch(() => {});
  }
}

/** `<pid> <start time>`, or nothing for a process that is gone. */
export function processMark(pid: number): string | undefined {
  const stat = readOr(`/proc/${pid}/stat`, "");
  // The name in parentheses may hold anything.
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return start === undefined ? undefined : `${pid} ${start}`;
}

function readOr(path: string, otherwise: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return otherwise;
  }
}
