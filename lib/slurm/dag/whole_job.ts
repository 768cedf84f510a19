import { TimeIsUp } from "../../core/system/stop_time.ts";
import { hadWholeJob, wholeJobText } from "../../pool/worker/fits.ts";
import type { DagHead, DagNode } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { savedCheckpoint } from "../../store/results/cut_attempts.ts";
import { readEnds } from "../../store/results/ends.ts";
import type { JobSpan } from "../client/own_job.ts";

/** A job that was told to end. */
export interface EndingJob {
  /** Its run. */
  readonly run: DagHead;
  /** The node that it computes. */
  readonly node: DagNode;
  /** Its time, where known. */
  readonly span: JobSpan | undefined;
  /** The reason for which it ends. */
  readonly reason: unknown;
}

/**
 * What is to be said of a task whose attempt had (nearly) the whole time of its job and left no checkpoint:
 * to begin the job again would never help.
 *
 * @returns `undefined` for any other one.
 * @throws {StoreError} If the artifact's folder cannot be read.
 */
export async function hopelessText(
  { store, machine: { clock } }: Runtime,
  { run, node, span, reason }: EndingJob,
): Promise<string | undefined> {
  if (!span || !(reason instanceof TimeIsUp)) return undefined;
  const paths = store.paths(node);
  const last = (await readEnds(store, paths)).findLast((end) => end.run === run.runId);
  if (!last?.planned) return undefined;
  const since = Date.parse(last.startedAt);
  const ranMs = Date.parse(last.endedAt) - since;
  const now = clock.monotonic();
  if (!hadWholeJob({ ...span, ownJob: true }, now - ranMs, now)) return undefined;
  if (await savedCheckpoint(store, paths, { attempt: last.attempt, since })) return undefined;
  return wholeJobText(node.spec, ranMs, span.endsAt - span.beganAt);
}

/** How often a run's attempts at a node were cut off as the time of their job was up, which costs nothing. */
export async function countPlanned({ store }: Runtime, run: DagHead, node: DagNode): Promise<number> {
  const ends = await readEnds(store, store.paths(node));
  return ends.filter((end) => end.run === run.runId && end.planned).length;
}
