import { timeLimitOf } from "../task/requirements.ts";
import type { AttemptEnd } from "../core/attempt_end.ts";
import type { Clock } from "../core/system/clock.ts";
import { ExecutionError } from "../core/errors.ts";
import { USUAL_GRACE_MS } from "../core/system/stop_time.ts";
import type { Claim } from "../store/claims/claim.ts";
import { attemptPaths } from "../store/layout.ts";
import { SHARED_FILE } from "../store/store.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { LogFile, type OutputSink } from "./output/attempt_log.ts";
import { endOfThrown, recordEnd, timeLimitError } from "./attempt_end.ts";
import { computeAttempt } from "./compute.ts";
import type { ExecutionContext } from "./context.ts";
import { follow } from "./follow.ts";
import { OwnTime, type Slot } from "./slots.ts";
import type { Runtime } from "./runtime.ts";
import { asFuru, InProcessTraces } from "./traces/traces.ts";

/** An attempt that this process computes itself and whose claim it holds. */
export interface AttemptOptions {
  /** The artifact to compute. */
  artifact: Artifact;
  /** The claim. */
  claim: Claim;
  /** The rules for `get` inside `create`; the node and its signal are filled in. */
  context: ExecutionContext;
  /** Id of the attempt whose result is to be replaced. */
  replaces?: string;
  /** The run's id, for the record. */
  run?: string;
  /** Aborts when the caller wants the attempt to end. */
  signals: AbortSignal[];
  /** Takes the lines of the log, besides its file. */
  echo?: OutputSink;
  /** Given what `create` threw, itself. */
  onThrown?: (error: unknown) => void;
  /**
   * The slot that the caller holds for it, which others may have while it waits for them.
   *
   * @default {none}
   */
  slot?: Slot;
  /**
   * Tells how far it is.
   *
   * @default {nobody is told}
   */
  onProgress?: (fraction: number, message?: string) => void;
}

/** The end of an attempt of this process, and its log. */
export interface AttemptResult {
  /** Its end. */
  end: AttemptEnd;
  /** Path of its log. */
  log: string;
  /** The reason of the signal that aborted it, itself. */
  reason?: unknown;
}

/** Computes under a claim, in this process, and ends the attempt. */
export async function runAttempt(runtime: Runtime, options: AttemptOptions): Promise<AttemptResult> {
  const result = await computeInProcess(runtime, options);
  await recordEnd(runtime, options.claim, result.end, options);
  return result;
}

/** Computes under a claim, in this process; ending the attempt is the caller's. */
export async function computeInProcess(runtime: Runtime, options: AttemptOptions): Promise<AttemptResult> {
  const { artifact, claim, echo } = options;
  const { machine } = runtime;
  const log = attemptPaths(claim.paths, claim.attempt).log;
  const file = new LogFile(machine, log, await runtime.store.isShared() ? SHARED_FILE : undefined);
  const output: OutputSink = {
    write: (text) => {
      file.write(text);
      echo?.write(text);
    },
  };
  const stop = new AbortController();
  using following = follow([claim.lost, ...options.signals], stop);
  const { signal } = following;
  const limitSec = timeLimitOf(artifact);
  const ownTime = new OwnTime({
    clock: machine.clock,
    limitSec,
    onLimit: () => stop.abort(timeLimitError(artifact, limitSec)),
    slot: options.slot,
  });
  const grace = new Grace(machine.clock);
  const traces = machine.simulated ? undefined : new InProcessTraces({
    artifact,
    id: claim.attempt.id,
    log: (text) => output.write(text),
    clock: machine.clock,
  });
  const computing = computeAttempt(runtime, {
    artifact,
    attempt: claim.attempt,
    ownerDir: claim.owner.dir,
    context: { ...options.context, node: artifact, ownTime, signal },
    io: {
      signal,
      output,
      onProgress: (fraction, message) => asFuru(() => options.onProgress?.(fraction, message)),
      warn: (text) => runtime.logger.warn(text),
      timeLeftMs: () => grace.leftMs ?? ownTime.leftMs,
      detachedPrograms: true,
      onCreated: () => grace.created(),
      ...(traces === undefined ? {} : { traces }),
    },
    ...(options.replaces === undefined ? {} : { replaces: options.replaces }),
    ...(options.run === undefined ? {} : { run: options.run }),
    ...(options.onThrown === undefined ? {} : { onThrown: options.onThrown }),
  });
  const end = await grace.end(computing, signal);
  ownTime.end();
  await traces?.abandon();
  if (end.outcome === "failed") file.write(`${end.stack ?? end.error}\n`);
  await file.flush();
  return { end, log, ...(signal.aborted ? { reason: signal.reason } : {}) };
}

/**
 * Bounds how long `create` may go on after its signal has aborted: in-process code cannot be killed, so its
 * attempt is ended without it. What it returns after that is not stored, since its end is recorded and its
 * caller was told.
 */
class Grace {
  readonly #clock: Clock;
  #state: "computing" | "storing" | "over" = "computing";
  #endsAt: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is left of it; `undefined` before the signal has aborted. */
  get leftMs(): number | undefined {
    return this.#endsAt === undefined ? undefined : Math.max(0, this.#endsAt - this.#clock.monotonic());
  }

  /**
   * `create` has returned: its value is stored.
   *
   * @throws where the attempt was ended without it.
   */
  created(): void {
    if (this.#state === "over") throw new ExecutionError("Cannot store the value: its attempt has ended");
    this.#state = "storing";
  }

  /** The attempt's own end, or one without it when `create` does not heed its signal. */
  async end(computing: Promise<AttemptEnd>, signal: AbortSignal): Promise<AttemptEnd> {
    let done: AbortController | undefined;
    const late = Promise.withResolvers<AttemptEnd>();
    const onAbort = (): void => {
      done = new AbortController();
      this.#endsAt = this.#clock.monotonic() + USUAL_GRACE_MS;
      this.#clock.sleep(USUAL_GRACE_MS, done.signal).then(() => {
        // What is being stored already is finished: half an end would be none.
        if (this.#state === "storing") return;
        this.#state = "over";
        late.resolve(endOfThrown(signal.reason, signal));
      }, () => {/* not needed any more */});
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([computing, late.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      done?.abort();
    }
  }
}
