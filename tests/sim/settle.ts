import { setImmediate } from "node:timers";
import type { SimProcess } from "./process.ts";

/** How long the code of a process may be busy with something that is not simulated, as a dynamic import. */
const OUTSIDE_MS = 1000;

/**
 * Lets the code of a process run until it waits for the simulation again, or has ended.
 *
 * A turn of the microtask queue costs 0.04 us and one of the event loop 1.1 us, so the latter is taken only when the
 * former did not show that the code has come to a rest.
 *
 * @throws {Error} It waits for something that the simulation knows nothing of.
 */
export async function settle(process: SimProcess): Promise<void> {
  const before = process.activity;
  for (let turn = 0; turn < 200; turn++) {
    await null;
    if (process.activity !== before) break;
  }
  const resting = () =>
    process.gone || process.state !== "running" || process.parked > 0 || process.holds.size > 0;
  if (process.activity !== before && process.parked === 1) return;
  const deadline = performance.now() + OUTSIDE_MS;
  do await new Promise<void>((resolve) => setImmediate(() => resolve())); while (
    !resting() && performance.now() < deadline
  );
  if (!resting()) throw new Error(`Process ${process.label} waits outside the simulation`);
}
