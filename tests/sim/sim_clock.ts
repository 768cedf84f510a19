import type { Clock } from "../../lib/core/system/clock.ts";
import type { SimProcess } from "./process.ts";
import type { World } from "./world.ts";

/** The clocks of a process's host; sleeping takes world time and nothing else. */
export function simClock(world: World, process: SimProcess): Clock {
  return {
    now: () => process.host.wall(),
    monotonic: () => process.host.monotonic(),
    sleep: (ms, signal) => {
      if (signal?.aborted) return Promise.reject(signal.reason);
      return new Promise((resolve, reject) => {
        const onAbort = () => {
          world.unpark(parked);
          reject(signal?.reason);
        };
        const parked = world.park({
          process,
          what: `sleep ${ms}`,
          kind: undefined,
          notBefore: world.time + Math.max(0, ms),
          run: () => signal?.removeEventListener("abort", onAbort),
          resolve: () => resolve(),
          reject,
        });
        signal?.addEventListener("abort", onAbort, { once: true });
      });
    },
  };
}
