import { SlurmError } from "../../core/errors.ts";
import { queuePaths } from "../../queue/layout.ts";
import { readStop } from "../../queue/requests.ts";
import type { DagContext } from "./dag_context.ts";

/** Milliseconds between two looks whether somebody cancels the run. */
const PAUSE_MS = 1000;

/**
 * Does something for a run that another process may cancel meanwhile.
 *
 * @param work Is given the context with a signal that aborts then, too, and that abort alone.
 * @returns What the work returns.
 */
export async function untilCancelled<T>(
  context: DagContext,
  work: (context: DagContext, cancelled: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, runtime: { machine: { clock } } } = context;
  const done = new AbortController();
  const cancelled = new AbortController();
  const watching = (async () => {
    for (; !done.signal.aborted; await clock.sleep(PAUSE_MS, done.signal)) {
      const why = await whyStopped(context);
      if (why !== undefined) return cancelled.abort(why);
    }
  })().catch(() => {/* it is done */});
  try {
    const both = AbortSignal.any([signal, cancelled.signal]);
    return await work({ ...context, signal: both }, cancelled.signal);
  } finally {
    done.abort();
    await watching;
  }
}

/** A file server that does not answer says nothing of a stop. */
async function whyStopped({ runtime: { store }, run: { runId } }: DagContext): Promise<Error | undefined> {
  const stop = await readStop(store, queuePaths(store.root, runId)).catch(() => undefined);
  return stop && new SlurmError(`Cannot submit the rest of run ${runId} as it was cancelled: ${stop.why}`);
}
