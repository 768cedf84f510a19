import type { Clock } from "../../core/system/clock.ts";

/** Options of {@link stopOnAbort}. */
export interface StopOptions {
  /** Whether it leads a process group, which is to be stopped with it. */
  group: boolean;
  /** Milliseconds between asking and killing. */
  graceMs: number;
  /** Milliseconds that it may go on in any case, looked at again and again. */
  timeLeftMs: () => number;
  /** Time. */
  clock: Clock;
}

/** How often it is looked whether the time that is left has changed. */
const LOOK_MS = 250;

/** Stops a program when a signal aborts or when it is asked to. Disposed when the program has ended. */
export interface Stopper extends Disposable {
  /** Asks the program to end, and kills it after the grace. */
  stop(): void;
}

/**
 * Watches a program.
 *
 * @param signal Stops it, and kills what is left of its group when it has ended.
 */
export function stopOnAbort(child: Deno.ChildProcess, signal: AbortSignal, options: StopOptions): Stopper {
  const { group, graceMs, timeLeftMs, clock } = options;
  const ended = new AbortController();
  let stopping = false;
  const send = (name: Deno.Signal) => {
    try {
      Deno.kill(group ? -child.pid : child.pid, name);
    } catch {
      // It ended by itself meanwhile.
    }
  };
  const kill = async (at: number): Promise<void> => {
    try {
      for (let left; (left = Math.max(at - clock.monotonic(), timeLeftMs())) > 0;) {
        await clock.sleep(Math.min(left, LOOK_MS), ended.signal);
      }
    } catch {
      return; // it has ended
    }
    send("SIGKILL");
  };
  const stop = () => {
    if (stopping) return;
    stopping = true;
    send("SIGTERM");
    void kill(clock.monotonic() + graceMs);
  };
  // What it started may ignore the request and outlive it.
  void child.status.then(() => {
    ended.abort();
    if (stopping && group) send("SIGKILL");
  });
  signal.addEventListener("abort", stop, { signal: ended.signal });
  if (signal.aborted) stop();
  return { stop, [Symbol.dispose]: () => ended.abort() };
}
