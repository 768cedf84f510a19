import { delay } from "@std/async/delay";
import type { Shortage } from "../../lib/core/attempt_end.ts";
import { readEnded } from "../../lib/pool/ended.ts";
import type { LossReason } from "../../lib/pool/launcher.ts";
import { runPoolWorker } from "../../lib/pool/worker/pool_worker.ts";
import { writePreflightFailure } from "../../lib/pool/preflight_failure.ts";
import { enterQueue, type WorkerFolder } from "../../lib/queue/worker_dir.ts";
import type { FailureInit } from "../../lib/queue/failure.ts";
import { readStop } from "../../lib/queue/requests.ts";
import { InlineComputer } from "../../lib/run/computer.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { AttemptBackend } from "../../lib/schedule/attempt_backend.ts";
import type { BackendEvent } from "../../lib/schedule/backend.ts";
import { tryClaim } from "../../lib/store/claims/claim.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import type { PoolRig } from "./rig.ts";

/** What a worker is to do besides working well. */
export interface WorkerPlan {
  /** Its job ends before it begins, with this word of the scheduler. */
  never?: string;
  /** It finds that it cannot work, on its node or at all, before it begins. */
  refuses?: "node" | "protocol";
  /** The evidence that it is not the task's fault. */
  loss?: LossReason;
  /** What its job had too little of. */
  lack?: Shortage;
  /** It dies at the nth task that it claims, from 0: having claimed the artifact (`begun`), or before. */
  diesAt?: { task: number; begun: boolean; done?: boolean };
  /** It claims a task, and nothing is heard of it any more. */
  silent?: boolean;
  /** It cannot start tasks on its node, and leaves when it has found that out. */
  unstartable?: boolean;
  /** It says that a task is done without computing it, for the first so many tasks. */
  lies?: number;
}

/** A worker that pulls from the queue, in this process: the real one, unless it is to do something odd. Resolves to what its scheduler says of how it ended. */
export async function fakeWorker(
  rig: PoolRig,
  job: { key: string; spec: string; node: string },
  plan: WorkerPlan,
  signal: AbortSignal,
): Promise<string> {
  const runtime = rig.process();
  if (Object.keys(plan).length === 0) return await goodWorker(runtime, rig, job, signal);
  const { store } = runtime;
  if (plan.refuses) {
    const { key, spec, node } = job;
    const init = { id: `unfit-${key}`, spec, node, job: key, kind: plan.refuses, error: "no room" };
    await writePreflightFailure(store, rig.paths, init);
    return "FAILED exit 1";
  }
  const folder = await enterQueue(store, rig.paths, {
    spec: job.spec,
    node: job.node,
    job: job.key,
    slots: 1,
  });
  let claimed = 0;
  while (!signal.aborted && !folder.lost.aborted && await folder.stillThere()) {
    if (await readEnded(store, rig.paths) || await readStop(store, rig.paths)) break;
    for (const file of await folder.listTodo()) {
      if (signal.aborted || await folder.claim(file) !== "claimed") continue;
      const artifact = rig.artifacts.get(file.split(".")[0] as never)!;
      const task = claimed++;
      if (plan.silent) return "silent";
      if (plan.diesAt?.task === task) {
        if (plan.diesAt.done) await compute(rig, folder, artifact, signal);
        if (plan.diesAt.begun) {
          await tryClaim(store, store.paths(artifact), {
            backend: "slurm-pool",
            run: rig.run.runId,
            worker: folder.id,
          });
        }
        rig.kill(runtime.pid);
        return plan.loss === undefined ? "FAILED (killed by SIGKILL)" : plan.loss.toUpperCase();
      }
      if (plan.unstartable) {
        await folder.fail(file, {
          kind: "start",
          error: "Cannot import it here",
          worker: folder.id,
          node: job.node,
        });
        await folder.leave();
        return "COMPLETED";
      } else if ((plan.lies ?? 0) > task) {
        await folder.done(file);
      } else {
        await giveBack(folder, file, await compute(rig, folder, artifact, signal), job.node);
      }
    }
    await delay(3);
  }
  await folder.leave();
  return "COMPLETED";
}

async function goodWorker(
  runtime: Runtime,
  rig: PoolRig,
  { key, spec, node }: { key: string; spec: string; node: string },
  signal: AbortSignal,
): Promise<string> {
  await runPoolWorker(runtime, {
    paths: rig.paths,
    run: rig.run,
    spec,
    slots: rig.run.options.tasksPerWorker,
    node,
    job: key,
    computer: new InlineComputer(runtime, rig.run.runId),
    artifactOf: ({ hash }) => rig.artifacts.get(hash)!,
    signal,
    onEvent: () => {},
  });
  return "COMPLETED";
}

async function compute(
  rig: PoolRig,
  folder: WorkerFolder,
  artifact: Artifact,
  signal: AbortSignal,
): Promise<BackendEvent | "stopped"> {
  const runtime = rig.process();
  const { runId } = rig.run;
  return await new Promise((resolve, reject) => {
    const backend = new AttemptBackend(runtime, {
      name: "slurm-pool",
      worker: folder.id,
      runId,
      computer: new InlineComputer(runtime, runId),
      forced: undefined,
      onEvent: () => {},
      signal,
      report: resolve,
    });
    backend.start(artifact, folder.record.spec);
    signal.addEventListener("abort", () => backend.stop("stop").then(() => resolve("stopped"), reject));
  });
}

async function giveBack(
  folder: WorkerFolder,
  file: string,
  event: BackendEvent | "stopped",
  node: string,
): Promise<void> {
  const at = { worker: folder.id, node };
  if (event === "stopped") {
    await folder.fail(file, { kind: "lost", error: "preempted: the worker was told to leave", ...at });
  } else if (event.type === "done") {
    await folder.done(file);
  } else if (event.type === "busy") {
    await folder.wait(file);
  } else if (event.type === "failed") {
    const { blame, error, stack, log, lack } = event.end;
    const failure: FailureInit = {
      kind: blame === "node" ? "start" : blame,
      error,
      ...at,
      ...(stack === undefined ? {} : { stack }),
      ...(log === undefined ? {} : { log }),
      ...(lack === undefined ? {} : { lack }),
    };
    await folder.fail(file, failure);
  }
}
