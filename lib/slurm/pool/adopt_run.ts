import { join } from "@std/path/posix/join";
import { errorText } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import { FURU_VERSION } from "../../core/version.ts";
import { codeFault } from "../../remote/code_fault.ts";
import { readEnded } from "../../pool/ended.ts";
import { type PoolRun, readRun } from "../../remote/run_record.ts";
import { type QueuePaths, queuePaths } from "../../queue/layout.ts";
import { readStop } from "../../queue/requests.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SnapshotRef } from "../../snapshot/manifest.ts";
import type { Claim } from "../../store/claims/claim.ts";
import { listOrNothing, removeIfThere } from "../../store/store.ts";
import type { SlurmJob } from "../../store/record.ts";
import { isSameStart } from "../../worker/run_start.ts";
import { resolveConfig } from "../../core/config.ts";
import { acquireLeadership, watchLeadership } from "../../pool/leadership.ts";
import { systemRuntime } from "../../run/default_runtime.ts";
import { readBeat } from "../../store/claims/heartbeat_series.ts";
import { describeOwner } from "../../store/claims/liveness.ts";
import { readClaim } from "../../store/claims/read_claim.ts";

/** A new run, as far as an earlier one must agree with it. */
export interface AdoptOptions
  extends
    Pick<PoolRun, "entry" | "force" | "detached" | "nodes" | "start">,
    Pick<WaitForRoleOptions, "signal" | "onWait"> {
  /** The roots. */
  roots: readonly Hash[];
  /**
   * Nodes of which something is stored that is invalid.
   *
   * @default {none}
   */
  invalid?: readonly Hash[];
  /** The snapshot of the code as it is now: workers of a run with another one would compute with that. */
  code?: SnapshotRef | "any";
  /** The Slurm job that this process runs in, if any. */
  slurm?: SlurmJob | undefined;
}

/** A run whose controller died, taken up. */
export interface AdoptedRun {
  /** The run. */
  run: PoolRun;
  /** Where everything of it is. */
  paths: QueuePaths;
  /** The role of its controller. */
  claim: Claim;
}

/** The number of latest runs that are looked at: an older one has nothing in progress any more. */
const LATEST = 100;

/**
 * Takes up the newest run of a pool over the same roots that has not ended and that nobody controls, if there
 * is one: its workers may still be at work.
 */
export async function adoptRun(runtime: Runtime, options: AdoptOptions): Promise<AdoptedRun | undefined> {
  const { slurm, signal, onWait } = options;
  for await (const { run, paths } of adoptableRuns(runtime, options)) {
    const { runId } = run;
    try {
      const claim = await waitForRole(runtime, paths, {
        runId,
        slurm,
        signal,
        onWait,
      });
      if (typeof claim !== "string") return { run, paths, claim };
    } catch (error) {
      signal?.throwIfAborted();
      sayWhyNot(runtime, runId, error);
    }
  }
  return undefined;
}

/**
 * The runs of a pool over the same roots that have not ended, the newest first; somebody may control them.
 */
export async function* adoptableRuns(
  runtime: Runtime,
  wanted: AdoptOptions,
): AsyncGenerator<Pick<AdoptedRun, "run" | "paths">> {
  const { store, machine } = runtime;
  const runs = (await listOrNothing(machine, join(store.root, "runs"))).filter(({ isDirectory }) =>
    isDirectory
  );
  // Their ids begin with the time.
  const names = runs.map(({ name }) => name).filter((name) => name.startsWith("slurm-")).sort().reverse();
  for (const runId of names.slice(0, LATEST)) {
    try {
      const paths = queuePaths(store.root, runId);
      if (await readEnded(store, paths)) continue;
      const run = await readRun(runtime, paths);
      if (run.mode !== "pool" || !agrees(run, wanted) || await readStop(store, paths)) continue;
      const { start, code } = wanted;
      if (start !== undefined && code !== "any" && !isSameStart(start, run.start)) {
        runtime.logger.info(
          `Run ${runId} over the same roots is not taken up as it was begun with other arguments or options of Deno`,
        );
        continue;
      }
      yield { run, paths };
    } catch (error) {
      sayWhyNot(runtime, runId, error);
    }
  }
}

/** A run that cannot be read is no reason not to begin another one. */
function sayWhyNot({ logger }: Runtime, runId: string, error: unknown): void {
  logger.debug(`Cannot look whether run ${runId} can be taken up: ${errorText(error)}`);
}

function agrees(run: PoolRun, wanted: AdoptOptions): boolean {
  const same = (a: readonly string[] | "ALL", b: readonly string[] | "ALL"): boolean =>
    a === "ALL" || b === "ALL" ? a === b : a.toSorted().join("\n") === b.toSorted().join("\n");
  const { roots, entry, force, detached, nodes, code, invalid = [] } = wanted;
  // Its workers would refuse to work for another version, and its queue has the specs and limits of then.
  return run.versions.furu === FURU_VERSION && run.entry === entry && same(run.roots, roots) &&
    (code === "any" || run.code?.id === code?.id) && same(run.force, force) &&
    same(run.nodes.map(needs), nodes.map(needs)) &&
    // Its workers would take an invalid result for a valid one that their record does not name.
    new Set(invalid).isSubsetOf(new Set(run.invalid)) &&
    // Workers of a run that was not detached never become its controller.
    (run.detached || !detached) &&
    (code === "any" || codeFault(run) === undefined);
}

/** All that workers have to know of an artifact, in a line. */
function needs({ hash, spec, timeLimitSec }: PoolRun["nodes"][number]): string {
  return `${hash} ${spec} ${timeLimitSec ?? ""}`;
}

/** A run that is to take up another one. */
export type AdoptableOptions =
  & Pick<AdoptOptions, "roots" | "entry" | "nodes">
  & Partial<Pick<AdoptOptions, "force">>;

/**
 * The run that `runSlurm` over the same roots would take up, as far as one look tells; changes nothing. That
 * a controller on another machine is dead shows only after a lease.
 *
 * @returns Its id.
 */
export async function adoptableRun({ force, ...options }: AdoptableOptions): Promise<string | undefined> {
  const config = resolveConfig();
  const runtime = systemRuntime(config);
  const wanted = { ...options, force: force ?? config.alwaysRerun, detached: false, code: "any" } as const;
  for await (const { run: { runId }, paths } of adoptableRuns(runtime, wanted)) {
    const { state } = await watchLeadership(runtime, paths).look();
    if (state === "absent" || state === "dead" || state === "ended") return runId;
  }
  return undefined;
}

/** Options of {@link waitForRole}. */
export interface WaitForRoleOptions {
  /** The run's id. */
  runId: string;
  /** The Slurm job that this process runs in, if any. */
  slurm?: SlurmJob | undefined;
  /**
   * Ends the waiting with its reason.
   *
   * @default {never}
   */
  signal?: AbortSignal | undefined;
  /** Called, once, with what is waited for. */
  onWait?: ((text: string) => void) | undefined;
}

/** A heartbeat that is older than this part of the lease is late: it comes twice in a lease at least. */
const LATE_PART = 2 / 3;
/** Milliseconds between two looks, at most. */
const PAUSE_MS = 1000;

/**
 * Tries to take a role, as `acquireLeadership` does. If the holder is on another machine and seems to be
 * dead, first waits up to a lease to be sure. A holder that beats keeps the role, and the caller does not
 * wait for long.
 *
 * @throws {StoreError} If the run's folder cannot be used.
 * @throws The signal's reason when it aborts.
 */
export async function waitForRole(
  runtime: Runtime,
  paths: QueuePaths,
  { runId, slurm, signal, onWait }: WaitForRoleOptions,
): Promise<Claim | "held" | "ended"> {
  const { machine, store } = runtime;
  const watch = watchLeadership(runtime, paths);
  const options = { runId, watch, ...(slurm === undefined ? {} : { slurm }) };
  const first = await acquireLeadership(runtime, paths, options);
  const holder = first === "held" ? await readClaim(store, paths.role) : undefined;
  const beat = holder && await readBeat(machine, paths.role.claim);
  if (
    !holder || !beat || await serverNow(runtime, paths) - beat.mtimeMs < holder.leaseSec * 1000 * LATE_PART
  ) {
    return first;
  }
  onWait?.(
    `run ${runId} of the same roots may have lost its controller, ${describeOwner(holder)}: it is taken up ` +
      `unless there is a sign of life within ${holder.leaseSec} s`,
  );
  for (;;) {
    await machine.clock.sleep(Math.min(watch.longestPauseMs, PAUSE_MS), signal);
    const taken = await acquireLeadership(runtime, paths, options);
    if (taken !== "held") return taken;
    if (watch.beatAt !== undefined) return "held";
  }
}

/**
 * The time by which the store's files are dated. Only what is worth a try depends on it, never who is dead.
 */
async function serverNow({ machine: { files, clock }, store }: Runtime, paths: QueuePaths): Promise<number> {
  const path = await store.writePrivate(paths.run, "");
  try {
    return (await files.stat(path))?.mtimeMs ?? clock.now();
  } finally {
    await removeIfThere(store.machine, path);
  }
}
