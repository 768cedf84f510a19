import type { PeerName, Peers } from "./peers.ts";

/** Above this load the figures say more about the other processes than about furu. */
const MAX_LOAD = 0.3;

/** What the figures depend on, as lines of Markdown: date, machine, its load now, versions. */
export function machineLines(asked: readonly PeerName[], peers: Peers): string[] {
  const cores = navigator.hardwareConcurrency;
  const [load = NaN] = Deno.loadavg();
  const installed = [...peers].map(([name, { version }]) =>
    version.toLowerCase().includes(name) ? version : `${name} ${version}`
  );
  const missing = asked.filter((name) => !peers.has(name));
  return [
    `- ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`,
    `- ${cpuModel()}, ${cores} cores, load ${load.toFixed(2)} at the start, ${Deno.osRelease()}`,
    `- Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`,
    ...(installed.length > 0 ? [`- beside ${installed.join("; ")}`] : []),
    ...(missing.length > 0 ? [`- left out, not installed: ${missing.join(", ")}`] : []),
    ...(load > MAX_LOAD * cores
      ? [`- **the machine is busy with other work (load ${load.toFixed(2)}): these figures mean little**`]
      : []),
  ];
}

function cpuModel(): string {
  try {
    return /^model name\s*:\s*(.+)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? Deno.build.arch;
  } catch {
    return Deno.build.arch;
  }
}
