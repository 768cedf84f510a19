import { join } from "@std/path/join";
import { errorText } from "../../core/errors.ts";
import { type FailureInit, writeFailure } from "../../queue/failure.ts";
import { type FencedFolder, readEnd, removeFenced } from "../../queue/fence.ts";
import { todoDir } from "../../queue/layout.ts";
import { placeDirs } from "../../queue/shelf.ts";
import { parseTaskName, type TaskName } from "../../queue/task_file.ts";
import { listWorkers } from "../../queue/worker_liveness.ts";
import type { WorkerEnd } from "../../queue/worker_record.ts";
import { findCounting } from "../../run/partial/counts.ts";
import { settleLogged } from "../../run/settle_logged.ts";
import { declareDead } from "../../store/claims/attempt_end.ts";
import { numberOfAttempt } from "../../store/claims/claim.ts";
import { ClaimWatch } from "../../store/claims/liveness.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import { moveFile } from "../../store/file_steps.ts";
import { attemptPaths } from "../../store/layout.ts";
import type { ClaimRecord } from "../../store/record.ts";
import { concernsOneArtifact, isRefusal, listOrNothing } from "../../store/store.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import type { ControllerContext, PoolContext } from "./context.ts";

/** A result that counts. */
export interface StoredResult {
  /** Id of the attempt that it is of. */
  readonly id: string;
  /** Whether this run computed it. */
  readonly computed: boolean;
  /** Where it comes from, as its record says. */
  readonly provenance: Readonly<Record<string, unknown>>;
}

/**
 * Finds the result of an artifact that counts for the run. What is missing was looked for twice,
 * so that a host's stale memory of the name does not count.
 *
 * @throws {StoreError} when the record is damaged or cannot be read; the signal's reason when the controller
 * ends.
 */
export async function storedResult(
  { runtime, run, forced, closing }: Pick<ControllerContext, "runtime" | "run" | "forced" | "closing">,
  artifact: Artifact,
): Promise<StoredResult | undefined> {
  const found = await findCounting(runtime, artifact, {
    ...{ surely: true, tolerant: true, value: false, signal: closing },
    ...{ run: run.runId, retries: run.config.retryFailed },
    ...(forced?.has(artifact) ? { replaceDamaged: true } : {}),
  });
  if (found.state !== "valid") return undefined;
  const { id, run: by, provenance } = found.result.record;
  const computed = by === run.runId;
  return computed || !forced?.has(artifact) ? { id, computed, provenance } : undefined;
}

type End = Pick<WorkerEnd, "kind" | "why" | "worker" | "lack">;

/** So many tasks are taken back at the same time. */
const WIDTH = 32;
/** For a worker whose end cannot be read any more. */
const NO_END: End = { kind: "compute", why: "nobody has written how it ended" };

/**
 * Moves the tasks of a worker that was declared dead to where they belong: those with a result are done, the
 * others have failed by what is known of the worker's end. Can be repeated after any interruption, by anybody
 * who is the controller.
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
      if (own) await declareDead(store, home, own, because);
      await moveFile(store, from, join(paths.done, file));
      return;
    }
  } catch (error) {
    if (!concernsOneArtifact(error) || !isRefusal(error)) throw error;
    return await fail({ kind: "compute", lasting: true, error: errorText(error) });
  }
  const attempt = own && await numberOfAttempt(store, home, own);
  const lack = end.lack === undefined ? {} : { lack: end.lack };
  if (own) await declareDead(store, home, own, because, { ...lack, spec: folder.spec });
  if (end.kind === "silent" && await isFirstSilent(context, folder)) {
    // A worker that never gave a sign of life says nothing of the task: that costs no attempt, once.
    await moveFile(store, from, join(todoDir(paths, folder.spec), file));
    return;
  }
  const log = own && attemptPaths(home, { n: attempt ?? 1, id: own.id }).log;
  await fail({
    kind: end.kind === "silent" ? "protocol" : end.kind,
    error: end.kind === "silent"
      ? `A worker never gave a sign of life, for the second time in the run: ${end.why}`
      : `I${because.slice(1)}`,
    ...lack,
    ...(log === undefined ? {} : { log }),
    ...(attempt === undefined ? {} : { storeAttempt: attempt }),
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

/** Takes back all tasks that no worker has claimed, and tells the scheduler. */
export async function withdrawTodo(context: ControllerContext): Promise<void> {
  const { tasks, report, specs } = context;
  await takeTodo(context, specs, (name) => {
    if (tasks.apply({ type: "withdrawn", name })) report({ type: "withdrawn", hash: name.hash });
  });
}

/**
 * Takes back the tasks of a spec that no worker has claimed, as no worker of it can be had: they fail without
 * an attempt, through no fault of their own.
 *
 * @returns How many.
 */
export async function failTodo(
  context: ControllerContext,
  spec: string,
  error: string,
  log: string | undefined,
): Promise<number> {
  const { tasks, report, limiter } = context;
  let count = 0;
  for (let before = -1; count > before;) {
    before = count;
    await takeTodo(context, [spec], (name) => {
      if (!tasks.apply({ type: "failed", name })) return;
      count++;
      const { hash, attempt, lost } = name;
      const end = { outcome: "failed", blame: "lost", lasting: true, error, log } as const;
      report({ type: "failed", hash, failedEnds: attempt - 1, lostEnds: lost, end });
    });
    // Those that waited for room come now.
    await limiter.idle();
  }
  return count;
}

async function takeTodo(
  { runtime: { store }, paths, leadership }: ControllerContext,
  specs: readonly string[],
  then: (name: TaskName) => void,
): Promise<void> {
  for (const spec of specs) {
    const dir = todoDir(paths, spec);
    const take = async ({ name: file }: { name: string }): Promise<void> => {
      const name = parseTaskName(file);
      if (!name) return;
      await leadership.check();
      if (await moveFile(store, join(dir, file), join(paths.withdrawn, file))) then(name);
    };
    const names = (await listOrNothing(store.machine, dir)).values();
    const lane = async (): Promise<void> => {
      for (const entry of names) await take(entry);
    };
    // An error is thrown as it is: who has lost the role is known by that, and each step looks for it.
    await Promise.all(Array.from({ length: WIDTH }, lane));
  }
}

/**
 * Tidies up when the run has ended: no task stays in a folder that says that something is to come, and no
 * claim of a worker that died.
 */
export async function tidyQueue(context: ControllerContext): Promise<void> {
  const { runtime: { store }, paths, nodes, artifactOf, leadership } = context;
  await withdrawTodo(context);
  for (const dir of await placeDirs(store, paths, "waiting")) {
    for (const { name: file } of await listOrNothing(store.machine, dir)) {
      const hash = parseTaskName(file)?.hash;
      if (hash === undefined || !nodes.has(hash)) continue;
      await leadership.check();
      const result = await storedResult(context, artifactOf(hash));
      await moveFile(store, join(dir, file), join(result ? paths.done : paths.withdrawn, file));
    }
  }
  await tidyClaims(context);
}

/**
 * Removes the claims of workers that died between storing a result and ending their claim: the task's file
 * was moved on, so that nobody else would come upon them. Only where a worker has died in the run; one
 * listing for each name of a task.
 *
 * @throws {StoreError} If the store cannot be read or written.
 */
export async function tidyClaims(
  { runtime, paths, run, leadership, artifactOf }: Pick<
    PoolContext,
    "runtime" | "paths" | "run" | "leadership" | "artifactOf"
  >,
): Promise<void> {
  const { store } = runtime;
  const workers = await listWorkers(store, paths);
  if (![...workers.values()].some(({ end }) => end)) return;
  for (const [name, nodes] of Map.groupBy(run.nodes, (node) => node.name)) {
    const { done, open } = await store.listTask(name);
    for (const { hash } of nodes) {
      if (!done.has(hash) || !open.has(hash)) continue;
      await leadership.check();
      try {
        await tidyClaim(runtime, run.runId, artifactOf(hash));
      } catch (error) {
        // A claim that cannot be read is not this run's, and a damaged record has failed its node already.
        if (!concernsOneArtifact(error)) throw error;
      }
    }
  }
}

async function tidyClaim(
  runtime: PoolContext["runtime"],
  runId: string,
  artifact: Artifact,
): Promise<void> {
  const { store } = runtime;
  const home = store.paths(artifact);
  const look = await new ClaimWatch(store, home).look();
  if (look.state === "absent" || look.state === "unknown" || look.holder.run !== runId) return;
  await settleLogged(runtime, artifact, look);
}
