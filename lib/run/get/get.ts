import {
  ComputeError,
  ExecutionError,
  type FuruError,
  furuErrorName,
  type FuruErrorOptions,
  StoreError,
} from "../../core/errors.ts";
import { checkedUnits } from "../../plan/limits.ts";
import type { FailedAttempt } from "../../core/attempt_end.ts";
import { sleepLong } from "../../core/system/clock.ts";
import { decideRetry, retriesOf } from "../../task/retry.ts";
import { formatDuration } from "../../ui/duration.ts";
import { plural } from "../../ui/text.ts";
import { countsForRun, isForced } from "../../plan/forced.ts";
import { aBoolean, aSignal, checkOptions, type OptionChecks } from "../../core/options.ts";
import { releaseClaim } from "../../store/claims/attempt_end.ts";
import { type Claim, tryClaim } from "../../store/claims/claim.ts";
import { readEnds } from "../../store/results/ends.ts";
import { attemptPaths } from "../../store/layout.ts";
import { type Artifact, isArtifact, type Value } from "../../task/artifact/artifact.ts";
import { refuseLoadOnly } from "../../task/artifact/load_only.ts";
import { mayBePartial } from "../../task/tolerated.ts";
import { runAttempt } from "../attempt.ts";
import type { Computation } from "../computation.ts";
import { computeBelow } from "./compute_below.ts";
import {
  currentContext,
  type ExecutionContext,
  noteLacksOf,
  refuseWhileLoading,
  withContext,
} from "../context.ts";
import { withoutLibraryFrames } from "../../ui/user_frames.ts";
import { defaultRuntime, type SchedulerHints } from "../default_runtime.ts";
import { getInExecutor } from "./executor.ts";
import { follow } from "../follow.ts";
import { findCounting } from "../partial/counts.ts";
import { isFailure, sayPartial } from "../partial/lacks.ts";
import { type FindOptions, findResult, type Found, type Result } from "../result.ts";
import type { Runtime } from "../runtime.ts";
import type { Slot } from "../slots.ts";
import { asFuru } from "../traces/traces.ts";
import { Waiter } from "./wait.ts";

/**
 * How many `create`s wait in a `get` for each other. What is below them is computed from the bottom up,
 * before them.
 */
const MAX_NESTED = 200;

/** Options of `get`. */
export interface GetOptions {
  /**
   * Whether to compute the artifact although it is stored, and to replace the stored result.
   *
   * @default {false}
   */
  force?: boolean;
  /**
   * Ends the waiting of this call, which rejects with the reason of the signal. What is computed for it ends,
   * too (as preempted), unless another call wants it.
   */
  signal?: AbortSignal;
}

const OPTIONS: OptionChecks<GetOptions> = { force: aBoolean, signal: aSignal };
const NO_OPTIONS: GetOptions = {};

/**
 * The value of an artifact, for code outside of furu: with the runtime of whatever runs it, or one that asks
 * a scheduler about those that are waited for.
 */
export async function getArtifact<A extends Artifact>(
  artifact: A,
  options: GetOptions = NO_OPTIONS,
  hints: SchedulerHints = {},
): Promise<Value<A>> {
  refuseWhileLoading("get");
  if (options !== NO_OPTIONS) checkOptions("get", options, OPTIONS);
  const context = currentContext();
  const runtime = context?.runtime ?? defaultRuntime(hints);
  return await getWith(runtime, context, artifact, options) as Value<A>;
}

/**
 * The value of an artifact: loaded, or computed and stored, or waited for while somebody else computes it.
 * Inside a run it only loads.
 */
export async function getWith(
  runtime: Runtime,
  context: ExecutionContext | undefined,
  artifact: Artifact,
  options: GetOptions = {},
): Promise<unknown> {
  if (!isArtifact(artifact)) {
    throw new ExecutionError(
      `Cannot get ${
        Deno.inspect(artifact, { depth: 1 })
      }: it is no artifact; call a task with parameters to make one`,
    );
  }
  if (context?.mode === "executor") return await getInExecutor(context, artifact, options);
  try {
    return await asFuru(() => getInteractive(runtime, context, artifact, options));
  } finally {
    // After Ctrl-C nobody sees how a get ended: what else is computed ends first, then the process. A task
    // does see it, or it could not end.
    const exiting = context ? undefined : runtime.exiting();
    if (exiting) await exiting;
  }
}

async function getInteractive(
  runtime: Runtime,
  context: ExecutionContext | undefined,
  artifact: Artifact,
  options: GetOptions,
): Promise<unknown> {
  const result = await resultOf(runtime, context, artifact, options);
  if (context) noteLacksOf(context, artifact, result.record);
  else sayPartial(runtime, artifact, result.record);
  return await result.load();
}

/** The stored result of an artifact, which is computed where there is none. */
async function resultOf(
  runtime: Runtime,
  context: ExecutionContext | undefined,
  artifact: Artifact,
  { force = false, signal }: GetOptions = {},
): Promise<Result> {
  signal?.throwIfAborted();
  // What a task asks for after it was told to end is not begun. While it waits, its time limit and its claim
  // are no matter of the other's: only whether anybody wants it still.
  context?.signal?.throwIfAborted();
  // What is damaged is nobody's to lose: to force it is the way out that its error names.
  const looking = { tolerant: true, ...(force || isForced(runtime.rerun, artifact) ? REPLACING : {}) };
  const found = await findCounting(runtime, artifact, looking);
  // A forced result replaces what is stored now: what somebody stores meanwhile is as new as can be.
  let replaces: string | undefined;
  if (found.state === "valid") {
    const { record } = found.result;
    if (!force && countsForRun(runtime.rerun, artifact, record)) return found.result;
    replaces = record.id;
  }
  if (!force) await refuseFailed(runtime, artifact);
  using waiting = waitingSignal(context, signal);
  const goOn = context?.ownTime?.wait();
  try {
    return await obtain(runtime, context, artifact, waiting.signal, replaces, looking);
  } finally {
    await goOn?.();
  }
}

/** What ends the waiting of one call: its own signal, or that nobody wants any more what it is for. */
function waitingSignal(
  context: ExecutionContext | undefined,
  signal: AbortSignal | undefined,
): Disposable & { readonly signal?: AbortSignal } {
  const unwanted = context?.computation?.unwanted;
  if (signal && unwanted) return follow([signal, unwanted]);
  const one = signal ?? unwanted;
  return { ...(one ? { signal: one } : {}), [Symbol.dispose]: () => {} };
}

/** Computes, or waits for who does, until there is a result other than the one that is to be replaced. */
async function obtain(
  runtime: Runtime,
  context: ExecutionContext | undefined,
  artifact: Artifact,
  signal: AbortSignal | undefined,
  replaces: string | undefined,
  looking: FindOptions,
): Promise<Result> {
  const key = runtime.store.paths(artifact).record;
  const { computation: by, ownTime } = context ?? {};
  let waiter: Waiter | undefined;
  for (;;) {
    signal?.throwIfAborted();
    const computation = await runtime.computations.shared(
      key,
      artifact,
      by,
      (computation) => compute(runtime, computation, ownTime?.slot, replaces, looking),
    );
    // Where it was not for what is computed now, somebody else may have it.
    ownTime?.slot?.give();
    const done = await computation.wait(by, signal).catch((error) => {
      throw ownError(error);
    });
    signal?.throwIfAborted();
    if (!done) await (waiter ??= new Waiter(runtime, artifact)).turn(signal);
    // What was computed just now counts, also when it was so without what could be had by now.
    const find = done ? findResult : findCounting;
    const found = await find(runtime, artifact, looking);
    if (found.state === "valid" && found.result.record.id !== replaces) return found.result;
  }
}

const REPLACING = { replaceDamaged: true } as const;

/** Whether there is a result that `get` would only load. */
async function isStored(runtime: Runtime, artifact: Artifact): Promise<boolean> {
  await runtime.computations.pause(runtime.machine.clock);
  const found = await findCounting(runtime, artifact, { tolerant: true, value: false });
  return found.state === "valid" && countsForRun(runtime.rerun, artifact, found.result.record);
}

/**
 * Computes if nobody else does, as often as the task says. `false`: somebody does.
 *
 * @param inherited The slot of the one that waits for it.
 */
async function compute(
  runtime: Runtime,
  computation: Computation,
  inherited: Slot | undefined,
  replaces: string | undefined,
  looking: FindOptions,
): Promise<boolean> {
  const { artifact, unwanted } = computation;
  refuseLoadOnly(artifact);
  // Before it claims: what is claimed keeps others from computing it.
  const { limits } = runtime.config;
  const slot = runtime.computations.slot(runtime.maxCreates, checkedUnits(artifact, limits), limits);
  if (inherited) slot.takeFrom(inherited);
  try {
    await runtime.computations.pause(runtime.machine.clock);
    if (computation.depth >= MAX_NESTED) {
      slot.give();
      const context: ExecutionContext = { mode: "interactive", runtime, computation };
      await computeBelow(
        artifact,
        (below) => isStored(runtime, below),
        (below) =>
          resultOf(runtime, context, below).catch((error) => {
            // Whether it can go on without is for the `create`s above to find out.
            if (!isFailure(error) || !mayBePartial(artifact)) throw error;
          }),
      );
    }
    for (let failedEnds = 1;; failedEnds++) {
      await slot.take(computation.depth, unwanted);
      const done = await runtime.guard((interrupted) =>
        claimAndCompute(runtime, computation, slot, [interrupted, unwanted], replaces, looking)
      );
      if (typeof done === "boolean") return done;
      await rest(runtime, computation, slot, done, failedEnds);
    }
  } finally {
    slot.give();
  }
}

/** A failure of an attempt, and the error that its caller is thrown. */
interface FailedOnce {
  readonly end: FailedAttempt;
  readonly error: FuruError;
}

/**
 * Waits until an artifact may be tried again, which only a task that says so itself is.
 *
 * @throws {FuruError} The failure, where that is final.
 */
async function rest(
  { config, guard, logger, machine: { clock } }: Runtime,
  { artifact, unwanted }: Computation,
  slot: Slot,
  { end, error }: FailedOnce,
  failedEnds: number,
): Promise<void> {
  const policy = { ...config, maxComputeRetries: 0, maxPreemptRetries: 0 };
  const decision = decideRetry(policy, retriesOf(artifact), end, { failedEnds, lostEnds: 1 });
  if (!decision.again) throw error;
  const { afterMs, left } = decision;
  const when = afterMs === 0 ? "" : ` in ${formatDuration(afterMs)}`;
  logger.warn(`${error.message}; will try again${when}, at most ${plural(left, "time")}`);
  slot.give();
  await guard(async (interrupted) => {
    using signals = follow([interrupted, unwanted]);
    await sleepLong(afterMs, clock, signals.signal);
  });
}

async function claimAndCompute(
  runtime: Runtime,
  computation: Computation,
  slot: Slot,
  signals: AbortSignal[],
  replaces: string | undefined,
  looking: FindOptions,
): Promise<boolean | FailedOnce> {
  const { artifact } = computation;
  // The user's own functions can throw: an attempt begins only after them.
  retriesOf(artifact);
  const result = await tryClaim(runtime.store, runtime.store.paths(artifact), {
    backend: "get",
    run: runtime.session,
    mayBlock: true,
  });
  if (result.kind === "held") return false;
  const { claim } = result;
  const context: ExecutionContext = { mode: "interactive", runtime, computation };
  const stored = await withContext(context, () => storedUnderClaim(runtime, artifact, claim, looking));
  if (stored?.state === "valid" && stored.result.record.id !== replaces) {
    await releaseClaim(runtime.store, claim);
    return true;
  }
  const old = stored?.state === "valid" ? stored.result.record.id : stored?.replaces;
  let thrown: unknown;
  const { end, log, reason } = await runAttempt(runtime, {
    artifact,
    claim,
    context,
    slot,
    run: runtime.session,
    signals,
    echo: { write: (text) => runtime.echo(text) },
    onThrown: (error) => thrown = error,
    ...(old === undefined ? {} : { replaces: old }),
  });
  // Its value was just validated: once per process is enough, and a moody `validate` cannot make this loop.
  if (end.outcome === "success") runtime.validated.add(claim.attempt.id);
  if (end.outcome === "success" || end.outcome === "superseded") return true;
  // Somebody declared this attempt dead: the one who took over is waited for.
  if (claim.lost.aborted) return true;
  if (end.outcome === "preempted") throw reason;
  return { end, error: failureOf(artifact, claim.attempt.n, end.error, log, thrown) };
}

/** What somebody may have stored before we claimed. A claim under which nothing is begun is given back. */
async function storedUnderClaim(
  runtime: Runtime,
  artifact: Artifact,
  claim: Claim,
  looking: FindOptions,
): Promise<Exclude<Found, { state: "missing" }> | undefined> {
  try {
    // As closely as before claiming: what is invalid only on a close look (a file of its value is gone) would
    // else be found valid here and invalid again by the caller, for ever.
    const found = await findCounting(runtime, artifact, looking);
    return found.state === "missing" ? undefined : found;
  } catch (error) {
    await releaseClaim(runtime.store, claim);
    throw error;
  }
}

/** With `retryFailed` off a failed artifact is not tried again: its recorded error is thrown. */
async function refuseFailed(runtime: Runtime, artifact: Artifact): Promise<void> {
  if (runtime.config.retryFailed) return;
  const paths = runtime.store.paths(artifact);
  const end = (await readEnds(runtime.store, paths)).at(-1);
  if (!end || end.kind === "preempted") return;
  const log = attemptPaths(paths, { n: end.attempt, id: end.id }).log;
  throw failureOf(artifact, end.attempt, `${end.error} (recorded; retryFailed is off)`, log, end);
}

/**
 * What each failure that was thrown says of itself: what fails because of it says the same, however far
 * above.
 */
const failures = new WeakMap<WeakKey, { text: string; log: string; error: FuruError }>();

function failureOf(artifact: Artifact, n: number, text: string, log: string, cause: unknown): FuruError {
  const below = failures.get(cause as WeakKey);
  if (below) {
    const error = new (classOf(below.error))(
      `${artifact} failed in attempt ${n}, as it needs what failed: ${below.text}`,
      { artifact: `${artifact}`, log: below.log, cause: below.error },
    );
    failures.set(error, below);
    return withoutLibraryFrames(error);
  }
  const message = `${artifact} failed in attempt ${n}: ${text}; its log is ${log}`;
  const error = new (classOf(cause))(message, { artifact: `${artifact}`, log, cause });
  failures.set(error, { text: message, log, error });
  return withoutLibraryFrames(error);
}

/** The same failure for one of several that wait for it: with the lines of the code that asked. */
function ownError(error: unknown): unknown {
  const failure = failures.get(error as WeakKey);
  if (!failure) return error;
  const { message, artifact, log, cause } = error as FuruError;
  const own = new (classOf(error))(message, { artifact: artifact!, log: log!, cause });
  failures.set(own, failure);
  return withoutLibraryFrames(own);
}

/** A disk that is full is no fault of the task's. */
function classOf(cause: unknown): new (message: string, options: FuruErrorOptions) => FuruError {
  return furuErrorName(cause) === "StoreError" ? StoreError : ComputeError;
}
