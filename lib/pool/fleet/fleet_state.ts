import type { JobsAnswer, Refusal, WorkerJob } from "../launcher.ts";
import type { ScaleLimits, SpecLoad } from "./scale.ts";

/** A worker that lives, as far as is known. */
export interface FleetWorker {
  /** Its id. */
  readonly id: string;
  /** The spec of the tasks that it takes, once its record was read. */
  readonly spec?: string | undefined;
  /** The key of its job. */
  readonly job?: string | undefined;
  /** Whether it was asked to leave: no task can count on it any more. */
  readonly leaving?: boolean | undefined;
}

/** One look at everything. Times are monotonic milliseconds. */
export interface FleetObservation {
  /** When. */
  readonly at: number;
  /** The jobs that the launcher knows, or why it could not tell. */
  readonly answer: JobsAnswer | { readonly error: unknown };
  /** The workers that live. */
  readonly workers: readonly FleetWorker[];
  /** Those of them whose job is known, by its key. */
  readonly workerOf: ReadonlyMap<string, FleetWorker>;
  /** When the workers of jobs were last seen, by the keys of all whose workers ever were. */
  readonly entered: ReadonlyMap<string, number>;
  /** Why the workers of jobs refused to work, by the job's key. */
  readonly refusals: ReadonlyMap<string, string>;
  /** How many tasks of each spec the scheduler waits for. */
  readonly tasks: ReadonlyMap<string, number>;
  /** Who computes tasks that this run waits for, though it is not of it: as many as there are tasks. */
  readonly strangers: readonly string[];
  /** All that workers had given back by then has been read. */
  readonly resultsReadAt: number;
  /** Whether tasks may begin. */
  readonly isRunning: boolean;
  /** The worker beside whose tasks this controller runs. */
  readonly controllerWorker?: string | undefined;
}

/** Rules that stay the same in a run. */
export interface FleetSettings {
  /** The run, for advice. */
  readonly runId: string;
  /** The specs of the run's tasks. */
  readonly specs: readonly string[];
  /** How many workers there may be. */
  readonly limits: ScaleLimits;
  /** Whether workers can be started; if not, there will never be more than there are. */
  readonly canSubmit: boolean;
  /** Whether somebody has to take the run up when all workers are gone. */
  readonly needsStandby: boolean;
  /** For how long workers are too many before they are cancelled or drained, in milliseconds. */
  readonly excessMs: number;
  /** Milliseconds between two looks at jobs and workers. */
  readonly roundMs: number;
  /** Milliseconds after which a worker without a heartbeat counts as dead. */
  readonly leaseMs: number;
  /** For how long a worker may not begin before something is wrong, in seconds. */
  readonly staleAfterSec: number;
  /** For how long workers that are refused are asked for when nothing else is left to do, in milliseconds. */
  readonly refusalMs: number;
}

/** A job that ended before its worker had begun. */
export interface FailedStart {
  /** Its key. */
  readonly key: string;
  /** Where it ran. */
  readonly node?: string | undefined;
  /** How it ended. */
  readonly ended: string;
  /** The reason that its worker gave for not working. */
  readonly said?: string | undefined;
  /** The file of its output. */
  readonly log?: string | undefined;
}

/** Something that the controller wants done. `giveUp` is always the last one. */
export type FleetAction =
  | { readonly type: "submit"; readonly spec: string; readonly count: number }
  /** `done` is said when it has worked. */
  | { readonly type: "cancelPending"; readonly keys: readonly string[]; readonly done?: string | undefined }
  /** Some of these workers are to leave: first those that have nothing to do, of these the newest. */
  | {
    readonly type: "drain";
    readonly spec: string;
    readonly count: number;
    readonly workers: readonly string[];
  }
  | { readonly type: "excludeNode"; readonly node: string; readonly why: string }
  | { readonly type: "readmitNodes"; readonly nodes: readonly string[]; readonly why: string }
  /** Somebody is to take the run up when all of these jobs are gone. */
  | { readonly type: "keepStandby"; readonly alive: readonly string[] }
  | { readonly type: "notify"; readonly level: "info" | "warn"; readonly text: string }
  /** No worker of the spec can be had: its tasks that none has taken fail. */
  | {
    readonly type: "failSpec";
    readonly spec: string;
    readonly text: readonly (string | FailedStart)[];
    readonly log?: string | undefined;
  }
  /**
   * Nothing of the run can go on. Without a text the cause says it all; of a failed start its log is told,
   * too.
   */
  | {
    readonly type: "giveUp";
    readonly blame: "workers" | "protocol";
    readonly text: readonly (string | FailedStart)[];
    readonly log?: string | undefined;
    readonly cause?: unknown;
  };

/** How a job began, or did not. */
export interface JobStart {
  readonly since: number;
  readonly deadSince?: number | undefined;
  /** When it was said to be pending though its worker had been seen: it is to begin again. */
  readonly againAt?: number | undefined;
  readonly runningSince?: number | undefined;
  /** Whether it is known to have begun well, or to have failed. */
  readonly judged: boolean;
  /** Whether its submission was not answered for, for so long that it is waited for no more. */
  readonly lost?: boolean | undefined;
  /** Whether it runs without doing anything: it is waited for no more. */
  readonly stuck?: boolean | undefined;
}

/** Memory of nodes where something did, or did not, start. */
export interface NodesState {
  /** Whether any task has begun well in this run, on any node. */
  readonly startedWell: boolean;
  /** Where tasks could not begin. */
  readonly badStarts: ReadonlySet<string>;
  /** The jobs whose workers left since a task could not begin there. */
  readonly badJobs: ReadonlySet<string>;
  /** How often in a row something could not start on a node. */
  readonly inARow: ReadonlyMap<string, number>;
  /** The nodes that the run does not use any more, and why. */
  readonly excluded: ReadonlyMap<string, string>;
}

/** What keeps the workers of one spec out, which holds no other spec up. Times are monotonic milliseconds. */
export interface Trouble {
  /** `limit` and `refused`: they are not taken; `ended`: their jobs are ended before they begin. */
  readonly kind: Refusal["kind"] | "ended";
  /** In the words of who keeps them out. */
  readonly error: Error;
  /** Since when. */
  readonly since: number;
  /** How often in a row. */
  readonly times: number;
  /** When that was seen last. */
  readonly at: number;
  /** Until when none is asked for. */
  readonly until: number;
  /** Since when the run has nothing else to do. */
  readonly idleSince?: number | undefined;
  /** Whether that was so for long: then they are waited for no more. */
  readonly expired?: true | undefined;
}

/** Memory of one spec: its trouble and back-off never hold another spec up. */
export interface SpecState {
  /**
   * Where jobs ended in a row before their worker had begun. A job whose node is not to blame is a place of
   * its own.
   */
  readonly failedAt?: ReadonlySet<string> | undefined;
  /** The last of them. */
  readonly lastStart?: FailedStart | undefined;
  /** What keeps its workers out. */
  readonly trouble?: Trouble | undefined;
  /** What people were told of that, and when. */
  readonly told?: { readonly key: string; readonly at: number } | undefined;
  /** How many workers a limit let in when that was last found out. */
  readonly batch?: { readonly size: number; readonly at: number } | undefined;
  /**
   * Workers that were handed over: how many were said to be submitted since the last look, and how many the
   * scheduler had not answered for, of which nothing was said yet.
   */
  readonly handed?: { readonly said: number; readonly open: number } | undefined;
  /** How often in a row the site ended jobs before their workers had begun, and when that was last seen. */
  readonly early?: { readonly times: number; readonly at: number } | undefined;
  /** When a worker of it last gave a task back. */
  readonly resultAt?: number | undefined;
  /** Since when no worker of it can work, and the reason that people were told, when. */
  readonly waiting?:
    | { readonly since: number; readonly told?: string | undefined; readonly toldAt?: number | undefined }
    | undefined;
  /** Since when it has more pending workers than it needs. */
  readonly excessSince?: number | undefined;
  /** Since when another spec needs the room of its workers. */
  readonly roomSince?: number | undefined;
  /** Since when it has tasks and no worker, while nodes are excluded. */
  readonly starvedSince?: number | undefined;
  /** Since when it has tasks and no worker, while none can be started. */
  readonly leftSince?: number | undefined;
}

/** All that the decisions about workers remember. */
export interface FleetState {
  /** The jobs of the launcher's last answer, by key. */
  readonly jobs: ReadonlyMap<string, WorkerJob>;
  /** How they began. Nothing before the first answer. */
  readonly starts: ReadonlyMap<string, JobStart> | undefined;
  readonly nodes: NodesState;
  readonly specs: ReadonlyMap<string, SpecState>;
  /** When jobs were cancelled as they were not needed any more, by their keys. */
  readonly cancelled: ReadonlyMap<string, number>;
  /** Since when the scheduler gives no answer, where people were told that. */
  readonly silentSince: number | undefined;
  /** Since when the run does nothing but wait for others, and what people were told of that. */
  readonly strangers: { readonly since: number; readonly told?: string | undefined } | undefined;
  /** How many nodes were excluded at the last decision. */
  readonly excludedBefore: number;
  /** Whether excluded nodes were tried again, which is done once. */
  readonly readmitted: boolean;
  /** The jobs for which a standby is kept. */
  readonly standbyOf: string;
  /** How often in a row the launcher could not tell, while no worker lived. */
  readonly noAnswers: number;
  /** What was last said of that. */
  readonly complaint: string;
}

/** A state while a decision is made. */
export type FleetDraft = { -readonly [Key in keyof FleetState]: FleetState[Key] } & {
  readonly specs: Map<string, SpecState>;
};

/**
 * The state of a run that begins, or is taken up.
 *
 * @param startedWell Whether a task is known to have begun well.
 */
export function newFleetState(startedWell: boolean): FleetState {
  return {
    jobs: new Map(),
    starts: undefined,
    nodes: {
      startedWell,
      badStarts: new Set(),
      badJobs: new Set(),
      inARow: new Map(),
      excluded: new Map(),
    },
    specs: new Map(),
    cancelled: new Map(),
    silentSince: undefined,
    strangers: undefined,
    excludedBefore: 0,
    readmitted: false,
    standbyOf: "",
    noAnswers: 0,
    complaint: "",
  };
}

/** The nodes that are excluded and why, for people; nothing where none is. */
export function nodeComplaint({ excluded }: NodesState): string | undefined {
  if (excluded.size === 0) return undefined;
  const lines = [...excluded].map(([node, why]) => `  ${node}: ${why}`);
  return ["nodes that the run does not use any more, as nothing can start there:", ...lines].join("\n");
}

/** Remembers that jobs are cancelled. */
export function setCancelled(draft: FleetDraft, keys: readonly string[], at: number): void {
  draft.cancelled = new Map([...draft.cancelled, ...keys.map((key) => [key, at] as const)]);
}

/** A copy to decide with; what is in it is replaced, never changed. */
export function draftOf(state: FleetState): FleetDraft {
  return { ...state, specs: new Map(state.specs) };
}

/** Changes what is remembered of a spec. */
export function setSpec(draft: FleetDraft, spec: string, change: Partial<SpecState>): void {
  draft.specs.set(spec, { ...draft.specs.get(spec), ...change });
}

/** Milliseconds for which a cancelled job that is said to be pending counts no more. */
const CANCELLED_MS = 60_000;

/**
 * Whether a job has ended and it is not told yet whether its worker had begun, or what that gave back is not
 * read yet, which may tell that its node is of no use. Until then no other one is submitted for it.
 */
export function isDoubtful(
  { starts }: FleetState,
  { resultsReadAt }: FleetObservation,
  key: string,
): boolean {
  const start = starts?.get(key);
  return start?.deadSince !== undefined && !(start.judged && resultsReadAt > start.deadSince);
}

/**
 * Classifies a job. Each worker counts once: a job of which a worker was seen is as alive as that worker is,
 * also where the scheduler says that it has ended. One that the scheduler has put back is pending again.
 */
export function standing(
  state: FleetState,
  seen: FleetObservation,
  job: WorkerJob,
): "pending" | "alive" | "over" {
  if (seen.workerOf.has(job.key)) return "alive";
  if (job.state.status === "dead") return isDoubtful(state, seen, job.key) ? "alive" : "over";
  const start = state.starts?.get(job.key);
  const leftAt = seen.entered.get(job.key);
  const hasLeft = leftAt !== undefined && !(start?.againAt !== undefined && start.againAt > leftAt);
  if (start?.stuck || start?.lost || hasLeft || job.recalled) return "over";
  if (job.state.status !== "pending") return "alive";
  // What Slurm says may be of before. Should it have failed, it is pending after all.
  return seen.at - (state.cancelled.get(job.key) ?? -Infinity) < CANCELLED_MS ? "over" : "pending";
}

/** The jobs that have not begun. */
export function pendingJobs(state: FleetState, seen: FleetObservation): WorkerJob[] {
  return [...state.jobs.values()].filter((job) => standing(state, seen, job) === "pending");
}

/** Counts the tasks and workers of each spec. */
export function specLoads(
  state: FleetState,
  seen: FleetObservation,
  specs: readonly string[],
): SpecLoad[] {
  const counts = new Map(specs.map((spec) => [spec, { alive: 0, leaving: 0, pending: 0 }]));
  const count = (spec: string, what: "alive" | "pending", worker: FleetWorker | undefined): void => {
    const load = counts.get(spec);
    if (load && !onlyControls(seen, worker)) load[worker?.leaving ? "leaving" : what]++;
  };
  for (const job of state.jobs.values()) {
    const what = standing(state, seen, job);
    if (what !== "over") count(job.spec, what, seen.workerOf.get(job.key));
    // It may come yet.
    else if (job.recalled && !state.starts?.get(job.key)?.lost) {
      const load = counts.get(job.spec);
      if (load) load.leaving++;
    }
  }
  for (const worker of seen.workers) {
    // Started by hand, or by a launcher that has forgotten it.
    const isUnknown = worker.job === undefined || !state.jobs.has(worker.job);
    if (worker.spec !== undefined && isUnknown) count(worker.spec, "alive", worker);
  }
  return [...counts].map(([spec, load]) => ({ spec, tasks: seen.tasks.get(spec) ?? 0, ...load }));
}

/**
 * Whether a worker is only there as the run is controlled beside its tasks, and has none to do. It stays as
 * long as it is the controller; if it counted, workers of other specs might never begin.
 */
function onlyControls(seen: FleetObservation, worker: FleetWorker | undefined): boolean {
  if (worker?.spec === undefined || worker.id !== seen.controllerWorker) return false;
  return (seen.tasks.get(worker.spec) ?? 0) === 0;
}
