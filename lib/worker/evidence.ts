import type { ExitStatus } from "../run/program_error.ts";

/**
 * What is known of why a process ended.
 *
 * @param status How it ended.
 * @param oomKills How many processes the kernel killed for want of memory since it started, where known.
 */
export function exitEvidence(status: ExitStatus, oomKills: number | undefined): string {
  if (status.code === 133) {
    return "exit 133: V8 ran out of heap; raise the memory or --v8-flags=--max-old-space-size";
  }
  const how = status.signal === null ? `exit code ${status.code}` : `killed by ${status.signal}`;
  return oomKills ? `${how}; the memory cgroup counts ${oomKills} oom_kill` : how;
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
