import { ExecutionError } from "../core/errors.ts";
import { furuGlobals } from "../core/globals.ts";
import type { Lack, SuccessRecord } from "../store/record.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import type { Computation } from "./computation.ts";
import type { Runtime } from "./runtime.ts";
import type { OwnTime } from "./slots.ts";
import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Under which rules `get` works for the code that runs now (ARCHITECTURE, "Contexts: what get does where").
 */
export interface ExecutionContext {
  /** `"interactive"`: loads or computes. `"executor"`: inside a run, loads only. */
  readonly mode: "interactive" | "executor";
  /** The runtime that it belongs to. */
  readonly runtime: Runtime;
  /** The artifact that is computed now; inside nested `get` calls the innermost. */
  readonly node?: Artifact;
  /** The computation that this is part of, where `get` computes. */
  readonly computation?: Computation;
  /** The time that the attempt spends itself, which does not pass while it waits for another one. */
  readonly ownTime?: OwnTime;
  /** The spec of the worker, in an executor. */
  readonly spec?: string;
  /** Aborts when the node's attempt is to end. */
  readonly signal?: AbortSignal;
  /** What the node's value is made without, by hash: noted while `create` runs, for its record. */
  readonly lacks?: Map<string, Lack>;
}

/** Notes what a value lacks that the code of a context was just given: what is made of it lacks the same. */
export function noteLacksOf(
  context: ExecutionContext | undefined,
  { name, hash }: Artifact,
  { partial = [] }: Pick<SuccessRecord, "partial">,
): void {
  const { lacks } = context ?? {};
  for (const lack of partial) {
    if (lacks?.has(lack.hash) === false) lacks.set(lack.hash, { through: { name, hash }, ...lack });
  }
}

/** Runs code under a context, which holds across everything asynchronous that it starts. */
export function withContext<T>(context: ExecutionContext, code: () => T): T {
  return storage().run(context, code);
}

/** The context of the code that runs now; `undefined` outside any computation. */
export function currentContext(): ExecutionContext | undefined {
  return storage().getStore() ?? furuGlobals().strayContext as ExecutionContext | undefined;
}

/** Makes this process a worker: code that belongs to no task is refused as an executor, never interactive. */
export function refuseStrayCode(runtime: Runtime): void {
  const context: ExecutionContext = { mode: "executor", runtime };
  furuGlobals().strayContext = context;
}

/**
 * One for all copies of furu in the process, so that a pipeline that brings its own is held to the same
 * rules.
 */
function storage(): AsyncLocalStorage<ExecutionContext> {
  const globals = furuGlobals();
  return (globals.context ??= new AsyncLocalStorage()) as AsyncLocalStorage<ExecutionContext>;
}

/**
 * Refuses a run that is started by a task, or by code that a run calls.
 *
 * @param call The function's name.
 * @throws {ExecutionError} naming the artifact inside of which it was called.
 */
export function refuseInside(call: string): void {
  const context = currentContext();
  if (!context) return;
  const where = context.node ? ` inside ${context.node}` : "";
  throw new ExecutionError(
    `Cannot call ${call}()${where}: a run cannot be started inside of a run or a task`,
  );
}

/**
 * Refuses what would run while a worker only imports the module to find its tasks.
 *
 * @throws {ExecutionError} that says how to guard the call.
 */
export function refuseWhileLoading(call: string): void {
  const module = furuGlobals().loadingModule;
  if (typeof module !== "string") return;
  throw new ExecutionError(
    `Cannot call ${call}() while a worker imports ${module}: guard it with 'if (import.meta.main) { ... }'`,
  );
}
