import { join } from "@std/path/join";
import { errorText } from "../../core/errors.ts";
import { type FailureInit, writeFailure } from "../../queue/failure.ts";
import { type FencedFolder, readEnd, removeFenced } from "../../queue/fence.ts";
import { todoDir } from "../../queue/layout.ts";
import { listWorkers } from "../../queue/worker_liveness.ts";
import { moveFile } from "../../store/file_steps.ts";
import { parseTaskName, type TaskName } from "../../queue/task_file.ts";
import type { WorkerEnd } from "../../queue/worker_record.ts";
import { declareDead, declareSucceeded } from "../../store/claims/attempt_end.ts";
import { attemptPaths } from "../../store/layout.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import type { ClaimRecord } from "../../store/record.ts";
import { concernsOneArtifact, isRefusal } from "../../store/store.ts";
import type { ControllerContext } from "./context.ts";
import { storedResult } from "./stored_result.ts";

type End = Pick<WorkerEnd, "kind" | "why" | "worker">;

/** For a worker whose end cannot be read any more. */
const NO_END: End = { kind: "compute", why: "nobody has written how it ended" };

/**
 * Moves the tasks of a worker that was declared dead to where they belong: those with a result are done, the others have
 * failed by what is known of the worker's end. Can be repeated after any interruption, by anybody who is the controller.
 */
export async function settleFenced(context: ControllerContext, folder: FencedFolder): Promise<void> {
  const { runtime: { store }, leadership } = context;
  const end = folder.end ?? NO_END;
  for (const file of folder.files) {
    const name = parseTaskName(file);
    if (!name) continue;
    await leadership.check();
    await settle(context, folder, end, { file, name });
  }
  await removeFenced(store, folder);
}

async function settle(
  context: ControllerContext,
  folder: FencedFolder,
  end: End,
  { file, name }: { file: string; name: TaskName },
): Promise<void> {
  const { runtime: { store }, paths, nodes, artifactOf } = context;
  const from = join(folder.dir, file);
  const fail = async (failure: FailureInit): Promise<void> => {
    const node = end.worker === undefined ? {} : { node: end.worker.node };
    await writeFailure(store, paths, file, { ...failure, worker: folder.id, ...node });
    await moveFile(store, from, join(paths.failed, file));
  };
  if (!nodes.has(name.hash)) return await fail({ kind: "protocol", error: "It is no artifact of the run" });
  const artifact = artifactOf(name.hash);
  const home = store.paths(artifact);
  const claimOfIts = async (): Promise<ClaimRecord | undefined> => {
    const claim = await readClaim(store, home);
    return claim?.worker === folder.id ? claim : undefined;
  };
  const because = `its worker ${folder.id} died: ${end.why}`;
  let own: ClaimRecord | undefined;
  try {
    const result = await storedResult(context, artifact);
    own = await claimOfIts();
    if (result) {
      // It died after it had stored the result, or while somebody else did.
      if (own?.id === result.id) await declareSucceeded(store, home, own);
      else if (own) await declareDead(store, home, own, because);
      await moveFile(store, from, join(paths.done, file));
      return;
    }
  } catch (error) {
    if (!concernsOneArtifact(error) || !isRefusal(error)) throw error;
    return await fail({ kind: "compute", lasting: true, error: errorText(error) });
  }
  if (own) await declareDead(store, home, own, because);
  if (end.kind === "silent" && await isFirstSilent(context, folder)) {
    // Whoever never gave a sign of life says nothing of the task: it costs no attempt, once.
    await moveFile(store, from, join(todoDir(paths, folder.spec), file));
    return;
  }
  const log = own && attemptPaths(home, { n: own.attempt, id: own.id }).log;
  await fail({
    kind: end.kind === "silent" ? "protocol" : end.kind,
    error: end.kind === "silent"
      ? `A worker never gave a sign of life, for the second time in the run: ${end.why}`
      : `I${because.slice(1)}`,
    ...(log === undefined ? {} : { log }),
    ...(own === undefined ? {} : { storeAttempt: own.attempt }),
  });
}

/** The files tell which worker of the run was the first that never gave a sign of life. */
async function isFirstSilent(
  { runtime: { store }, paths }: ControllerContext,
  { id, end }: FencedFolder,
): Promise<boolean> {
  for (const [other, { end: judged }] of await listWorkers(store, paths)) {
    if (other === id || !judged) continue;
    const before = await readEnd(store, paths, other);
    if (before?.kind !== "silent" || !end) continue;
    if (before.at < end.at || (before.at === end.at && other < id)) return false;
  }
  return true;
}
