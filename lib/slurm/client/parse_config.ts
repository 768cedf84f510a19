/** Slurm's configuration, as far as furu needs it. */
export interface SlurmConfig {
  /**
   * One more than the highest index of an array; 0 without arrays.
   *
   * @default {1001, Slurm's own}
   */
  maxArraySize: number;
  /** Whether accounting is kept somewhere. Whether sacct can ask it is another question. */
  accounting: boolean;
  /** Seconds for which an ended job is listed. */
  minJobAgeSec: number;
  /** Seconds between the signal that asks a job to end and the one that kills it. */
  killWaitSec: number;
  /** Slurm's version, as `22.05.8`. */
  version?: string;
  /** The cluster's name. */
  clusterName?: string;
}

/** The lines of what `scontrol show config` printed, by their names. */
export function parseSettings(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^(\S+)\s*= (.*?)\s*$/.exec(line);
    if (match) settings.set(match[1]!, match[2]!);
  }
  return settings;
}

/**
 * Reads what `scontrol show config` printed.
 *
 * @returns `undefined` when the text is something else.
 */
export function parseConfig(text: string): SlurmConfig | undefined {
  const settings = parseSettings(text);
  const storage = settings.get("AccountingStorageType");
  if (storage === undefined) return undefined;
  const version = settings.get("SLURM_VERSION");
  const clusterName = settings.get("ClusterName");
  return {
    maxArraySize: number(settings.get("MaxArraySize"), 1001),
    // Newer versions print (null) for none.
    accounting: !/none|\(null\)/.test(storage),
    minJobAgeSec: number(settings.get("MinJobAge"), 300),
    killWaitSec: number(settings.get("KillWait"), 30),
    ...(version === undefined ? {} : { version }),
    ...(clusterName === undefined || clusterName === "(null)" ? {} : { clusterName }),
  };
}

function number(text: string | undefined, otherwise: number): number {
  const found = /^\d+/.exec(text ?? "");
  return found ? Number(found[0]) : otherwise;
}

/** A partition, as far as it can make a spec impossible. Nodes of different kinds count by the largest. */
export interface Partition {
  /** Its name. */
  name: string;
  /** Whether it is used where a spec names none. */
  isDefault: boolean;
  /** Minutes that a job may ask for; `undefined` without a limit. */
  maxMinutes?: number;
  /** The number of its nodes. */
  nodes: number;
  /** Cores of a node. */
  cpus: number;
  /** Megabytes of memory of a node. */
  memoryMb: number;
  /** GPUs of a node. */
  gpus: number;
}

/** The format for `sinfo -e -o` that {@link parsePartitions} reads. */
export const PARTITION_FORMAT = "%P|%l|%D|%c|%m|%G";

/**
 * Reads what `sinfo -h -a -e -o` {@link PARTITION_FORMAT} printed: a row for each kind of nodes of a
 * partition.
 *
 * @param standard What the user has set as the partition of jobs that name none (`SBATCH_PARTITION`): one or,
 * with commas between, several.
 * @default {the cluster's own, which sinfo marks}
 * @returns `undefined` when the text has no such row.
 */
export function parsePartitions(text: string, standard?: string): Partition[] | undefined {
  const partitions = new Map<string, Partition>();
  for (const line of text.split("\n")) {
    const cells = line.trim().split("|");
    const [label = "", limit = "", nodes = "", cpus = "", memory = "", gres = ""] = cells;
    // A heading, or what a site prints besides.
    if (cells.length !== 6 || !/^\d+$/.test(nodes) || !/^\d+\+?$/.test(cpus) || !/^\d+\+?$/.test(memory)) {
      continue;
    }
    const name = label.replace(/\*$/, "");
    const before = partitions.get(name);
    const maxMinutes = limitMinutes(limit);
    partitions.set(name, {
      name,
      isDefault: standard === undefined ? label.endsWith("*") : standard.split(",").includes(name),
      ...(maxMinutes === undefined ? {} : { maxMinutes }),
      nodes: Number(nodes) + (before?.nodes ?? 0),
      cpus: Math.max(parseInt(cpus), before?.cpus ?? 0),
      memoryMb: Math.max(parseInt(memory), before?.memoryMb ?? 0),
      gpus: Math.max(countGpus(gres), before?.gpus ?? 0),
    });
  }
  return partitions.size === 0 ? undefined : [...partitions.values()];
}

/** `1-00:00:00`, `4:00:00` or `30:00`; `infinite` and anything unknown limit nothing. */
export function limitMinutes(text: string): number | undefined {
  const match = /^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)$/.exec(text);
  if (!match) return undefined;
  const [days, hours, minutes, seconds] = match.slice(1).map((digits) => Number(digits ?? 0));
  return days! * 1440 + hours! * 60 + minutes! + seconds! / 60;
}

/**
 * Counts GPUs of any type: `gpu:2`, `gpu:a100:4(S:0-1),gpu:v100:2`. A type may begin with digits and have
 * points (`gpu:1g.5gb:7` of a divided GPU, `gpu:2080ti:8`), so the count is what stands last.
 */
function countGpus(gres: string): number {
  let count = 0;
  // What is in parentheses says which sockets or devices, with commas of its own.
  for (const resource of gres.replaceAll(/\([^)]*\)/g, "").split(",")) {
    const [name, ...rest] = resource.trim().split(":");
    if (name !== "gpu") continue;
    const [, digits, unit = ""] = /^(\d+)([KM]?)$/i.exec(rest.at(-1) ?? "1") ?? [undefined, "1"];
    count += Number(digits) * { "": 1, K: 1024, M: 1024 ** 2 }[unit.toUpperCase()]!;
  }
  return count;
}
