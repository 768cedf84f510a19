/**
 * One process of a large run on this machine, whose store and id the arguments name: `control` is its controller,
 * `work 50` so many of its workers. Prints what it took as JSON.
 *
 * @module
 */
import process from "node:process";
import { z } from "zod";
import { resolveConfig } from "../lib/core/config.ts";
import type { Files } from "../lib/core/system/files.ts";
import type { Machine } from "../lib/core/system/machine.ts";
import { systemMachine } from "../lib/core/system/system_machine.ts";
import { controlPool } from "../lib/pool/controller/control_pool.ts";
import type { WorkerJob, WorkerLauncher } from "../lib/pool/launcher.ts";
import { acquireLeadership } from "../lib/pool/leadership.ts";
import { runPoolWorker } from "../lib/pool/worker/pool_worker.ts";
import { type QueuePaths, queuePaths } from "../lib/queue/layout.ts";
import { remoteArtifacts, taskArtifact } from "../lib/remote/remote_artifact.ts";
import { readPoolHead, readRun } from "../lib/remote/run_record.ts";
import { type Computer, InlineComputer } from "../lib/run/computer.ts";
import { Runtime } from "../lib/run/runtime.ts";
import type { Artifact } from "../lib/task/artifact/artifact.ts";
import { defineTask } from "../lib/task/define.ts";
import { readPayload } from "../lib/worker/protocol/payload_files.ts";

/** A task that takes no time. */
export const Tiny = defineTask({
  name: "bench/ScaleTiny",
  params: z.object({ n: z.int() }),
  create: ({ params }): number => params.n,
});

/** What one of the processes took. */
export interface ProcessCost {
  /** Milliseconds from the begin to the end of controlling; 0 of workers. */
  readonly ms: number;
  /** Most memory that it had, in MB. */
  readonly memoryMb: number;
  /** Seconds of processor time. */
  readonly cpuSec: number;
  /** Operations on files by kind. */
  readonly operations: Readonly<Record<string, number>>;
}

/** The key of the nth worker. */
function keyOf(n: number): string {
  return `worker-${n}`;
}

/** A runtime whose operations on files are counted, without anything of a project. */
export function countedRuntime(root: string, operations: Record<string, number> = {}): Runtime {
  const real = systemMachine();
  const files = new Proxy(real.files, {
    get: (target, kind: keyof Files & string) => (...args: unknown[]) => {
      operations[kind] = (operations[kind] ?? 0) + 1;
      return (target[kind] as (...args: unknown[]) => unknown).apply(target, args);
    },
  });
  // What tasks do to this process is no business of it: there are none but ours.
  const machine: Machine = { ...real, files, simulated: true };
  return new Runtime({
    config: resolveConfig({ root }),
    machine,
    provenance: { collect: () => Promise.resolve({}), git: () => Promise.resolve(undefined) },
    logger: { debug() {}, info() {}, warn: console.error, error: console.error },
    guard: (attempt) => attempt(new AbortController().signal),
    echo: () => {},
  });
}

/** Workers that are there already, and that nobody can add to. */
function launcherOf(workers: number): WorkerLauncher {
  const jobs: WorkerJob[] = Array.from({ length: workers }, (_, order) => ({
    key: keyOf(order),
    id: keyOf(order),
    spec: "default",
    order,
    state: { status: "running", text: "RUNNING" },
  }));
  return {
    canSubmit: false,
    submit: () => Promise.resolve({ taken: 0 }),
    jobs: () => Promise.resolve({ jobs }),
    cancelPending: () => Promise.resolve(),
    cancelAll: () => Promise.resolve(),
  };
}

async function control(runtime: Runtime, paths: QueuePaths, workers: number): Promise<void> {
  const run = await readRun(runtime, paths, "pool");
  const claim = await acquireLeadership(runtime, paths, { runId: run.runId });
  if (typeof claim === "string") throw new Error(`Cannot measure: the role is ${claim}`);
  const result = await controlPool(runtime, {
    paths,
    run,
    claim,
    launcher: launcherOf(workers),
    artifactOf: remoteArtifacts(run),
    onEvent: (event) => event.type === "message" && console.error(event.text),
    signal: new AbortController().signal,
  });
  const computed = result?.summary.computed;
  if (computed !== run.nodes.length) {
    throw new Error(`Cannot measure: ${computed} of ${run.nodes.length} were computed`);
  }
}

async function work(runtime: Runtime, paths: QueuePaths, first: number, count: number): Promise<void> {
  const run = await readPoolHead(runtime, paths);
  const inline = new InlineComputer(runtime, run.runId);
  const computer: Computer = {
    inProcess: false,
    compute: async (attempt) => {
      // As a computing process is told of it.
      const { params } = await readPayload(runtime, paths.run, attempt.artifact.hash);
      const artifact: Artifact = Tiny(JSON.parse(params));
      return await inline.compute({ ...attempt, artifact });
    },
    kill: () => inline.kill(),
    close: () => inline.close(),
  };
  const workers = Array.from({ length: count }, (_, n) =>
    runPoolWorker(runtime, {
      paths,
      run,
      spec: "default",
      slots: 1,
      node: `n${first + n}`,
      job: keyOf(first + n),
      computer,
      artifactOf: taskArtifact,
      signal: new AbortController().signal,
      onEvent: () => {},
    }));
  await Promise.all(workers);
}

if (import.meta.main) {
  const [root = "", runId = "", role = "", first = "0", count = "0"] = Deno.args;
  const operations: Record<string, number> = {};
  const runtime = countedRuntime(root, operations);
  const paths = queuePaths(root, runId);
  let memory = 0;
  const watch = setInterval(() => memory = Math.max(memory, Deno.memoryUsage().rss), 200);
  const began = performance.now();
  if (role === "control") await control(runtime, paths, Number(count));
  else await work(runtime, paths, Number(first), Number(count));
  clearInterval(watch);
  const { user, system } = process.cpuUsage();
  const cost: ProcessCost = {
    ms: performance.now() - began,
    memoryMb: memory / 2 ** 20,
    cpuSec: (user + system) / 1e6,
    operations,
  };
  console.log(JSON.stringify(cost));
}
