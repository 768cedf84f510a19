import type { ForcedNodes } from "../plan/node.ts";
import type { ClaimedAttempt, Computer, FirstEnd } from "../run/computer.ts";
import { type AttemptOf, endOfUnbegun, failedEnd, recordEnd } from "../run/attempt_end.ts";
import { findCounting } from "../run/partial/counts.ts";
import type { Runtime } from "../run/runtime.ts";
import type { AttemptEnd } from "../core/attempt_end.ts";
import type { Hash } from "../core/hash.ts";
import { errorText } from "../core/errors.ts";
import { TimeIsUp } from "../core/system/stop_time.ts";
import type { EventSink } from "../core/event.ts";
import { acquireClaim } from "../store/claims/acquire_claim.ts";
import { releaseClaim } from "../store/claims/attempt_end.ts";
import { type Claim, claimWith } from "../store/claims/claim.ts";
import { readClaim } from "../store/claims/read_claim.ts";
import { removeOwnClaim } from "../store/claims/remove_claim.ts";
import { readEnds } from "../store/results/ends.ts";
import { attemptPaths } from "../store/layout.ts";
import { type ClaimOptions, type OwnerFile, ownersOf } from "../store/claims/owner_files.ts";
import { isStoredBy, readRecordId } from "../store/read_record.ts";
import { describeOwner } from "../store/claims/liveness.ts";
import { removeQueued } from "../store/claims/queued.ts";
import type { SlurmJob } from "../store/record.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";
import { refuseLoadOnly } from "../task/artifact/load_only.ts";
import { afterTooLittle, nextSpec, type SpecNeeds } from "../task/ladder.ts";
import { specNeeds, timeLimitOf } from "../task/requirements.ts";
import type { Backend, BackendEvent } from "./backend.ts";
import { ShownAttempt } from "./shown_attempt.ts";

/** Options of an {@link AttemptBackend}. */
export interface AttemptBackendOptions {
  /** Its name in claims and events: `"local"`. */
  name: string;
  /** The run's id. */
  runId: string;
  /** Computes attempts. */
  computer: Computer;
  /** The nodes that are computed again although they are stored. */
  forced: ForcedNodes | undefined;
  /**
   * The worker that this process is, for claims and events.
   *
   * @default {none}
   */
  worker?: string;
  /** The Slurm job that this process is: its claim takes the place of its being queued. */
  slurm?: SlurmJob;
  /**
   * An attempt that this process has made already, and whose end is recorded: it counts as the first one.
   *
   * @default {none}
   */
  made?: MadeAttempt | undefined;
  /**
   * The specs that a later run goes on with after too little, where this one keeps its own.
   *
   * @default {none}
   */
  later?: SpecNeeds["later"];
  /** Takes the events of attempts. */
  onEvent: EventSink;
  /** Gives the reason of a stop, for the ends of attempts. */
  signal?: AbortSignal;
  /** Told how each started node ended. */
  report: (event: BackendEvent) => void;
}

/** An attempt that did not succeed. */
export interface MadeAttempt {
  /** What it was claimed with. */
  readonly claim: Claim;
  /** Its end. */
  readonly end: Exclude<AttemptEnd, { outcome: "success" | "superseded" }>;
}

/**
 * The time that a claim needs no heartbeat, so that small tasks cost none; never longer than between two of
 * them.
 */
const BEAT_AFTER_MS = 2000;

/** Makes attempts on this machine: claims, has them computed, ends them. */
export class AttemptBackend implements Backend {
  readonly #runtime: Runtime;
  readonly #options: AttemptBackendOptions;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** Artifacts whose first attempt did not succeed: of these there is something. */
  readonly #tried = new Set<Hash>();
  readonly #signals = new WeakMap<OwnerFile, AbortSignal>();
  #withdrawing = false;
  #release: (() => Promise<void>) | undefined;

  /** Starts nothing yet. */
  constructor(runtime: Runtime, options: AttemptBackendOptions) {
    this.#runtime = runtime;
    this.#options = options;
  }

  start(artifact: Artifact, spec: string): void {
    this.#release ??= ownersOf(this.#runtime.store).keep();
    const work = this.#begin(artifact, spec).catch((error): BackendEvent => ({
      type: "failed",
      hash: artifact.hash,
      end: endOfUnbegun(error),
      failedEnds: 0,
      lostEnds: 0,
    })).then((event) => {
      this.#running.delete(work);
      if (event) this.#options.report(event);
    });
    this.#running.add(work);
  }

  async withdraw(): Promise<void> {
    this.#withdrawing = true;
    this.#options.computer.withdraw?.();
    await Promise.resolve();
  }

  async stop(how: "drain" | "stop" | "kill"): Promise<void> {
    if (how !== "drain") this.#stopping.abort(this.#reason());
    if (how === "kill") await this.#options.computer.kill();
    await Promise.all(this.#running);
    await this.#release?.();
    this.#release = undefined;
  }

  #reason(): unknown {
    const { signal } = this.#options;
    return signal?.aborted ? signal.reason : new Error("the run was stopped");
  }

  async #begin(artifact: Artifact, spec: string): Promise<BackendEvent | undefined> {
    // It was not to be computed when the run was planned.
    refuseLoadOnly(artifact);
    if (this.#stopping.signal.aborted) return undefined;
    const { computer, forced, slurm, made } = this.#options;
    if (made && !this.#tried.has(artifact.hash)) {
      this.#tried.add(artifact.hash);
      const log = attemptPaths(made.claim.paths, made.claim.attempt).log;
      new ShownAttempt(this.#runtime.machine.clock, this.#options, artifact, made.claim.attempt, log)
        .end(made.end);
      return await this.#failed({ artifact, spec }, made.claim, made.end, log);
    }
    const isFirst = computer.computeFirst !== undefined && slurm === undefined &&
      !this.#tried.has(artifact.hash) &&
      forced?.has(artifact) !== true && timeLimitOf(artifact) === undefined &&
      // What is given ahead may begin late, when its units are somebody else's.
      artifact[ARTIFACT].task.limits === undefined;
    if (isFirst) return await this.#first(artifact, spec);
    return await this.#work(artifact, spec);
  }

  /** The first attempt of an artifact of which nothing is there: claimed where it is computed. */
  async #first(artifact: Artifact, spec: string): Promise<BackendEvent | undefined> {
    const { store } = this.#runtime;
    const paths = store.paths(artifact);
    const owner = await ownersOf(store).take(paths, this.#claimOptions);
    try {
      return await this.#firstWith(owner, artifact, spec);
    } catch (error) {
      await ownersOf(store).give(owner, paths);
      throw error;
    }
  }

  async #firstWith(owner: OwnerFile, artifact: Artifact, spec: string): Promise<BackendEvent | undefined> {
    const { store, machine } = this.#runtime;
    const { name: backend, computer, report } = this.#options;
    const paths = store.paths(artifact);
    const attempt = { n: 1, id: owner.record.id };
    const log = attemptPaths(paths, attempt).log;
    const shown = new ShownAttempt(machine.clock, this.#options, artifact, attempt, log);
    let end = await computer.computeFirst!({
      artifact,
      spec,
      owner,
      backend,
      log,
      signal: this.#signalOf(owner),
      onBegin: () => shown.begin(),
      onProgress: (fraction, message) => shown.progress(fraction, message),
    });
    if (isLater(end) && this.#withdrawing) end = await end.later;
    if (isLater(end)) {
      shown.drop();
      // It may begin late, or not at all: whatever comes of it is tidied away then.
      this.#track(
        end.later.then(async (late) => void await settleFirst(this.#runtime, { artifact, spec }, owner, late))
          .finally(() => ownersOf(store).give(owner, paths)),
      );
      const event = await this.#work(artifact, spec);
      if (event?.type !== "done" || event.computed) return event;
      return { ...event, computed: await isStoredBy(store, paths, this.#options.runId) };
    }
    if (end !== "declined" && isStored(end)) {
      shown.end(end);
      report({ type: "done", hash: artifact.hash, computed: end.outcome === "success" });
      await ownersOf(store).give(owner, paths);
      return undefined;
    }
    this.#tried.add(artifact.hash);
    if (end === "declined") shown.drop();
    const claim = await settleFirst(this.#runtime, { artifact, spec }, owner, end);
    if (claim === "stored") return { type: "done", hash: artifact.hash, computed: true };
    if (end === "declined" && this.#withdrawing) return { type: "withdrawn", hash: artifact.hash };
    if (end === "declined" || claim === undefined) {
      return this.#stopping.signal.aborted ? undefined : await this.#work(artifact, spec);
    }
    shown.end(end);
    return await this.#failed({ artifact, spec }, claim, end, log);
  }

  /** One for all that are claimed with a file: to follow one costs as much as a tiny task. */
  #signalOf(owner: OwnerFile): AbortSignal {
    let signal = this.#signals.get(owner);
    if (!signal) this.#signals.set(owner, signal = AbortSignal.any([this.#stopping.signal, owner.lost]));
    return signal;
  }

  get #claimOptions(): ClaimOptions {
    const { name: backend, runId: run, worker, slurm, computer } = this.#options;
    const { heartbeatSec } = this.#runtime.store;
    const beat = computer.inProcess
      ? { mayBlock: true }
      : { beatAfterMs: Math.min(BEAT_AFTER_MS, heartbeatSec * 1000) };
    return { backend, run, worker, slurm, ...beat };
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch(() => {/* it ends with this process */}).finally(() =>
      this.#running.delete(tracked)
    );
    this.#running.add(tracked);
  }

  async #work(artifact: Artifact, spec: string): Promise<BackendEvent | undefined> {
    const { hash } = artifact;
    const { store } = this.#runtime;
    const paths = store.paths(artifact);
    if (this.#stopping.signal.aborted) return undefined;
    const result = await acquireClaim(store, paths, this.#claimOptions);
    if (result.kind === "claimed") return await this.#underClaim(artifact, spec, result.claim);
    const { look } = result;
    const owner = look.state === "unknown" ? `unknown (${look.why})` : describeOwner(look.holder);
    return { type: "busy", hash, owner };
  }

  async #underClaim(artifact: Artifact, spec: string, claim: Claim): Promise<BackendEvent | undefined> {
    let job: Pick<ClaimedAttempt, "timeLimitSec" | "replaces"> | BackendEvent;
    const { slurm } = this.#options;
    try {
      // The claim has taken its place.
      if (slurm) await removeQueued(this.#runtime.store, claim.paths, slurm.name);
      job = await this.#lookAgain(artifact);
      // The user's own function can throw: an attempt begins only after it.
      const timeLimitSec = timeLimitOf(artifact);
      if (!("type" in job) && timeLimitSec !== undefined) job.timeLimitSec = timeLimitSec;
    } catch (error) {
      await releaseClaim(this.#runtime.store, claim);
      throw error;
    }
    if ("type" in job) {
      await releaseClaim(this.#runtime.store, claim);
      return job;
    }
    return await this.#attempt(artifact, spec, claim, job);
  }

  /** Somebody may have stored it since it was planned; a forced or invalid result is to be replaced. */
  async #lookAgain(artifact: Artifact): Promise<BackendEvent | { replaces?: string }> {
    const isForced = this.#options.forced?.has(artifact) === true;
    const found = await findCounting(this.#runtime, artifact, {
      tolerant: true,
      value: false,
      run: this.#options.runId,
      retries: this.#runtime.config.retryFailed,
      ...(isForced ? { replaceDamaged: true } : {}),
    });
    if (found.state === "missing") return {};
    if (found.state === "invalid") return { replaces: found.replaces };
    const { record } = found.result;
    const forced = isForced && record.run !== this.#options.runId;
    return forced ? { replaces: record.id } : { type: "done", hash: artifact.hash, computed: false };
  }

  async #attempt(
    artifact: Artifact,
    spec: string,
    claim: Claim,
    job: Pick<ClaimedAttempt, "timeLimitSec" | "replaces">,
  ): Promise<BackendEvent | undefined> {
    const { machine: { clock } } = this.#runtime;
    const { computer, report } = this.#options;
    const { hash } = artifact;
    const log = attemptPaths(claim.paths, claim.attempt).log;
    const shown = new ShownAttempt(clock, this.#options, artifact, claim.attempt, log);
    shown.begin();
    const computed = await computer.compute({
      ...job,
      artifact,
      spec,
      claim,
      log,
      signal: AbortSignal.any([this.#stopping.signal, claim.lost]),
      onProgress: (fraction, message) => shown.progress(fraction, message),
    }).catch((error): AttemptEnd => {
      // Whatever went wrong, the attempt is ended: a claim that nobody ends keeps this process alive.
      return { ...failedEnd(error, "protocol"), logTail: [] };
    });
    const isPlanned = computed.outcome === "preempted" && this.#stopping.signal.reason instanceof TimeIsUp;
    const end: AttemptEnd = isPlanned ? { ...computed, planned: true } : computed;
    shown.end(end);
    if (isStored(end)) {
      // The record is there: what depends on it starts now, and the claim is tidied away beside that.
      report({ type: "done", hash, computed: end.outcome === "success" });
      await clock.sleep(0);
      await recordEnd(this.#runtime, claim, end, { artifact, spec });
      return undefined;
    }
    await recordEnd(this.#runtime, claim, end, { artifact, spec });
    return await this.#failed({ artifact, spec }, claim, end, log);
  }

  /** What is told of an attempt that did not succeed, and whose end is recorded. */
  async #failed(
    { artifact, spec }: { artifact: Artifact; spec: string },
    claim: Claim,
    end: MadeAttempt["end"],
    log: string,
  ): Promise<BackendEvent | undefined> {
    const { hash } = artifact;
    // Somebody took the claim away: that one is watched, and its result counts.
    if (claim.lost.aborted) return { type: "busy", hash, owner: errorText(claim.lost.reason) };
    const preempted = end.outcome === "preempted";
    if (preempted && this.#stopping.signal.aborted) return undefined;
    const failed = preempted ? { outcome: "failed", blame: "lost", error: end.reason } as const : end;
    const { later } = this.#options;
    const needs = { ...specNeeds(artifact), ...(later === undefined ? {} : { later }) };
    const counts = await this.#countEnds(artifact, needs);
    return { type: "failed", hash, ...afterTooLittle(needs, spec, { ...failed, log }), ...counts };
  }

  /**
   * The files tell how often this run has failed, so that the bounds hold whatever happens to its processes.
   */
  async #countEnds(
    artifact: Artifact,
    { ladder }: SpecNeeds,
  ): Promise<{ failedEnds: number; lostEnds: number }> {
    const ends = await readEnds(this.#runtime.store, this.#runtime.store.paths(artifact));
    const own = ends.filter(({ run, planned, spec, lack }) =>
      run === this.#options.runId && !planned && !(spec && lack && nextSpec(ladder, spec, lack))
    );
    const failed = own.filter(({ kind, failure }) => kind === "failed" && failure !== "lost");
    return { failedEnds: failed.length, lostEnds: own.length - failed.length };
  }
}

type StoredEnd = Extract<AttemptEnd, { outcome: "success" | "superseded" }>;

function isStored(end: AttemptEnd): end is StoredEnd {
  return end.outcome === "success" || end.outcome === "superseded";
}

function isLater(end: FirstEnd): end is Extract<FirstEnd, { later: unknown }> {
  return typeof end === "object" && "later" in end;
}

/**
 * Sees to what an attempt has left that was claimed elsewhere with our owner file.
 *
 * @returns Its claim, where it failed and its end is recorded; nothing where there was none.
 */
export async function settleFirst(
  runtime: Runtime,
  of: AttemptOf,
  owner: OwnerFile,
  end: AttemptEnd | "declined",
): Promise<Claim | "stored" | undefined> {
  const { store } = runtime;
  const paths = store.paths(of.artifact);
  const { id } = owner.record;
  const stored = await readRecordId(store, paths) === id;
  if (stored || end === "declined" || isStored(end)) {
    // Mostly it is given back already, and what is there is somebody else's.
    if ((await readClaim(store, paths))?.id === id) await removeOwnClaim(store, { paths, owner });
    else await ownersOf(store).give(owner, paths);
    return stored ? "stored" : undefined;
  }
  const claim = await claimWith(store, paths, owner);
  if (claim) await recordEnd(runtime, claim, end, of);
  return claim;
}
