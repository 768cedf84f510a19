import { acquireLeadership, watchLeadership } from "../../pool/leadership.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { Claim } from "../../store/claims/claim.ts";
import { readBeat } from "../../store/claims/heartbeat_series.ts";
import { describeOwner } from "../../store/claims/liveness.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import type { SlurmJob } from "../../store/record.ts";
import { removeIfThere } from "../../store/store.ts";

/** How a role is waited for. */
export interface WaitForRoleOptions {
  /** The run's id. */
  runId: string;
  /** The Slurm job that this process runs in, if any. */
  slurm?: SlurmJob;
  /** Ends the waiting with its reason. @default never */
  signal?: AbortSignal;
  /** Told, once, what is waited for. */
  onWait?: (text: string) => void;
}

/** A heartbeat that is older than this part of the lease is late: it comes twice in a lease at least. */
const LATE_PART = 2 / 3;
/** Milliseconds between two looks, at most. */
const PAUSE_MS = 1000;

/**
 * As `acquireLeadership`; where the holder, on another machine, seems to be dead, that is found out first: it takes up to a lease.
 * One that beats keeps the role, and nobody waits for long.
 *
 * @throws {StoreError} when the run's folder cannot be used; the signal's reason.
 */
export async function waitForRole(
  runtime: Runtime,
  paths: QueuePaths,
  { signal, onWait, ...options }: WaitForRoleOptions,
): Promise<Claim | "held" | "ended"> {
  const { machine, store } = runtime;
  const watch = watchLeadership(runtime, paths);
  const first = await acquireLeadership(runtime, paths, { ...options, watch });
  const holder = first === "held" ? await readClaim(store, paths.role) : undefined;
  const beat = holder && await readBeat(machine, paths.role.claim);
  if (
    !holder || !beat || await serverNow(runtime, paths) - beat.mtimeMs < holder.leaseSec * 1000 * LATE_PART
  ) {
    return first;
  }
  onWait?.(
    `run ${options.runId} of the same roots may have lost its controller, ${
      describeOwner(holder)
    }: it is taken up ` +
      `unless there is a sign of life within ${holder.leaseSec} s`,
  );
  for (;;) {
    await machine.clock.sleep(Math.min(watch.longestPauseMs, PAUSE_MS), signal);
    const taken = await acquireLeadership(runtime, paths, { ...options, watch });
    if (taken !== "held") return taken;
    if (watch.beatAt !== undefined) return "held";
  }
}

/** The time by which the store's files are dated. Only what is worth a try depends on it, never who is dead. */
async function serverNow({ machine: { files, clock }, store }: Runtime, paths: QueuePaths): Promise<number> {
  const path = await store.writePrivate(paths.run, "");
  try {
    return (await files.stat(path))?.mtimeMs ?? clock.now();
  } finally {
    await removeIfThere(store.machine, path);
  }
}
