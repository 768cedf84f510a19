import { join } from "@std/path/posix/join";
import { resolveConfig } from "../../core/config.ts";
import { UsageError } from "../../core/errors.ts";
import type { EventSink } from "../../core/event.ts";
import { didYouMean } from "../../core/nearest.ts";
import type { Owner } from "../../core/system/machine.ts";
import { type QueuePaths, queuePaths } from "../../queue/layout.ts";
import { readRun, type RunRecord } from "../../remote/run_record.ts";
import { systemRuntime } from "../../run/default_runtime.ts";
import type { Runtime } from "../../run/runtime.ts";
import { listOrNothing } from "../../store/store.ts";
import type { SlurmClient } from "../client/client.ts";

/** A run of the store, perhaps begun by another process. */
export interface FoundRun<R extends RunRecord = RunRecord> {
  /** Its record. */
  run: R;
  /** Where everything of it is. */
  paths: QueuePaths;
}

/** Options of those who follow a run, in either mode. */
export interface FollowOptions<R extends RunRecord> extends FoundRun<R> {
  /** Asks Slurm. */
  client: SlurmClient;
  /** Told what happens. */
  onEvent: EventSink;
  /** Ends the following; the run goes on. */
  signal: AbortSignal;
}

/** Options of those who cancel a run, in either mode. */
export interface CancelOptions<R extends RunRecord> extends FoundRun<R> {
  /** Asks Slurm. */
  client: SlurmClient;
}

/** What became of a run that was to be cancelled. */
export interface CancelledRun {
  /** The number of jobs that surely were its own, and were cancelled. */
  readonly cancelled: number;
  /** Whether it had ended before: nothing was touched then. */
  readonly hadEnded: boolean;
  /** Which jobs may go on, and why they were left alone; one line each. */
  readonly left: readonly string[];
}

/**
 * Finds a run of the store by its id.
 *
 * @throws {UsageError} If it is not there, with the nearest one.
 * @throws {StoreError} If its record is damaged.
 */
export async function findRun(runId: string): Promise<FoundRun & { runtime: Runtime }> {
  const runtime = systemRuntime(resolveConfig());
  const { machine, store } = runtime;
  const runs = join(store.root, "runs");
  const all = (await listOrNothing(machine, runs)).map(({ name }) => name).sort();
  if (!all.includes(runId)) {
    const latest = all.slice(-3).join(", ");
    throw new UsageError(
      `Cannot find run '${runId}' in ${runs}${didYouMean(runId, all)}${
        latest === "" ? ": there are none" : `: the latest are ${latest}`
      }`,
    );
  }
  const paths = queuePaths(store.root, runId);
  return { runtime, paths, run: await readRun(runtime, paths) };
}

/** Why a run stops that `furu cancel` ends, for those who control or submit it. */
export function cancelReason({ user, host }: Owner): string {
  return `furu cancel${user === undefined ? "" : ` by ${user}`} on ${host}`;
}
