import type { Blame, Shortage } from "../../core/attempt_end.ts";
import { errorCode } from "../../core/errors.ts";
import type { Failure } from "../../core/event.ts";
import { isLoss } from "../../pool/launcher.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import { ownNodes } from "../../remote/own_node.ts";
import { afterTooLittle } from "../../task/ladder.ts";
import { dagArtifact, learnParams } from "../../remote/remote_artifact.ts";
import type { DagNode, DagRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { describeFailure } from "../../schedule/failure.ts";
import { attemptPaths } from "../../store/layout.ts";
import type { EndRecord } from "../../store/record.ts";
import { readEnds } from "../../store/results/ends.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { type JobState, jobWords } from "../client/job_state.ts";
import { memoryKill } from "../client/job_log.ts";
import { setupFailure } from "../client/script.ts";

/** The job of a node that has ended without a result. */
export interface DeadJob {
  /** Its id, where known. */
  jobId: string | undefined;
  /**
   * Its cluster, where known.
   *
   * @default {the run's}
   */
  cluster?: string | undefined;
  /** Its last state. */
  state: Extract<JobState, { status: "dead" }>;
  /** Its output. */
  log: string | undefined;
}

/** A node of a run that is reported as failed. */
export interface FailedNode {
  /** The run's record. */
  run: DagRun;
  /** Where everything of the run is. */
  paths: QueuePaths;
  /** The node. */
  node: DagNode;
}

/** What a job had too little of that ended so. */
const LACKS: Partial<Record<DeadJob["state"]["reason"], Shortage>> = {
  "out-of-memory": "memory",
  timeout: "time",
};

/** What a job had too little of, by its state or its output. */
export async function lackOfJob(
  runtime: Runtime,
  { state: { reason }, log }: Pick<DeadJob, "state" | "log">,
): Promise<Shortage | undefined> {
  if (reason !== "launch-failed" && reason !== "failed") return LACKS[reason];
  const output = log === undefined ? "" : await textOf(runtime, log);
  return memoryKill(output) === undefined ? undefined : "memory";
}

/** The failure of a node whose job has ended without a result. */
export async function jobFailure(runtime: Runtime, failed: FailedNode, job: DeadJob): Promise<Failure> {
  const { run: { runId }, node } = failed;
  const paths = runtime.store.paths(node);
  const own = (await readEnds(runtime.store, paths)).filter(({ run }) => run === runId);
  const last = own.at(-1);
  const isElsewhere = job.cluster !== undefined && job.cluster !== failed.run.cluster;
  const label = `Slurm job ${job.jobId ?? node.jobName}${isElsewhere ? ` on cluster ${job.cluster}` : ""}`;
  const artifact = await reportArtifact(runtime, failed);
  const attempts = own.filter(({ kind }) => kind !== "preempted").length;
  if (last?.kind === "failed" && job.state.reason === "failed") {
    return await describeFailure(runtime, artifact, {
      outcome: "failed",
      blame: last.failure ?? "compute",
      lasting: last.lasting,
      error: withSpecs(failed, last.error, last.lack),
      stack: last.stack,
      log: attemptPaths(paths, { n: last.attempt, id: last.id }).log,
    }, attempts);
  }
  const output = job.log === undefined ? "" : await textOf(runtime, job.log);
  const setup = setupFailure(output);
  const memory = memoryKill(output);
  const evidence = [
    ...(memory === undefined ? [] : [memory]),
    ...(last === undefined ? [] : [`its last attempt was ${last.kind}: ${last.error}`]),
  ];
  const error = setup === undefined
    ? [`${label} ended without a result: ${jobWords(job.state)}`, ...evidence].join("; ")
    : `${label} did not begin: ${setup}`;
  return await describeFailure(runtime, artifact, {
    outcome: "failed",
    blame: blameOf(job, { setup, memory, last }),
    error: withSpecs(failed, error, await lackOfJob(runtime, job)),
    log: job.log,
  }, attempts);
}

/** An error, with what the next run does after too little. */
function withSpecs({ node }: FailedNode, error: string, lack: Shortage | undefined): string {
  return afterTooLittle(node, node.spec, { outcome: "failed", blame: "compute", error, lack }).end.error;
}

/** The failure of a node of which something that is stored cannot be read. */
export async function unreadFailure(runtime: Runtime, failed: FailedNode, error: string): Promise<Failure> {
  return await describeFailure(runtime, await reportArtifact(runtime, failed), {
    outcome: "failed",
    blame: "compute",
    error,
  }, 0);
}

/** The failure of a node that could not be submitted. */
export async function unsubmittedFailure(
  runtime: Runtime,
  failed: FailedNode,
  error: string,
): Promise<Failure> {
  return await describeFailure(runtime, await reportArtifact(runtime, failed), {
    outcome: "failed",
    blame: "lost",
    error,
  }, 0);
}

function blameOf(
  { state }: DeadJob,
  { setup, memory, last }: {
    setup: string | undefined;
    memory: string | undefined;
    last: EndRecord | undefined;
  },
): Blame {
  if (setup !== undefined || state.reason === "refused") return "protocol";
  // The task may be what needs so much.
  if (memory !== undefined) return "compute";
  if (state.reason === "launch-failed") return "protocol";
  return isLoss(state.reason) || last?.kind === "preempted" ? "lost" : "compute";
}

/**
 * The artifact of a node as a report shows it, with its parameters: reports are made without the user's code.
 */
async function reportArtifact(runtime: Runtime, { run, paths, node }: FailedNode): Promise<Artifact> {
  const artifact = dagArtifact(run, ownNodes(run)(node.hash)!.node);
  await learnParams(runtime, paths, artifact);
  return artifact;
}

async function textOf({ machine }: Runtime, path: string): Promise<string> {
  try {
    return await machine.files.readText(path);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return "";
  }
}
