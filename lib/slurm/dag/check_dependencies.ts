import { errorText } from "../../core/errors.ts";
import { makePlan } from "../../plan/graph.ts";
import { findForSure, type Found } from "../../run/result.ts";
import { codeFault } from "../../remote/code_fault.ts";
import type { DagHead, DagNode } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { storeStatus } from "../../schedule/status_source.ts";
import { watchElsewhere } from "../../schedule/watch.ts";
import { readEnds } from "../../store/results/ends.ts";
import { concernsOneArtifact, isRefusal } from "../../store/store.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import { toleratedOf } from "../../task/tolerated.ts";

/** The reason for which an artifact cannot be computed. */
export interface Lacking {
  /** `dependency`: one failed, which is a failure of its own. `protocol`: one is gone that was there. */
  kind: "dependency" | "protocol";
  /** Which one, and why. */
  error: string;
}

/** What a job is to compute. */
export interface OwnTask {
  /** Its run. */
  readonly run: DagHead;
  /** Its node. */
  readonly node: DagNode;
  /** The artifact of that. */
  readonly artifact: Artifact;
}

/**
 * Makes sure that the code is that of the run, and that all dependencies of an artifact are stored and valid.
 * A dependency that somebody alive computes at the moment is waited for. One that may fail for good is not
 * needed.
 *
 * @returns Why it cannot be computed; `undefined` if it can.
 * @throws The signal's reason when it aborts.
 */
export async function checkDependencies(
  runtime: Runtime,
  task: OwnTask,
  signal: AbortSignal,
): Promise<Lacking | undefined> {
  const { run, artifact } = task;
  const fault = codeFault(run);
  if (fault !== undefined) return { kind: "protocol", error: fault };
  const tolerated = toleratedOf(artifact);
  for (const dependency of artifact[ARTIFACT].dependencies) {
    const isTolerated = tolerated.has(dependency.hash);
    let found: Found;
    try {
      found = await findForSure(runtime, dependency, { value: false, signal });
    } catch (error) {
      // It is damaged, or of a newer furu. The error's own words name the file, and what to do.
      if (!concernsOneArtifact(error) || !isRefusal(error)) throw error;
      if (isTolerated) continue;
      return { kind: "protocol", error: errorText(error) };
    }
    if (found.state === "valid" || found.state === "invalid" && isTolerated) continue;
    if (found.state === "invalid") {
      return { kind: "protocol", error: `what is stored for ${dependency} is invalid: ${found.why}` };
    }
    const lacking = await whyMissing(runtime, task, dependency, signal);
    // Its job has ended, however that was: this one goes on without.
    if (lacking && !isTolerated) return lacking;
  }
  return undefined;
}

async function whyMissing(
  runtime: Runtime,
  { run, node }: OwnTask,
  dependency: Artifact,
  signal: AbortSignal,
): Promise<Lacking | undefined> {
  const seen = await watchElsewhere(runtime, {
    artifact: dependency,
    runId: run.runId,
    signal,
    forced: undefined,
    replan: (one) => makePlan([one], storeStatus(runtime)),
  });
  if (seen.type === "done") return undefined;
  const end = (await readEnds(runtime.store, runtime.store.paths(dependency))).at(-1);
  if (end) {
    return {
      kind: "dependency",
      error: `dependency ${dependency} failed (attempt ${end.attempt}): ${end.error}`,
    };
  }
  if (node.dependencies.some((hash) => hash === dependency.hash)) {
    return {
      kind: "dependency",
      error: `dependency ${dependency} failed: its job left neither result nor error`,
    };
  }
  return {
    kind: "protocol",
    error:
      `dependency ${dependency} is not stored any more, though it was when the run was planned; run again`,
  };
}
