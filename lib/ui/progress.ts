import type { LimitUse, RunEvent, RunSummary } from "../core/event.ts";
import type { Hash } from "../core/hash.ts";

/** An attempt that runs now. */
export interface RunningTask {
  /** The task's name. */
  readonly name: string;
  /** The artifact's hash. */
  readonly hash: Hash;
  /** Which attempt, from 1. */
  readonly attempt: number;
  /** When it began, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Its parameters on one line, where they are known. */
  readonly params?: string;
  /** The fraction that the task gave to `progress()`, from 0 to 1. */
  readonly fraction?: number;
  /** The message that came with it. */
  readonly message?: string;
}

/** A node that somebody outside the run computes. */
export interface WatchedNode {
  /** The task's name. */
  readonly name: string;
  /** The artifact's hash. */
  readonly hash: Hash;
  /** The owner of its claim, for people. */
  readonly owner: string;
  /** Since when it is watched, in milliseconds since 1970. */
  readonly since: number;
}

/** The number of nodes that had ended at a time. */
interface Sample {
  readonly at: number;
  readonly ended: number;
}

/** All that a progress display shows; a fold of the run's events. */
export interface ProgressState {
  /** The run's id. */
  readonly runId: string;
  /** When the run began, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Nodes that were looked at. */
  readonly nodes: number;
  /** Nodes stored already when the run began. */
  readonly cached: number;
  /** Nodes computed by this run. */
  readonly computed: number;
  /** Nodes computed by others meanwhile. */
  readonly elsewhere: number;
  /** Nodes that failed for good. */
  readonly failed: number;
  /** Attempts that run now, the oldest first. */
  readonly running: ReadonlyMap<Hash, RunningTask>;
  /** Nodes that others compute now. */
  readonly watched: ReadonlyMap<Hash, WatchedNode>;
  /** How much of the limits of the run is taken now. */
  readonly limits: readonly LimitUse[];
  /** Ends of nodes at most once a second, the newest 60: the rate is taken over them. */
  readonly samples: readonly Sample[];
  /** The end of the run, when it has ended. */
  readonly ended?: { readonly summary: RunSummary; readonly interrupted: boolean };
}

const SAMPLES = 60;
const SAMPLE_MS = 1000;

/** The state before the first event. */
export const initialProgress: ProgressState = {
  runId: "",
  startedAt: 0,
  nodes: 0,
  cached: 0,
  computed: 0,
  elsewhere: 0,
  failed: 0,
  running: new Map(),
  watched: new Map(),
  limits: [],
  samples: [],
};

/** The state after an event. The given state is left as it is; what an event does not change is shared. */
export function reduceProgress(state: ProgressState, event: RunEvent): ProgressState {
  switch (event.type) {
    case "run_started": {
      const { runId, nodes, cached, at } = event;
      return { ...initialProgress, runId, nodes, cached, startedAt: at, samples: [{ at, ended: 0 }] };
    }
    case "attempt_started": {
      const { hash, name, attempt, params, at } = event;
      const more = params === undefined || params === "" ? {} : { params };
      const task: RunningTask = { hash, name, attempt, startedAt: at, ...more };
      return {
        ...state,
        running: new Map(state.running).set(hash, task),
        watched: without(state.watched, hash),
      };
    }
    case "attempt_progress": {
      const task = state.running.get(event.hash);
      if (!task || !Number.isFinite(event.fraction)) return state;
      const { message: _old, ...rest } = task;
      const fraction = Math.min(1, Math.max(0, event.fraction));
      const message = event.message === undefined ? {} : { message: event.message };
      return { ...state, running: new Map(state.running).set(event.hash, { ...rest, fraction, ...message }) };
    }
    case "attempt_ended":
      return { ...state, running: without(state.running, event.hash) };
    case "node_watched": {
      const { hash, name, owner, at } = event;
      const since = state.watched.get(hash)?.since ?? at;
      return { ...state, watched: new Map(state.watched).set(hash, { hash, name, owner, since }) };
    }
    case "node_done":
      return ended({ ...state, [event.how]: state[event.how] + 1 }, event.hash, event.at);
    case "node_failed":
      return ended({ ...state, failed: state.failed + 1 }, event.hash, event.at);
    case "limits":
      return { ...state, limits: event.limits };
    case "run_ended":
      return { ...state, ended: { summary: event.summary, interrupted: event.interrupted } };
    case "node_retry":
    case "message":
      return state;
  }
}

/** Nodes whose result is there. */
export function doneCount(state: ProgressState): number {
  return state.cached + state.computed + state.elsewhere;
}

/** Nodes that have not begun. */
export function waitingCount(state: ProgressState): number {
  const begun = doneCount(state) + state.failed + state.running.size + state.watched.size;
  return Math.max(0, state.nodes - begun);
}

/** The speed of the run. The fractions of running tasks count, as `progress()` gave them. */
export interface Pace {
  /** Nodes per second, over the last minute or the last 60 ends, whichever is longer. */
  perSecond: number;
  /** Estimate of the milliseconds left; `undefined` while nothing is known. */
  leftMs?: number;
}

/**
 * The pace at a time.
 *
 * @param now Milliseconds since 1970.
 */
export function pace(state: ProgressState, now: number): Pace {
  const first = state.samples[0];
  if (!first || now - first.at < SAMPLE_MS) return { perSecond: 0 };
  let parts = 0;
  for (const task of state.running.values()) parts += task.fraction ?? 0;
  const finished = endedCount(state);
  const perSecond = (finished + parts - first.ended) / ((now - first.at) / 1000);
  if (perSecond <= 0) return { perSecond: 0 };
  const left = Math.max(0, state.nodes - state.cached - finished - parts);
  return { perSecond, leftMs: left / perSecond * 1000 };
}

function endedCount(state: ProgressState): number {
  return state.computed + state.elsewhere + state.failed;
}

function ended(state: ProgressState, hash: Hash, at: number): ProgressState {
  const last = state.samples.at(-1);
  const samples = last && at - last.at < SAMPLE_MS
    ? state.samples
    : [...state.samples, { at, ended: endedCount(state) }].slice(-SAMPLES);
  return {
    ...state,
    samples,
    running: without(state.running, hash),
    watched: without(state.watched, hash),
  };
}

function without<V>(map: ReadonlyMap<Hash, V>, hash: Hash): ReadonlyMap<Hash, V> {
  if (!map.has(hash)) return map;
  const copy = new Map(map);
  copy.delete(hash);
  return copy;
}
