import { formatDuration } from "../../ui/duration.ts";
import { plural } from "../../ui/text.ts";
import type { WorkerJob } from "../launcher.ts";
import type { Trouble } from "./fleet_state.ts";

/** A spec that has tasks, and what there is of workers for them. */
export interface WaitingSpec {
  /** The spec. */
  readonly spec: string;
  /** The run, for advice. */
  readonly runId: string;
  /** For how long no worker of it has worked, in milliseconds. */
  readonly waitedMs: number;
  /** The jobs that have not begun, in order of submission. */
  readonly pending: readonly WorkerJob[];
  /** The jobs that have begun, and of which no worker was seen yet. */
  readonly starting: readonly WorkerJob[];
  /** The jobs of workers that stand still. */
  readonly halted: readonly WorkerJob[];
  /** How many workers of it live and do not stand still, those that leave included. */
  readonly working: number;
  /** What keeps its workers out. */
  readonly trouble?: Trouble | undefined;
  /** Whether jobs for it have ended, or are submitted just now. */
  readonly hasEnded: boolean;
  /** Whether workers can be started at all. */
  readonly canSubmit: boolean;
}

/** Why something waits: the key tells reasons apart, the text is for people. */
export interface Waiting {
  /** Equal for what is one reason to people. */
  readonly key: string;
  /** What they are told. */
  readonly text: string;
}

/** Slurm's reasons of jobs that begin only when somebody releases them. */
const HELD = /held/i;

/** Why no task of a spec is computed; nothing where some are. */
export function whyNoWorker(of: WaitingSpec): Waiting | undefined {
  const { spec, waitedMs, pending, starting, halted, working, trouble, canSubmit, hasEnded } = of;
  if (working > 0) return undefined;
  const time = formatDuration(waitedMs);
  if (starting.length > 0) {
    const [first] = starting as [WorkerJob];
    const runs = starting.length === 1 ? "its job runs" : `${starting.length} jobs run`;
    const text = `no worker of spec '${spec}' has begun for ${time}, though ${runs}: ${nameOf(first)}` +
      `${first.node === undefined ? "" : ` on ${first.node}`}${logOf(first)}`;
    return { key: "starting", text };
  }
  if (halted.length > 0) {
    const [first] = halted as [WorkerJob];
    const they = halted.length === 1 ? "the worker" : `all ${halted.length} workers`;
    const text = `${they} of spec '${spec}' ${halted.length === 1 ? "stands" : "stand"} still for ${time}: ` +
      `${nameOf(first)} is ${first.state.text}; tasks go on when Slurm, or somebody, has the jobs go on`;
    return { key: "halted", text };
  }
  const [first] = pending;
  if (first) return whyPending(of, first);
  if (trouble) return undefined; // that is told when it begins, and while it lasts
  const why = !canSubmit
    ? "none can be submitted from here"
    : hasEnded
    ? "the jobs that were submitted for them are over"
    : "there is no room for one beside those of other specs (maxWorkers)";
  return { key: why, text: `tasks of spec '${spec}' have had no worker for ${time}: ${why}` };
}

function whyPending({ spec, waitedMs, pending, runId }: WaitingSpec, first: WorkerJob): Waiting {
  const { state } = first;
  const what = `no worker of spec '${spec}' has begun for ${formatDuration(waitedMs)}: ` +
    `${plural(pending.length, "job")} pending, ${nameOf(first)} as ${state.text}`;
  // What is in turn has now this reason, now that.
  if (isInTurn(first)) return { key: "its turn", text: what };
  const held = pending.filter((job) => HELD.test(job.state.text));
  if (!HELD.test(state.text)) return { key: state.text, text: what };
  const ids = held.flatMap(({ id }) => id ?? []).slice(0, 3);
  const there = first.cluster === undefined ? "" : ` -M ${first.cluster}`;
  const more = held.length > ids.length ? " ..." : "";
  const release = ids.length === 0
    ? "release it"
    : `'scontrol${there} release ${ids.join(" ")}'${more} releases it`;
  const text =
    `${what}: somebody, or a launch that failed, holds it, and it begins only when it is released; ` +
    `${release}, 'furu cancel ${runId}' ends the run`;
  return { key: state.text, text };
}

function nameOf({ key, id, cluster }: WorkerJob): string {
  const where = cluster === undefined ? "" : ` on cluster ${cluster}`;
  return id === undefined || id === key ? `${key}${where}` : `job ${id}${where} (${key})`;
}

function logOf({ log }: WorkerJob): string {
  return log === undefined ? "" : `, log ${log}`;
}

/** Whether a pending job only waits for others on nodes that it may run on. */
export function isInTurn({ state }: WorkerJob): boolean {
  return state.status === "pending" && state.inTurn === true;
}
