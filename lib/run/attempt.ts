import { timeLimitOf } from "../task/time_limit_of.ts";
import { ComputeError } from "../core/errors.ts";
import type { Claim } from "../store/claim.ts";
import type { Ending } from "../store/end_record.ts";
import { attemptPaths } from "../store/layout.ts";
import type { Artifact } from "../task/artifact.ts";
import { LogFile, type OutputSink } from "./attempt_log.ts";
import { computeAttempt, failureText, outcomeOfError } from "./compute.ts";
import type { ExecutionContext } from "./context.ts";
import { endLogged } from "./end_logged.ts";
import type { Outcome } from "./outcome.ts";
import type { Runtime } from "./runtime.ts";
import { asFuru, InProcessTraces } from "./traces.ts";

/** How long `create` may go on after its signal has aborted; then its attempt is ended without it. */
const GRACE_MS = 5000;

/** An attempt that this process computes itself and whose claim it holds. */
export interface AttemptOptions {
  /** What to compute. */
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
  /** Tells how far it is. @default nobody is told */
  onProgress?: (fraction: number, message?: string) => void;
}

/** How an attempt of this process ended, and its log. */
export interface AttemptResult {
  /** As it was seen. */
  outcome: Outcome;
  /** Path of its log. */
  log: string;
  /** What aborted it, where something did. */
  reason?: unknown;
}

/** Computes under a claim, in this process, and ends the attempt. */
export async function runAttempt(runtime: Runtime, options: AttemptOptions): Promise<AttemptResult> {
  const result = await computeInProcess(runtime, options);
  await endLogged(runtime, options.claim, endingOf(result));
  return result;
}

/** Computes under a claim, in this process; ending the attempt is the caller's. */
export async function computeInProcess(runtime: Runtime, options: AttemptOptions): Promise<AttemptResult> {
  const { artifact, claim, echo } = options;
  const { machine } = runtime;
  const log = attemptPaths(claim.paths, claim.attempt).log;
  const file = new LogFile(machine, log);
  const output: OutputSink = {
    write: (text) => {
      file.write(text);
      echo?.write(text);
    },
  };
  const limit = timeLimitOf(artifact);
  const timeout = new AbortController();
  const over = new AbortController();
  if (limit !== undefined) startLimit(runtime, artifact, limit, timeout, over.signal);
  const signal = AbortSignal.any([claim.lost, timeout.signal, ...options.signals]);
  const traces = new InProcessTraces({
    artifact,
    id: claim.attempt.id,
    log: (text) => output.write(text),
    clock: machine.clock,
  });
  const onProgress = (fraction: number, message?: string) =>
    asFuru(() => options.onProgress?.(fraction, message));
  const computing = computeAttempt(runtime, {
    artifact,
    attempt: claim.attempt,
    context: { ...options.context, node: artifact, stack: [...options.context.stack, artifact], signal },
    io: { signal, output, onProgress, detachedPrograms: true, traces },
    ...(options.replaces === undefined ? {} : { replaces: options.replaces }),
    ...(options.run === undefined ? {} : { run: options.run }),
    ...(options.onThrown === undefined ? {} : { onThrown: options.onThrown }),
  });
  const outcome = await withGrace(runtime, computing, signal);
  over.abort();
  await traces.abandon();
  if (outcome.kind === "failed") file.write(`${outcome.error.stack ?? failureText(outcome)}\n`);
  await file.flush();
  return { outcome, log, ...(signal.aborted ? { reason: signal.reason } : {}) };
}

/** What is written down about an outcome. */
function endingOf({ outcome, reason }: AttemptResult): Ending | "success" {
  switch (outcome.kind) {
    case "success":
    case "superseded":
      return "success";
    case "preempted":
      return { kind: "preempted", error: (reason as Error | undefined)?.message ?? "stopped" };
    case "failed": {
      const { stack } = outcome.error;
      const error = failureText(outcome);
      return { kind: "failed", failure: outcome.failure, error, ...(stack === undefined ? {} : { stack }) };
    }
  }
}

function startLimit(
  runtime: Runtime,
  artifact: Artifact,
  seconds: number,
  timeout: AbortController,
  over: AbortSignal,
): void {
  const reached = () =>
    timeout.abort(new ComputeError(`${artifact} exceeded its time limit of ${seconds} s`));
  runtime.machine.clock.sleep(seconds * 1000, over).then(reached, () => {/* it ended in time */});
}

/** The outcome, or one without it when `create` does not heed its signal: in-process code cannot be killed. */
async function withGrace(
  runtime: Runtime,
  computing: Promise<Outcome>,
  signal: AbortSignal,
): Promise<Outcome> {
  const over = new AbortController();
  const aborted = Promise.withResolvers<void>();
  const onAbort = () => aborted.resolve();
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  const late = aborted.promise
    .then(() => runtime.machine.clock.sleep(GRACE_MS, over.signal))
    .then(() => outcomeOfError(signal.reason, signal));
  late.catch(() => {/* not needed any more */});
  try {
    return await Promise.race([computing, late]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    over.abort();
  }
}
