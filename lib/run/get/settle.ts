import { ExecutionError, type FuruError, lasting } from "../../core/errors.ts";
import { isDamage } from "../../store/record.ts";
import { ARTIFACT, type Artifact, isArtifact, type Value } from "../../task/artifact/artifact.ts";
import { parametersWith, toleratedOf } from "../../task/tolerated.ts";
import { currentContext, type ExecutionContext, noteLacksOf, refuseWhileLoading } from "../context.ts";
import { defaultRuntime, type SchedulerHints } from "../default_runtime.ts";
import { damagedMissing, isFailure, type Missing, missingOf } from "../partial/lacks.ts";
import { findForSure } from "../result.ts";
import type { Runtime } from "../runtime.ts";
import { getWith } from "./get.ts";

/**
 * What became of an artifact, as `Promise.allSettled` says it: its value, or why there is none.
 *
 * @typeParam A The artifact.
 */
export type Settled<A extends Artifact = Artifact> =
  | {
    /** It has a result. */
    readonly status: "fulfilled";
    /** The artifact. */
    readonly artifact: A;
    /** What `get` returns for it. */
    readonly value: Value<A>;
  }
  | {
    /** It failed for good. */
    readonly status: "rejected";
    /** The artifact. */
    readonly artifact: A;
    /** The error of its last attempt: its message, `log`, and as its `cause` what `create` threw. */
    readonly reason: FuruError;
  };

/** As the users' `settle`, with what a scheduler knows of others that compute the same artifacts. */
export async function settleArtifact<A extends Artifact>(
  artifact: A,
  hints: SchedulerHints = {},
): Promise<Settled<A>> {
  refuseWhileLoading("settle");
  const context = currentContext();
  const runtime = context?.runtime ?? defaultRuntime(hints);
  return await settleWith(runtime, context, artifact) as Settled<A>;
}

async function settleWith(
  runtime: Runtime,
  context: ExecutionContext | undefined,
  artifact: Artifact,
): Promise<Settled> {
  if (!isArtifact(artifact)) {
    throw new ExecutionError(
      `Cannot settle ${Deno.inspect(artifact, { depth: 1 })}: it is no artifact; for several of them: ` +
        `Promise.all(artifacts.map(settle))`,
    );
  }
  if (context?.node) refuseUntolerated(context.node, artifact);
  const missing = context?.mode === "executor"
    ? await settleInExecutor(context, artifact)
    : await settleInteractive(runtime, context, artifact);
  if ("value" in missing) return { status: "fulfilled", artifact, value: missing.value };
  const { lack, reason } = missing;
  context?.lacks?.set(lack.hash, lack);
  return { status: "rejected", artifact, reason };
}

type Outcome = { readonly value: unknown } | Missing;

/** In a run all has ended that the node depends on: what has no result has none for good. */
async function settleInExecutor(context: ExecutionContext, artifact: Artifact): Promise<Outcome> {
  const { runtime, signal } = context;
  try {
    const found = await findForSure(runtime, artifact, signal ? { signal } : {});
    if (found.state === "valid") {
      noteLacksOf(context, artifact, found.result.record);
      return { value: await found.result.load() };
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    return await damagedMissing(runtime, artifact, error);
  }
  return await missingOf(runtime, artifact);
}

async function settleInteractive(
  runtime: Runtime,
  context: ExecutionContext | undefined,
  artifact: Artifact,
): Promise<Outcome> {
  try {
    return { value: await getWith(runtime, context, artifact) };
  } catch (error) {
    if (isDamage(error)) return await damagedMissing(runtime, artifact, error);
    if (!isFailure(error)) throw error;
    return { ...await missingOf(runtime, artifact), reason: error };
  }
}

/** Also of what has succeeded: that the option is missing is to be found out before anything fails. */
function refuseUntolerated(node: Artifact, artifact: Artifact): void {
  const tolerated = toleratedOf(node);
  if (tolerated.has(artifact.hash)) return;
  const { tolerate = [] } = node[ARTIFACT].task;
  const inParams = parametersWith(node, artifact.hash);
  const notYet = inParams.filter((key) => !tolerate.includes(key));
  const why = notYet.length > 0
    ? `add 'tolerate: ${
      JSON.stringify([...tolerate, ...notYet])
    }' to the options of task '${node.name}', so ` +
      `that it is computed although one in ${notYet.map((key) => `'${key}'`).join(" and ")} fails`
    : inParams.length > 0
    ? `its 'dependencies' name that one, too, and what they name is needed`
    : `only what stands in its parameters can be settled: make it one, and name that in 'tolerate'`;
  throw lasting(
    new ExecutionError(`Cannot settle ${artifact}, asked for by ${node}: ${why}`, {
      artifact: `${artifact}`,
    }),
  );
}
