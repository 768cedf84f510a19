import { ExecutionError } from "../../core/errors.ts";
import { resolveConfig } from "../../core/config.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { Claim } from "../../store/claims/claim.ts";
import { removeIfThere } from "../../store/store.ts";
import type { SlurmJob } from "../../store/record.ts";
import { acquireLeadership, watchLeadership } from "../../pool/leadership.ts";
import { systemRuntime } from "../../run/default_runtime.ts";
import { readBeat } from "../../store/claims/heartbeat_series.ts";
import { describeOwner } from "../../store/claims/liveness.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import { systemClient, type SystemClientOptions } from "../jobs/system_client.ts";
import { JobWatch } from "../jobs/job_watch.ts";
import type { Whose } from "../run/check_ours.ts";
import { changedSpecs, type EarlierRun, earlierRuns, type WantedRun } from "../run/earlier_runs.ts";
import { type Life, RunLife } from "../run/run_life.ts";

/** Options of {@link findEarlier}. */
export interface EarlierOptions extends WantedRun, Pick<WaitForRoleOptions, "signal" | "onWait"> {
  /** The specs of the new run. */
  specs: PoolRun["specs"];
  /** Tells the cluster that this process submits to, if Slurm does. */
  here: () => Promise<string | undefined>;
  /** The Slurm job that this process runs in, if any. */
  slurm?: SlurmJob | undefined;
  /** Tells of jobs. */
  jobs: Pick<JobWatch, "state">;
  /**
   * Whether a run of another user or cluster, whose controller is gone, is taken up, too.
   *
   * @default {false}
   */
  takeOver?: boolean | undefined;
  /**
   * Whether nothing is missing: then nobody is waited for.
   *
   * @default {false}
   */
  isIdle?: boolean | undefined;
  /**
   * Ids of runs that are left alone.
   *
   * @default {none}
   */
  without?: ReadonlySet<string> | undefined;
  /** Told why a run that is there is not waited for. */
  onPass?: ((text: string) => void) | undefined;
}

/** What there is of an earlier run over the roots that are wanted. */
export type Earlier =
  /** Its controller was gone: this process is it now. */
  | {
    readonly kind: "taken up";
    readonly run: PoolRun;
    readonly paths: QueuePaths;
    /** Whose it was. */
    readonly whose: Whose;
    /** The role of its controller. */
    readonly claim: Claim;
  }
  /** It goes on by itself: it is to be waited for. */
  | {
    readonly kind: "at work";
    readonly run: PoolRun;
    readonly paths: QueuePaths;
    readonly whose: Whose;
    /** How that is known. */
    readonly text: string;
  };

/** What is done about an earlier run; `"leave"`: another one is begun beside it. */
export type EarlierDecision = "take up" | "wait" | "leave" | "look at its life";

/** The facts that decide about an earlier run. */
export interface EarlierFacts
  extends Pick<EarlierRun, "agrees" | "covers">, Required<Pick<EarlierOptions, "takeOver" | "isIdle">> {
  /** Whose it is. */
  readonly whose: Whose["kind"];
  /** Whether its workers carry it on by themselves. */
  readonly detached: boolean;
  /** Whether specs mean other jobs now. */
  readonly changed: boolean;
  /**
   * Whether anything of it is at work.
   *
   * @default {not known yet}
   */
  readonly life?: Life["state"] | undefined;
}

/**
 * Decides about an earlier run over the same roots.
 *
 * A run that is ours is taken up when its controller is gone; a detached one only when nothing of it is at
 * work, as its workers carry it on, unless the jobs that it waits for are not those that are wanted any more.
 * A run of somebody else, or on another cluster, is waited for and never touched.
 */
export function decideEarlier(
  { whose, agrees, covers, detached, changed, takeOver, isIdle, life }: EarlierFacts,
): EarlierDecision {
  if (whose === "ours" || takeOver) {
    if (!agrees) return "leave";
    // `takeOver` was asked for by somebody who knows whose it is: only its controller can refuse.
    if (!detached || isIdle || whose !== "ours") return "take up";
    if (life === undefined) return "look at its life";
    return life === "silent" || life === "at work" && changed ? "take up" : "wait";
  }
  if (!covers || isIdle) return "leave";
  if (life === undefined) return "look at its life";
  return life === "controlled" || life === "at work" ? "wait" : "leave";
}

/**
 * Finds the newest run of a pool over the same roots that has not ended, and takes it up if it is ours and
 * nobody controls it.
 *
 * @returns `undefined` where there is none to be taken up or waited for.
 * @throws {ExecutionError} If a run is to be taken over whose controller lives.
 * @throws The signal's reason when it aborts.
 */
export async function findEarlier(runtime: Runtime, options: EarlierOptions): Promise<Earlier | undefined> {
  const { here, takeOver = false, isIdle = false, without, signal, onWait, onPass, slurm } = options;
  for await (const earlier of earlierRuns(runtime, options, here)) {
    const { run, paths, whose } = earlier;
    const { runId } = run;
    if (without?.has(runId)) continue;
    const facts = {
      ...earlier,
      whose: whose.kind,
      detached: run.detached,
      changed: changedSpecs(run.specs, options.specs).length > 0,
      takeOver,
      isIdle,
    };
    let decision = decideEarlier(facts);
    let life: Life | undefined;
    if (decision === "look at its life") {
      const unclear = (text: string): void =>
        onWait?.(`it is looked whether run ${runId} of the same roots${ofWhom(whose)} is at work: ${text}`);
      life = await new RunLife(runtime, { ...options, paths, run }).settled({ signal, onWait: unclear });
      decision = decideEarlier({ ...facts, life: life.state });
    }
    if (decision === "wait") {
      return { kind: "at work", run, paths, whose, text: life && "text" in life ? life.text : "" };
    }
    if (decision === "leave") {
      const why = whyLeft(earlier, life, takeOver);
      if (why !== undefined) onPass?.(`run ${runId} of the same roots${ofWhom(whose)} ${why}`);
      continue;
    }
    const claim = await waitForRole(runtime, paths, { runId, slurm, signal, onWait });
    if (typeof claim !== "string") return { kind: "taken up", run, paths, whose, claim };
    if (claim === "held" && takeOver && whose.kind !== "ours") {
      throw new ExecutionError(
        `Cannot take over run ${runId}${
          ofWhom(whose)
        } as its controller lives: without --take-over the run ` +
          `is followed (furu follow ${runId})`,
      );
    }
  }
  return undefined;
}

/** Why a run is not waited for, where that is worth a word. */
function whyLeft({ whose, agrees, covers }: EarlierRun, life: Life | undefined, takeOver: boolean) {
  if (whose.kind === "ours") return undefined;
  if (takeOver && !agrees) {
    return "cannot be taken over as its code, roots or limits are not those of this one: this one begins beside it";
  }
  if (!covers || life === undefined) return undefined;
  const why = life.state === "unknown" ? `, and ${life.text}` : "";
  return `gives no sign of life${why}: what is missing is computed by this run (--take-over takes that one up)`;
}

/** Whose a run is, behind its name; nothing for one's own. */
export function ofWhom(whose: Whose): string {
  switch (whose.kind) {
    case "ours":
      return "";
    case "other user":
      return ` of ${whose.user}`;
    case "other cluster":
      return ` on cluster ${whose.there}`;
    case "unknown":
      return ` (${whose.why})`;
  }
}

/** A run that is to take up another one. */
export type AdoptableOptions =
  & Pick<WantedRun, "roots" | "entry" | "nodes">
  & Partial<Pick<WantedRun, "force" | "forcedDependents">>
  & Pick<SystemClientOptions, "cluster">;

/**
 * The run that `runSlurm` over the same roots would take up, as far as one look tells; changes nothing. That
 * a controller on another machine is dead shows only after a lease.
 *
 * @returns Its id.
 */
export async function adoptableRun(
  { force, cluster, ...options }: AdoptableOptions,
): Promise<string | undefined> {
  const config = resolveConfig();
  const runtime = systemRuntime(config);
  const wanted = { ...options, force: force ?? config.alwaysRerun, detached: false, code: "any" } as const;
  const client = systemClient(undefined, { cluster });
  const jobs = new JobWatch(runtime.machine, client);
  for await (const { run, paths, whose, agrees } of earlierRuns(runtime, wanted, () => client.cluster())) {
    if (whose.kind !== "ours" || !agrees) continue;
    const { state } = await watchLeadership(runtime, paths).look();
    if (state !== "absent" && state !== "dead" && state !== "ended") continue;
    if (!run.detached) return run.runId;
    const life = await new RunLife(runtime, { paths, run, jobs }).look();
    if (life.state === "silent") return run.runId;
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
