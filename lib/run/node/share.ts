import { environmentVariable } from "../../core/environment.ts";

/** What is known of the machine that a process is on. */
export interface ShareFacts {
  /** A variable of the environment; nothing where it is not set. */
  readonly variable: (name: string) => string | undefined;
  /** Cores that this process may use, by affinity and cgroup. */
  readonly cores: number;
  /** Bytes of memory that this process may use, by cgroup and machine, where known. */
  readonly memoryBytes: () => number | undefined;
  /** The numbers of the GPUs that the machine has. */
  readonly gpuDevices: () => readonly string[];
}

/** The machine that this process is on. */
export const ownNode: ShareFacts = {
  variable: knownVariable,
  cores: navigator.hardwareConcurrency,
  memoryBytes,
  gpuDevices,
};

/** A variable; where it may not be known, nobody is asked for the right to. */
function knownVariable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? environmentVariable(name) : undefined;
}

/**
 * The cores that each attempt may use: those of the job or of this process, divided by the attempts.
 *
 * @param atOnce How many attempts are made at the same time.
 */
export function cpusOf({ variable, cores }: ShareFacts, atOnce: number): number {
  const ofJob = inJob(variable)
    ? count(variable("SLURM_CPUS_PER_TASK")) ?? count(variable("SLURM_CPUS_ON_NODE"))
    : undefined;
  return Math.max(1, Math.floor(Math.min(cores, ofJob ?? cores) / atOnce));
}

/** The gigabytes that each attempt may use, where that is known. */
export function memGbOf(facts: ShareFacts, atOnce: number): number | undefined {
  const { variable, memoryBytes } = facts;
  let megabytes: number | undefined;
  if (inJob(variable)) {
    const perCpu = count(variable("SLURM_MEM_PER_CPU"));
    megabytes = count(variable("SLURM_MEM_PER_NODE")) ?? (perCpu && perCpu * cpusOf(facts, 1));
  }
  const bytes = Math.min(megabytes ? megabytes * 2 ** 20 : Infinity, memoryBytes() ?? Infinity);
  return bytes === Infinity ? undefined : Math.round(1000 * bytes / 2 ** 30 / atOnce) / 1000;
}

/** Variables that say which GPUs a process may use: what programs go by, then what Slurm gave. */
const GPU_VARIABLES = [
  "CUDA_VISIBLE_DEVICES",
  "ROCR_VISIBLE_DEVICES",
  "HIP_VISIBLE_DEVICES",
  "ZE_AFFINITY_MASK",
  "SLURM_STEP_GPUS",
  "SLURM_JOB_GPUS",
];

/** The GPUs that an attempt may use, as `CUDA_VISIBLE_DEVICES` names them. Attempts at once share them. */
export function gpusOf({ variable, gpuDevices }: ShareFacts): readonly string[] {
  for (const name of GPU_VARIABLES) {
    const text = variable(name);
    if (text !== undefined && (inJob(variable) || !name.startsWith("SLURM_"))) return gpuList(text);
  }
  // A job that was given none has none, whatever its node has.
  return inJob(variable) ? [] : gpuDevices();
}

/** `0,1`, `0-3`, `GPU-8f1a…`; by CUDA's rules what follows a negative number does not count. */
function gpuList(text: string): string[] {
  const ids: string[] = [];
  for (const each of text.split(",").map((id) => id.trim())) {
    if (each.startsWith("-")) break;
    const range = /^(\d+)-(\d+)$/.exec(each);
    if (!range) {
      if (each !== "" && each !== "NoDevFiles") ids.push(each);
      continue;
    }
    for (let id = Number(range[1]); id <= Number(range[2]); id++) ids.push(`${id}`);
  }
  return ids;
}

function inJob(variable: ShareFacts["variable"]): boolean {
  return Boolean(variable("SLURM_JOB_ID"));
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d*$/.test(text) ? Number(text) : undefined;
}

/** How many threads a program starts, by those that go by `OMP_NUM_THREADS` where theirs is not set. */
const LIKE_OMP = [
  "OMP_NUM_THREADS",
  "OPENBLAS_NUM_THREADS",
  "MKL_NUM_THREADS",
  "BLIS_NUM_THREADS",
  "VECLIB_MAXIMUM_THREADS",
  "NUMEXPR_NUM_THREADS",
];

/**
 * The variables by which programs and libraries use as many threads as an attempt has cores, but for those
 * that the user has set. `srun` in a job goes by one, too: it would start what it starts on one core.
 */
export function threadVariables(facts: ShareFacts, atOnce: number): Record<string, string> {
  const { variable } = facts;
  const isSet = (name: string): boolean => Boolean(variable(name));
  // Who has set that one means the others, too.
  const names = [...(isSet("OMP_NUM_THREADS") ? [] : LIKE_OMP), "RAYON_NUM_THREADS"];
  if (inJob(variable) && isSet("SLURM_CPUS_PER_TASK")) names.push("SRUN_CPUS_PER_TASK");
  const cpus = `${cpusOf(facts, atOnce)}`;
  return Object.fromEntries(names.filter((name) => !isSet(name)).map((name) => [name, cpus]));
}

/** The least of the limits of this process's cgroups, and what the machine has. */
function memoryBytes(): number | undefined {
  const limits = limitPaths().flatMap((path) => {
    const text = readKnown(path)?.trim();
    return text !== undefined && /^\d+$/.test(text) ? [Number(text)] : [];
  });
  const total = /^MemTotal: +(\d+) kB/m.exec(readKnown("/proc/meminfo") ?? "")?.[1];
  if (total !== undefined) limits.push(Number(total) * 1024);
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** Limits hold for all groups below: each above counts as well. */
function limitPaths(): string[] {
  const paths = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
  for (const line of (readKnown("/proc/self/cgroup") ?? "").split("\n")) {
    const [number, controllers, path = ""] = line.split(":");
    const isTwo = number === "0" && controllers === "";
    if (!isTwo && !controllers?.split(",").includes("memory")) continue;
    const parts = path.split("/").filter((part) => part !== "");
    for (let most = parts.length; most > 0; most--) {
      const group = parts.slice(0, most).join("/");
      paths.push(
        isTwo ? `/sys/fs/cgroup/${group}/memory.max` : `/sys/fs/cgroup/memory/${group}/memory.limit_in_bytes`,
      );
    }
  }
  return paths;
}

function gpuDevices(): string[] {
  try {
    if (Deno.permissions.querySync({ name: "read", path: "/dev" }).state !== "granted") return [];
    const numbers = [...Deno.readDirSync("/dev")].flatMap(({ name }) =>
      /^nvidia(\d+)$/.exec(name)?.[1] ?? []
    );
    return numbers.sort((a, b) => Number(a) - Number(b));
  } catch {
    return []; // there is no such folder
  }
}

function readKnown(path: string): string | undefined {
  try {
    const { state } = Deno.permissions.querySync({ name: "read", path });
    return state === "granted" ? Deno.readTextFileSync(path) : undefined;
  } catch {
    return undefined; // another kind of system, or of cgroups
  }
}
