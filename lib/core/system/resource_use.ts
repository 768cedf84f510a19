import type { ResourceUse } from "../attempt_end.ts";

/** Milliseconds for which a reading counts for attempts that begin: what was taken in them counts, too. */
const CPU_KEPT_MS = 25;
/** Of attempts that take less, in milliseconds, the processor time is not told: ticks are 10 ms. */
const LEAST_MS = 50;
/** Milliseconds for which the peak memory counts for attempts that take less than that. */
const PEAK_KEPT_MS = 100;
/** The clock ticks per second of proc(5): 100 on every Linux that Deno runs on. */
const TICKS_PER_SEC = 100;

interface CpuTime {
  /** Seconds of this process. */
  own: number;
  /** Seconds of those that ended and were waited for. */
  programs: number;
}

let cpu: CpuTime | undefined;
let cpuUntil = -Infinity;
let peak: number | undefined;
let peakUntil = -Infinity;

/**
 * Begins to measure what an attempt takes of this process. To ask the kernel costs as much as a small task's
 * whole record: that is done once in a while for many tiny ones, which are told their memory only.
 *
 * @param clock Milliseconds of a monotonic clock.
 * @returns What was taken since.
 */
export function measureUse(clock: () => number = () => performance.now()): () => ResourceUse {
  const begun = clock();
  if (begun > cpuUntil) readCpu(begun);
  const before = cpu;
  return () => {
    const now = clock();
    const isLong = now - begun >= LEAST_MS;
    if (isLong || now > peakUntil) {
      peak = peakMemory();
      peakUntil = now + PEAK_KEPT_MS;
    }
    const memory = peak === undefined ? {} : { peakMemoryBytes: peak };
    if (!isLong) return memory;
    readCpu(now);
    return { ...(before && cpu ? difference(before, cpu) : {}), ...memory };
  };
}

function difference(before: CpuTime, after: CpuTime): ResourceUse {
  const rounded = (seconds: number): number => Math.round(seconds * 100) / 100;
  const programs = rounded(after.programs - before.programs);
  const cpuSec = rounded(after.own - before.own + after.programs - before.programs);
  return programs > 0 ? { cpuSec, programsCpuSec: programs } : { cpuSec };
}

function readCpu(now: number): void {
  cpu = parseStat(readProc("stat"));
  cpuUntil = now + CPU_KEPT_MS;
}

/** The times in /proc/self/stat (proc(5)): a name with spaces and brackets comes before them. */
export function parseStat(text: string): CpuTime | undefined {
  // utime and stime, then cutime and cstime, are the fields 14 to 17; the state after the name is the third.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").slice(11, 15).map(Number);
  const [user = NaN, system = NaN, childUser = NaN, childSystem = NaN] = fields;
  const [own, programs] = [(user + system) / TICKS_PER_SEC, (childUser + childSystem) / TICKS_PER_SEC];
  return Number.isFinite(own) && Number.isFinite(programs) ? { own, programs } : undefined;
}

/** The highest resident memory of this process so far, as the kernel counts it (proc(5), VmHWM). */
function peakMemory(): number | undefined {
  const kib = /^VmHWM:\s*(\d+) kB$/m.exec(readProc("status"))?.[1];
  return kib === undefined ? undefined : Number(kib) * 1024;
}

/** Empty on systems that have no such file. */
function readProc(name: string): string {
  try {
    return Deno.readTextFileSync(`/proc/self/${name}`);
  } catch {
    return "";
  }
}
