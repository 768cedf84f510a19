import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { resolve } from "@std/path/posix/resolve";
import { UsageError } from "../../core/errors.ts";
import { type RunLog, runLog } from "../../core/run_log.ts";
import { systemClock } from "../../core/system/clock.ts";
import type { EventSink } from "../../core/event.ts";
import { didYouMean } from "../../core/nearest.ts";
import { type PoolHead, readPoolHeadAt, wholeRun } from "../../remote/run_record.ts";
import { runPoolWorker } from "../../pool/worker/pool_worker.ts";
import { preflight } from "../../pool/worker/preflight.ts";
import { otherDeno } from "../../remote/code_fault.ts";
import { preflightFailedNodes } from "../../pool/preflight_failure.ts";
import type { Runtime } from "../../run/runtime.ts";
import { taskArtifact } from "../../remote/remote_artifact.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import { processAgeMs } from "../../core/system/process_age.ts";
import { systemMachine } from "../../core/system/system_machine.ts";
import { systemRuntime } from "../../run/default_runtime.ts";
import { snapshotUrl } from "../../snapshot/places.ts";
import { eventText } from "../../ui/event_text.ts";
import { plural } from "../../ui/text.ts";
import { PayloadSource } from "../../worker/protocol/payload_source.ts";
import { ProcessComputer } from "../../worker/process_computer.ts";
import { startOfRun } from "../client/job_command.ts";
import type { ControllingWorker } from "./controller_in_worker.ts";
import { ownSlurmJob, spanOfJob } from "../client/own_job.ts";
import { JobWatch } from "../jobs/job_watch.ts";
import { jobHints } from "../jobs/slurm_hints.ts";
import { askJobTime, JobSignals } from "../jobs/job_signals.ts";
import type { ParsedSpec } from "../client/spec.ts";
import { heapMbOf } from "../client/job_command.ts";
import { SlurmClient } from "../client/client.ts";
import {
  ENVIRONMENT_FILE_VARIABLE,
  environmentBeforeSetup,
  environmentOnNode,
} from "../client/environment.ts";
import { nodeName } from "../run/spec_clusters.ts";
import { signalLeadSec } from "../client/job_time.ts";
import { WORKER_MARK } from "../client/job_log.ts";

/** The start of a worker. */
export interface PoolJobOptions {
  /** The run's folder. */
  dir: string;
  /** The spec of the tasks that it takes. */
  spec: string;
  /** The key that its launcher gave it; none when it was started by hand. */
  job?: string;
  /**
   * The number of tasks that it computes at the same time.
   *
   * @default {as the run says}
   */
  slots?: number;
  /** The environment of this process. */
  env: Readonly<Record<string, string>>;
}

/**
 * The process of a worker: the supervisor of the tasks that it takes from a run's queue, one after another.
 * In a Slurm job, in a step of one, or started by hand on any machine that sees the run's folder.
 *
 * @returns Its exit code: 0 however it left; 1 when nothing can be computed here.
 * @throws {UsageError} for a folder that is no run of a pool. {@link StoreError} when the run's folder cannot
 * be used.
 */
export async function runPoolJob({ dir, spec, job, slots, env }: PoolJobOptions): Promise<number> {
  const { paths, run } = await openPoolRun(dir);
  const own = ownSlurmJob(env);
  // A step's job is none of its own: others of it live on when this one ends.
  const slurm = own !== undefined && own.name === job ? own : undefined;
  const onEvent = logSink();
  const log = runLog(onEvent, systemClock);
  const client = await clientOnNode(run, env, log);
  const jobs = new JobWatch(systemMachine(), client);
  const runtime = systemRuntime(rootedAt(run, paths), {
    git: run.git,
    slurm,
    ...jobHints(() => jobs),
  });
  await checkSpec(runtime, paths, run, spec);
  const node = nodeName(env.SLURMD_NODENAME ?? runtime.machine.self.host, env.SLURM_CLUSTER_NAME, run);
  const index = slurm && env.SLURM_ARRAY_TASK_ID;
  const key = job && index !== undefined ? `${job}_${index}` : job;
  log.info(`${WORKER_MARK}of run ${run.runId}, spec ${spec}, on ${node} (pid ${Deno.pid})`);
  const other = otherDeno(run);
  if (other !== undefined) log.warn(other);
  const worker: ControllingWorker = { runtime, paths, run, slurm, client, onEvent, log };
  // Loaded when used: workers of other runs need none of it.
  const controlling = () => import("./controller_in_worker.ts");
  const unfit = await preflight(runtime, { paths, run, spec, node, job: key, slurm });
  if (unfit) {
    log.info(unfit.error);
    // It may be the standby controller, which no other one follows. One of another furu would be no better
    // elsewhere.
    if (run.detached && slurm && unfit.kind === "node") {
      const { keepStandbyAfter } = await controlling();
      await keepStandbyAfter(worker, slurm, await preflightFailedNodes(runtime.store, paths));
    }
    return 1;
  }
  if (run.detached && slurm) await (await controlling()).keepStandbyAfter(worker, slurm);
  const { timeMin, memGb } = (run.specs[spec] ?? {}) as Pick<ParsedSpec, "timeMin" | "memGb">;
  const atOnce = slots ?? run.options.tasksPerWorker;
  const { clock } = runtime.machine;
  using signals = new JobSignals({
    clock,
    timeMin: slurm && timeMin,
    ask: () => slurm ? askJobTime(client, slurm) : Promise.resolve({}),
  });
  const { signal } = signals;
  const showJob = async (id: string) => await (await client.at(slurm?.cluster)).showJob(id);
  const span = await spanOfJob(clock, { env, slurm, ageMs: processAgeMs(), client: { showJob }, timeMin });
  if (span) signals.plan(span);
  const leadMs = slurm && timeMin !== undefined ? signalLeadSec(timeMin) * 1000 : 0;
  const computer = new ProcessComputer(runtime, run.runId, {
    entry: snapshotUrl(runtime.store.root, run.code, run.entry),
    // One that was started by hand has what its machine has.
    maxHeapMb: job === undefined ? undefined : heapMbOf({ memGb }, atOnce),
    atOnce,
    start: startOfRun(run, runtime.store.root),
    config: () =>
      Promise.resolve({
        config: runtime.config,
        git: run.git,
        ...(slurm === undefined ? {} : { slurm }),
        ...(run.code === undefined ? {} : { code: run.code }),
      }),
    stopping: signal,
    time: signals,
    sourcesOf: new PayloadSource(runtime, paths.run).sourcesOf,
  });
  // Beside entering the queue.
  computer.warm();
  try {
    const { why, computed } = await runPoolWorker(runtime, {
      paths,
      run,
      spec,
      slots: atOnce,
      node,
      job: key,
      slurm,
      computer,
      artifactOf: taskArtifact,
      signal,
      span: span && { ...span, leadMs, ownJob: slurm !== undefined },
      onEvent,
      control: slurm && (async (claim, handOver) => {
        await (await controlling()).controlInWorker(worker, claim, handOver);
      }),
    });
    log.info(`it leaves: ${why}; computed ${plural(computed, "task")}`);
    return 0;
  } finally {
    await computer.close();
  }
}

/**
 * A client that submits as whoever submitted the run did, whatever the node and the setup of this worker's
 * spec have in their environment.
 */
async function clientOnNode(
  { cluster, config, submitEnv }: PoolHead,
  env: Readonly<Record<string, string>>,
  log: Pick<RunLog, "warn">,
): Promise<SlurmClient> {
  const before = await environmentBeforeSetup(env);
  Deno.env.delete(ENVIRONMENT_FILE_VARIABLE);
  if (!before) {
    log.warn(
      "the environment from before the setup is not there: what this worker submits has the one from after it",
    );
  }
  const client = new SlurmClient({
    env: environmentOnNode(before ?? env, submitEnv),
    clock: systemClock,
    intervalSec: config.slurm?.squeueIntervalSec,
    cluster: [cluster, undefined].includes(env.SLURM_CLUSTER_NAME) ? undefined : cluster,
  });
  client.notice = (text) => log.warn(text);
  return client;
}

/**
 * The run that a folder is.
 *
 * @throws {UsageError} If it is none.
 */
async function openPoolRun(given: string): Promise<{ paths: QueuePaths; run: PoolHead }> {
  const dir = resolve(given);
  const machine = systemMachine();
  // Why it cannot be looked at, if it cannot, is told by whoever reads it.
  const record = await machine.files.stat(`${dir}/run.json`).catch(() => "unknown");
  if (basename(dirname(dir)) !== "runs" || record === undefined) {
    throw new UsageError(`Cannot work for ${given} as it is no folder of a run (runs/<run id> of a store)`);
  }
  return await readPoolHeadAt(machine, dir);
}

/** The store may be mounted elsewhere on this machine: where the run's folder is, it is. */
function rootedAt({ config }: PoolHead, { run }: QueuePaths): PoolHead["config"] {
  const root = dirname(dirname(run));
  return root === config.root ? config : { ...config, root };
}

async function checkSpec(runtime: Runtime, paths: QueuePaths, run: PoolHead, spec: string): Promise<void> {
  // A standby controller is of spec default, whatever the run's tasks need.
  if (spec === "default" || Object.hasOwn(run.specs, spec)) return;
  const { runId, nodes } = await wholeRun(runtime, paths, run);
  const specs = [...new Set(nodes.map((node) => node.spec))].sort();
  if (specs.includes(spec)) return;
  throw new UsageError(
    `Cannot work on tasks of spec '${spec}' as run ${runId} has none: its specs are ${specs.join(", ")}${
      didYouMean(spec, specs)
    }`,
  );
}

/** Writes to the worker's log what failed, and what people are told of the run. */
function logSink(): EventSink {
  return (event) => {
    const text = eventText(event, { quiet: event.type !== "message", color: false });
    if (text !== undefined) console.error(text);
  };
}
