import { ComputeError, ExecutionError, type FuruError, StoreError } from "../core/errors.ts";
import { releaseClaim } from "../store/attempt_end.ts";
import { type Claim, tryClaim } from "../store/claim.ts";
import { readEnds } from "../store/ends.ts";
import { attemptPaths } from "../store/layout.ts";
import { type Artifact, isArtifact, type Value } from "../task/artifact.ts";
import { runAttempt } from "./attempt.ts";
import { failureText } from "./compute.ts";
import { currentContext, type ExecutionContext } from "./context.ts";
import { defaultRuntime } from "./default_runtime.ts";
import { getInExecutor } from "./executor.ts";
import { refuseWhileLoading } from "./loading.ts";
import { findResult, type Found, type Result } from "./result.ts";
import type { Runtime } from "./runtime.ts";
import { isStoredOnly } from "./stored_artifact.ts";
import { asFuru } from "./traces.ts";
import { Waiter } from "./wait.ts";

/** Options of {@link get}. */
export interface GetOptions {
  /** Compute it although it is stored, and replace the stored result. @default false */
  force?: boolean;
  /** Ends the waiting and computing. */
  signal?: AbortSignal;
}

/**
 * The value of an artifact: loaded when it is stored, else computed (its dependencies through their own `get`), or
 * waited for while somebody else computes it. Always the stored form, so that the first call returns what every later
 * one will. Inside a run it only loads.
 *
 * @param artifact What to get.
 * @returns What the task's `create` (or `load`) returned.
 * @throws {ComputeError} when `create` failed, naming the attempt's log. {@link WaitTimeoutError} when somebody else
 * took longer than `maxWaitSec`. {@link StoreError} when a record is damaged or the store cannot be written. Inside a
 * run {@link MissingArtifactError}, {@link ExecutionError} and {@link SpecMismatchError}.
 *
 * @example
 * ```ts
 * import { defineTask, get, z } from "@furu/furu";
 *
 * const Square = defineTask({
 *   name: "docs/Square",
 *   params: z.object({ x: z.number() }),
 *   create: ({ params }) => params.x ** 2,
 * });
 * const run = async () => (await get(Square({ x: 3 }))) + 1;
 * ```
 */
export async function get<A extends Artifact>(artifact: A, options: GetOptions = {}): Promise<Value<A>> {
  refuseWhileLoading("get");
  const context = currentContext();
  return await getWith(context?.runtime ?? defaultRuntime(), context, artifact, options) as Value<A>;
}

/**
 * The value of an artifact: loaded, or computed and stored, or waited for while somebody else computes it. Inside a
 * run it only loads.
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
  return await asFuru(() => getInteractive(runtime, context, artifact, options));
}

async function getInteractive(
  runtime: Runtime,
  context: ExecutionContext | undefined,
  artifact: Artifact,
  { force = false, signal }: GetOptions,
): Promise<unknown> {
  const stack = context?.stack ?? [];
  if (stack.some(({ hash }) => hash === artifact.hash)) {
    const way = [...stack, artifact].join(" -> ");
    throw new ExecutionError(`Cannot get ${artifact}: it is being computed by this very call (${way})`);
  }
  const signals = [signal, context?.signal].filter((each) => each !== undefined);
  const waiting = signals.length > 0 ? AbortSignal.any(signals) : undefined;
  // A forced result replaces what is stored now: what somebody stores meanwhile is as new as can be.
  let replaces: string | undefined;
  let first = true;
  let waiter: Waiter | undefined;
  for (;;) {
    waiting?.throwIfAborted();
    const found = await findResult(runtime, artifact, { tolerant: true });
    if (first && found.state === "valid" && isForced(runtime, artifact, found.result, force)) {
      replaces = found.result.record.id;
    }
    if (found.state === "valid" && found.result.record.id !== replaces) return await found.result.load();
    if (first && !force) await refuseFailed(runtime, artifact);
    first = false;
    const done = await compute(runtime, context, artifact, signals, replaces);
    if (done) continue;
    waiter ??= new Waiter(runtime, artifact);
    await waiter.turn(waiting);
  }
}

/** `alwaysRerun` is once per process: the record then carries its session. */
function isForced(runtime: Runtime, { name }: Artifact, { record }: Result, force: boolean): boolean {
  return force || (runtime.alwaysReruns(name) && record.run !== runtime.session);
}

/** Computes if nobody else does. `false`: somebody does. */
async function compute(
  runtime: Runtime,
  context: ExecutionContext | undefined,
  artifact: Artifact,
  signals: AbortSignal[],
  replaces: string | undefined,
): Promise<boolean> {
  if (isStoredOnly(artifact)) {
    throw new ComputeError(
      `Cannot compute ${artifact}: it was found in a stored value, where its parameters are not kept; ` +
        `make it by calling its task`,
    );
  }
  const paths = runtime.store.paths(artifact);
  return await runtime.guard(async (interrupted) => {
    const result = await tryClaim(runtime.store, paths, {
      backend: "get",
      run: runtime.session,
      mayBlock: true,
    });
    if (result.kind === "held") return false;
    const { claim } = result;
    const stored = await storedUnderClaim(runtime, artifact, claim);
    if (stored?.state === "valid" && stored.result.record.id !== replaces) {
      await releaseClaim(runtime.store, claim);
      return true;
    }
    const old = stored?.state === "valid" ? stored.result.record : stored?.record;
    let thrown: unknown;
    const { outcome, log, reason } = await runAttempt(runtime, {
      artifact,
      claim,
      context: context ?? { mode: "interactive", runtime, stack: [] },
      run: runtime.session,
      signals: [interrupted, ...signals],
      echo: { write: (text) => runtime.echo(text) },
      onThrown: (error) => thrown = error,
      ...(old === undefined ? {} : { replaces: old.id }),
    });
    // Its value was just validated: once per process is enough, and a moody `validate` cannot make this loop.
    if (outcome.kind === "success") runtime.validated.add(claim.attempt.id);
    if (outcome.kind === "success" || outcome.kind === "superseded") return true;
    // Declared dead by somebody: whoever took over is waited for.
    if (claim.lost.aborted) return true;
    if (outcome.kind === "preempted") throw reason;
    throw failureOf(artifact, claim.attempt.n, failureText(outcome), log, thrown);
  });
}

/** What somebody may have stored before we claimed. A claim under which nothing is begun is given back. */
async function storedUnderClaim(
  runtime: Runtime,
  artifact: Artifact,
  claim: Claim,
): Promise<Exclude<Found, { state: "missing" }> | undefined> {
  try {
    // As closely as before claiming: what is invalid only on a close look (a file of its value is gone) would else be
    // found valid here and invalid again by the caller, for ever.
    const found = await findResult(runtime, artifact, { tolerant: true });
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

function failureOf(artifact: Artifact, n: number, text: string, log: string, cause: unknown): FuruError {
  // A disk that is full is no fault of the task's.
  const Failure = (cause as Error | undefined)?.name === "StoreError" ? StoreError : ComputeError;
  return new Failure(`${artifact} failed in attempt ${n}: ${text}; its log is ${log}`, {
    artifact: `${artifact}`,
    log,
    cause,
  });
}
