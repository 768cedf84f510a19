/**
 * How long ago this process began, in milliseconds, by no clock that can be set: what it did before it became
 * this program (a batch script that ended with `exec`) counts.
 *
 * @returns At least the time since this program began, which is known everywhere.
 */
export function processAgeMs(): number {
  return Math.max(performance.now(), ageByKernel() ?? 0);
}

/** The kernel counts both in time since it was started: proc(5). */
const TICKS_PER_SECOND = 100;

function ageByKernel(): number | undefined {
  try {
    const stat = Deno.readTextFileSync("/proc/self/stat");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const started = Number(fields[19]) / TICKS_PER_SECOND;
    const up = Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]);
    const age = (up - started) * 1000;
    return Number.isFinite(age) ? age : undefined;
  } catch {
    return undefined; // it may not be read
  }
}
