import type { Clock } from "../../core/system/clock.ts";

/** How long is waited. */
export interface PatienceOptions {
  /** At most so many milliseconds. @default 2000 */
  ms?: number | undefined;
  /** Ends the waiting with its reason. */
  signal: AbortSignal;
}

/**
 * Waits for something, but not so long that all else would have to wait for it; it goes on by itself then.
 *
 * @throws What the work throws meanwhile; the signal's reason when it aborts.
 */
export async function patiently(
  clock: Clock,
  work: Promise<unknown>,
  { ms = 2000, signal }: PatienceOptions,
): Promise<void> {
  const enough = new AbortController();
  const pause = clock.sleep(ms, AbortSignal.any([signal, enough.signal]));
  try {
    await Promise.race([work, pause]);
  } finally {
    enough.abort();
    pause.catch(() => {/* it was ended */});
  }
}
