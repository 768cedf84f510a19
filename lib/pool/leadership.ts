import { errorText, FuruError } from "../core/errors.ts";
import type { QueuePaths } from "../queue/layout.ts";
import type { Runtime } from "../run/runtime.ts";
import { acquireClaim } from "../store/claims/acquire_claim.ts";
import { endAttempt, releaseClaim } from "../store/claims/attempt_end.ts";
import type { Claim } from "../store/claims/claim.ts";
import { ClaimWatch } from "../store/claims/liveness.ts";
import { hasEnded, readClaim } from "../store/claims/read_claim.ts";
import type { SlurmJob } from "../store/record.ts";
import { readEnded } from "./ended.ts";

/** Options of {@link acquireLeadership}. */
export interface LeadershipOptions {
  /** The run's id. */
  runId: string;
  /** The worker beside whose tasks it is held, if any. */
  worker?: string;
  /** The Slurm job that it is held in, if any. */
  slurm?: SlurmJob;
  /**
   * Kept from one call to the next, so that a lease can be seen to run out.
   *
   * @default {one of this call alone}
   */
  watch?: ClaimWatch;
}

/**
 * Somebody else is the run's controller now: the process that this is thrown in does nothing more for the
 * run.
 */
export class LeadershipLostError extends FuruError {
  /** Always `"LeadershipLostError"`. */
  override readonly name = "LeadershipLostError";
}

/** The role is handed on, as its holder was told to leave; the run goes on. */
export class LeadershipHandedOver extends FuruError {
  /** Always `"LeadershipHandedOver"`. */
  override readonly name = "LeadershipHandedOver";
}

/**
 * How often a claim that cannot be seen is looked for: it may be away for a moment, while another process
 * tidies up.
 */
const LOOKS = 6;
/** A role that was looked at so short a time ago is not looked at again: many side effects come together. */
const FRESH_MS = 5;

/** Watches who holds a run's role, for {@link acquireLeadership}. */
export function watchLeadership(runtime: Runtime, paths: QueuePaths): ClaimWatch {
  return new ClaimWatch(runtime.store, paths.role);
}

/**
 * Tries once to become the controller of a run: where there is none, or the last one is dead.
 *
 * @returns The claim of the role, to be given to `controlPool`; or that somebody holds it, or that the run
 * has ended.
 * @throws {StoreError} when the run's folder cannot be written.
 */
export async function acquireLeadership(
  runtime: Runtime,
  paths: QueuePaths,
  { runId, worker, slurm, watch = watchLeadership(runtime, paths) }: LeadershipOptions,
): Promise<Claim | "held" | "ended"> {
  const { store } = runtime;
  if (await readEnded(store, paths)) return "ended";
  const acquired = await acquireClaim(store, paths.role, {
    backend: "controller",
    run: runId,
    worker,
    slurm,
  }, watch);
  if (acquired.kind === "held") return "held";
  let ours = false;
  try {
    // Its last holder may have ended the run since.
    ours = !await readEnded(store, paths);
  } finally {
    // A role that is held and not exercised would keep everybody else from it.
    if (!ours) await releaseClaim(store, acquired.claim);
  }
  return ours ? acquired.claim : "ended";
}

/** The role of a run's controller, while this process holds it. */
export class Leadership {
  /** The role's claim. */
  readonly claim: Claim;
  readonly #runtime: Runtime;
  #seenAt = -Infinity;
  #lost: string | undefined;

  /** @param claim From {@link acquireLeadership}. */
  constructor(runtime: Runtime, claim: Claim) {
    this.#runtime = runtime;
    this.claim = claim;
  }

  /** The number of this controller among all that the run has had, from 1. */
  get term(): number {
    return this.claim.attempt.n;
  }

  /**
   * Looks whether this process is the controller still: a process that was suspended may not know that it was
   * declared dead. Once lost, lost for ever.
   *
   * @throws {StoreError} when the file server does not answer.
   */
  async isOurs(): Promise<boolean> {
    const { clock } = this.#runtime.machine;
    if (this.claim.lost.aborted) this.#lost ??= errorText(this.claim.lost.reason);
    if (this.#lost !== undefined) return false;
    const before = clock.monotonic();
    if (before - this.#seenAt <= FRESH_MS) return true;
    const why = await this.#whyLost();
    if (why !== undefined) this.#lost = why;
    else this.#seenAt = before;
    return why === undefined;
  }

  /**
   * As {@link Leadership.isOurs}.
   *
   * @throws {LeadershipLostError} when it is not.
   */
  async check(): Promise<void> {
    if (await this.isOurs()) return;
    throw new LeadershipLostError(
      `Cannot control run ${this.claim.record.run} any longer as another process has taken the role over: ${this.#lost}`,
    );
  }

  /** Ends the role together with the run, whose `ended.json` is there. */
  async end(): Promise<void> {
    await endAttempt(this.#runtime.store, this.claim, "success");
  }

  /** Gives the role up while the run goes on: somebody else may take it at once, as a later term. */
  async giveUp(why: string): Promise<void> {
    await endAttempt(this.#runtime.store, this.claim, { kind: "preempted", error: why });
  }

  async #whyLost(): Promise<string | undefined> {
    const { store, machine } = this.#runtime;
    const { paths, record } = this.claim;
    for (let look = 1;; look++) {
      const holder = await readClaim(store, paths);
      if (holder && holder.id !== record.id) {
        return `pid ${holder.owner.pid} on ${holder.owner.host} holds it`;
      }
      if (holder) return await hasEnded(store, paths, holder) ? "it was declared dead" : undefined;
      if (look === LOOKS) return `${paths.claim} is gone`;
      await machine.clock.sleep(10 * 2 ** look);
    }
  }
}
