import type { NodeState, StatusSource } from "../plan/node.ts";
import type { JobWord, TaskListing } from "../store/store.ts";
import { findCounting } from "../run/partial/counts.ts";
import type { Runtime } from "../run/runtime.ts";
import { readEnds } from "../store/results/ends.ts";
import { usageOfTask } from "../store/results/task_usage.ts";
import { attemptPaths } from "../store/layout.ts";
import { ClaimWatch, describeOwner } from "../store/claims/liveness.ts";
import { describeQueued, type QueuedJob, readQueued, removeQueued } from "../store/claims/queued.ts";
import { isPlainlyGood } from "../store/record.ts";
import { ARTIFACT, type Artifact, knownIdentity } from "../task/artifact/artifact.ts";
import { mayBePartial } from "../task/tolerated.ts";

/** Options of {@link storeStatus}. */
export interface StoreStatusOptions {
  /**
   * Whether a queued job is known to have ended. It counts as in progress until then, and stays queued: a
   * look changes nothing.
   *
   * @default {what the runtime's scheduler says; then it is queued no more}
   */
  isOver?: (queued: QueuedJob) => Promise<boolean>;
  /**
   * The run that asks: its own partial results count.
   *
   * @default {none}
   */
  run?: string;
}

/** Tells plans what the store holds. */
export function storeStatus(runtime: Runtime, options: StoreStatusOptions = {}): StatusSource {
  return {
    listTask: (name, wanted): Promise<TaskListing> => runtime.store.listTask(name, wanted),
    // What is to be computed again when it is damaged has to be found out before what needs it is begun.
    needsValidation: (artifact) =>
      artifact[ARTIFACT].task.validate !== undefined || runtime.config.recomputeDamaged ||
      mayBePartial(artifact),
    inspect: (artifact) => inspect(runtime, artifact, options),
    usage: (name) => usageOfTask(runtime.store, name),
  };
}

/** The state of one artifact: DONE, IN_PROGRESS, FAILED or TODO (ARCHITECTURE, "Planner and scheduler"). */
async function inspect(
  runtime: Runtime,
  artifact: Artifact,
  { isOver, run }: StoreStatusOptions,
): Promise<NodeState> {
  const { task } = artifact[ARTIFACT];
  const identity = knownIdentity(artifact);
  const { record } = runtime.store.paths(artifact);
  if (!task.validate && identity && isPlainlyGood(await runtime.store.read(record) ?? "", identity)) {
    return { status: "DONE" };
  }
  const { retryFailed: retries } = runtime.config;
  const found = await findCounting(runtime, artifact, { tolerant: true, value: false, run, retries });
  if (found.state === "valid") return { status: "DONE" };
  const paths = runtime.store.paths(artifact);
  // One look proves no lease to have run out, so only a process that is gone counts as dead here.
  const look = await new ClaimWatch(runtime.store, paths).look();
  if (look.state === "alive") {
    const outside = look.holder.slurm === undefined ? { outside: true } : {};
    return { status: "IN_PROGRESS", owner: describeOwner(look.holder), ...outside };
  }
  if (look.state === "unknown") return { status: "IN_PROGRESS", owner: `unknown (${look.why})` };
  const queued = await readQueued(runtime.store, paths);
  if (queued && !await (isOver ? isOver(queued) : dropQueued(runtime, artifact, queued))) {
    return { status: "IN_PROGRESS", owner: describeQueued(queued) };
  }
  if (found.state === "invalid" && found.partial) {
    return { status: "TODO", reason: "partial", detail: `what is stored is partial, and ${found.why}` };
  }
  if (found.state === "invalid") {
    return { status: "TODO", reason: "invalid", detail: `what is stored is invalid: ${found.why}` };
  }
  const ends = await readEnds(runtime.store, paths);
  // Elsewhere than on Slurm a spec is a name, and bounds nothing.
  const lacking = ends.filter(({ lack, spec, run }) =>
    lack !== undefined && spec !== undefined && run !== undefined && !/^(get|local)-/.test(run)
  );
  const tooLittle = lacking.length === 0
    ? {}
    : { tooLittle: lacking.map(({ spec, lack }) => ({ spec, lack })) };
  const end = ends.at(-1);
  if (!end || end.kind === "preempted") return { status: "TODO", reason: "missing", ...tooLittle };
  if (runtime.config.retryFailed) {
    const detail = `attempt ${end.attempt} failed: ${end.error}`;
    return { status: "TODO", reason: "retry", detail, ...tooLittle };
  }
  const log = attemptPaths(paths, { n: end.attempt, id: end.id }).log;
  return { status: "FAILED", error: end.error, log };
}

/**
 * Removes what says that a job is queued for an artifact, where the scheduler knows that it will never begin.
 *
 * @returns Whether it was removed. Then the artifact is free.
 */
async function dropQueued(runtime: Runtime, artifact: Artifact, queued: QueuedJob): Promise<boolean> {
  const word = await runtime.queuedHint?.(queued, { wait: true });
  return await dropGone(runtime, artifact, queued, word);
}

/** As {@link dropQueued}, when the scheduler was asked already. */
export async function dropGone(
  { store, logger }: Pick<Runtime, "store" | "logger">,
  artifact: Artifact,
  queued: QueuedJob,
  word: JobWord | undefined,
): Promise<boolean> {
  if (word?.state !== "gone") return false;
  logger.warn(`${artifact}: ${describeQueued(queued)} will never begin: ${word.why}`);
  await removeQueued(store, store.paths(artifact), queued.name);
  return true;
}
