import type { ExitStatus } from "../run/output/program_error.ts";

/**
 * What is known of why a process ended.
 *
 * @param status How it ended.
 * @param oomKills How many processes the kernel killed for want of memory since it started, where known.
 * @param said The last lines that it printed.
 */
export function exitEvidence(
  status: ExitStatus,
  oomKills: number | undefined,
  said: readonly string[] = [],
): string {
  if (status.code === 133) {
    // What V8 says when it reached the limit of its heap, and when the system gave it nothing.
    const refused = said.find((line) => line.includes("Fatal process out of memory"))?.replace(/^[# ]*/, "");
    return refused === undefined
      ? HEAP_IS_FULL
      : `exit 133: V8 was given no memory (${refused})${limitText()}`;
  }
  const how = status.signal === null ? `exit code ${status.code}` : `killed by ${status.signal}`;
  return oomKills ? `${how}; the memory cgroup counts ${oomKills} oom_kill` : how;
}

const HEAP_IS_FULL =
  "exit 133: V8 ran out of heap; raise maxHeapMb (in furu.json, FURU_MAX_HEAP_MB or --max-heap), or the memGb of a Slurm spec";

/** Does this process, and what it starts, have a limit of virtual memory (RLIMIT_AS)? */
function limitText(): string {
  const bytes = readOrNothing("/proc/self/limits")?.match(/^Max address space +(\d+)/m)?.[1];
  if (bytes === undefined) return "; is virtual memory limited (ulimit -v)?";
  const limit = `${Math.round(Number(bytes) / 2 ** 20)} MB (ulimit -v)`;
  return `; virtual memory is limited to ${limit}, of which V8 reserves much more than it uses: 'ulimit -v unlimited' ` +
    "removes the limit, and maxHeapMb limits what is used";
}

/** How many processes of this one's memory cgroup the kernel has killed so far; `undefined` where unknown. */
export function countOomKills(): number | undefined {
  for (const path of counterPaths()) {
    const count = readOrNothing(path)?.match(/^oom_kill (\d+)$/m)?.[1];
    if (count !== undefined) return Number(count);
  }
  return undefined;
}

/** Where the counter may be, by cgroup version; in a container the own path may not be mounted. */
function counterPaths(): string[] {
  const groups = (readOrNothing("/proc/self/cgroup") ?? "").split("\n").map((line) => line.split(":"));
  const v1 = groups.find(([, controllers]) => controllers?.split(",").includes("memory"))?.[2];
  const v2 = groups.find(([number, controllers]) => number === "0" && controllers === "")?.[2];
  return [
    ...(v1 === undefined ? [] : [`/sys/fs/cgroup/memory${v1}/memory.oom_control`]),
    "/sys/fs/cgroup/memory/memory.oom_control",
    ...(v2 === undefined ? [] : [`/sys/fs/cgroup${v2}/memory.events`]),
    "/sys/fs/cgroup/memory.events",
  ];
}

function readOrNothing(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined; // evidence is welcome, never required
  }
}
