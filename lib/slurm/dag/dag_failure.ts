import type { Blame } from "../../core/attempt_end.ts";
import type { Failure } from "../../core/event.ts";
import { fromCanonical } from "../../core/json/canonical.ts";
import type { Runtime } from "../../run/runtime.ts";
import { describeFailure } from "../../schedule/failure.ts";
import type { EndRecord } from "../../store/record.ts";
import { readEnds } from "../../store/results/ends.ts";
import { attemptPaths } from "../../store/layout.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { readPayload } from "../../worker/protocol/payload_files.ts";
import type { DagNode } from "../run/dag_run.ts";
import { type JobState, jobWords } from "../client/job_state.ts";
import { memoryKill } from "../client/job_log.ts";
import { setupFailure } from "../client/script.ts";
import { errorCode } from "../../core/errors.ts";
import { isLoss } from "../../pool/launcher.ts";

/** What is known of a node whose job has ended without a result. */
export interface DeadJob {
  /** Its id, where known. */
  jobId: string | undefined;
  /** How it ended. */
  state: Extract<JobState, { status: "dead" }>;
  /** Its output. */
  log: string | undefined;
}

/** What the report says of a node whose job has ended without a result. */
export async function jobFailure(
  runtime: Runtime,
  { dir, node, runId, job }: { dir: string; node: DagNode; runId: string; job: DeadJob },
): Promise<Failure> {
  const paths = runtime.store.paths(node);
  const own = (await readEnds(runtime.store, paths)).filter(({ run }) => run === runId);
  const last = own.at(-1);
  const label = `Slurm job ${job.jobId ?? node.jobName}`;
  const artifact = await likeness(runtime, dir, node);
  const attempts = own.filter(({ kind }) => kind !== "preempted").length;
  if (last?.kind === "failed" && job.state.reason === "failed") {
    return await describeFailure(runtime, artifact, {
      outcome: "failed",
      blame: last.failure ?? "compute",
      lasting: last.lasting,
      error: last.error,
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
  return await describeFailure(runtime, artifact, {
    outcome: "failed",
    blame: blameOf(job, { setup, memory, last }),
    error: setup === undefined
      ? [`${label} ended without a result: ${jobWords(job.state)}`, ...evidence].join("; ")
      : `${label} did not begin: ${setup}`,
    log: job.log,
  }, attempts);
}

/** What the report says of a node of which something that is stored cannot be read. */
export async function unreadFailure(
  runtime: Runtime,
  { dir, node, error }: { dir: string; node: DagNode; error: string },
): Promise<Failure> {
  return await describeFailure(runtime, await likeness(runtime, dir, node), {
    outcome: "failed",
    blame: "compute",
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

/** An artifact as far as a report shows it: reports are made without the user's code. */
async function likeness(runtime: Runtime, dir: string, { hash, name }: DagNode): Promise<Artifact> {
  let params: unknown;
  try {
    const payload = await readPayload(runtime, dir, hash);
    params = fromCanonical(JSON.parse(payload.params), {
      artifact: (below, belowHash) => `${below}(${belowHash.slice(0, 8)})`,
    });
  } catch {
    params = "(cannot be read)";
  }
  return { hash, name, params } as unknown as Artifact;
}

async function textOf({ machine }: Runtime, path: string): Promise<string> {
  try {
    return await machine.files.readText(path);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return "";
  }
}
