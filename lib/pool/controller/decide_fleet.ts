import { errorText, isSystemError } from "../../core/errors.ts";
import { formatDuration } from "../../ui/duration.ts";
import { plural } from "../../ui/text.ts";
import type { WorkerJob } from "../launcher.ts";
import {
  draftOf,
  type FleetAction,
  type FleetDraft,
  type FleetObservation,
  type FleetSettings,
  type FleetState,
  isDoubtful,
  pendingJobs,
  setSpec,
  specLoads,
  type SpecState,
  standing,
} from "./fleet_state.ts";
import {
  isInTurn,
  judgeStarts,
  nodeComplaint,
  noteBadNode,
  noteBadStart,
  noteGoodStart,
  readmitNodes,
} from "./node_rules.ts";
import { scale, type SpecLoad } from "./scale.ts";

/** So many refusals in a row end the run, where no worker of the spec lives. */
const MAX_REFUSALS = 3;
/** Milliseconds before a refused submission is tried again; doubled each time, up to a minute. */
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 60_000;
/** Milliseconds that a spec may wait for its first worker before people are told why it does. */
const NOTICE_AFTER_MS = 60_000;

/** What happens to the fleet between two decisions. */
export type FleetEvent =
  /** A task began well. */
  | { readonly type: "goodStart"; readonly node?: string | undefined }
  /** A task could not begin where a worker was. */
  | {
    readonly type: "badStart";
    readonly node?: string | undefined;
    readonly job?: string | undefined;
    readonly why: string;
  }
  /** A worker refused to work, before it took any task. */
  | {
    readonly type: "refusal";
    readonly node?: string | undefined;
    readonly hasWorkers: boolean;
    readonly why: string;
  }
  /** A worker gave a task back. */
  | { readonly type: "result"; readonly spec: string; readonly at: number }
  /** The launcher took a submission. */
  | { readonly type: "submitted"; readonly spec: string; readonly count: number }
  /** The launcher refused one. */
  | {
    readonly type: "refused";
    readonly spec: string;
    readonly at: number;
    readonly hasOthers: boolean;
    readonly error: unknown;
  };

/** A new state, and what is to be done. */
export interface FleetDecision {
  /** What is remembered from now on. */
  readonly state: FleetState;
  /** What is to be done, in this order. */
  readonly actions: readonly FleetAction[];
}

/** Decides which workers to submit, cancel and drain, after a look at all of them. */
export function decideFleet(
  before: FleetState,
  seen: FleetObservation,
  settings: FleetSettings,
): FleetDecision {
  const draft = draftOf(before);
  const actions: FleetAction[] = [];
  for (const some of decisions(draft, seen, settings)) {
    actions.push(...some);
    const end = actions.findIndex(({ type }) => type === "giveUp");
    if (end >= 0) return { state: draft, actions: actions.slice(0, end + 1) };
  }
  return { state: draft, actions };
}

function* decisions(
  draft: FleetDraft,
  seen: FleetObservation,
  settings: FleetSettings,
): Generator<FleetAction[]> {
  if (seen.workers.length > 0) draft.noAnswers = 0;
  if ("error" in seen.answer) return yield noAnswer(draft, seen, seen.answer.error);
  draft.jobs = new Map(seen.answer.jobs.map((job) => [job.key, job]));
  yield judgeStarts(draft, seen, settings);
  if (!seen.isRunning) return;
  const loads = specLoads(draft, seen, settings.specs);
  const pending = pendingJobs(draft, seen);
  yield noticePending(draft, seen, loads, pending);
  if (!settings.canSubmit) return yield checkLeft(draft, seen, settings, loads);
  yield readmitNodes(draft, seen, settings, loads, pending);
  const { submit, cancel, release } = scale(loads, settings.limits);
  yield submissions(draft, seen, loads, submit);
  yield cancellations(draft, seen, settings, pending, cancel);
  // One that has left and counts until that is clear may make the room that is needed: nobody else has to.
  const isClear = ![...draft.jobs.keys()].some((key) => isDoubtful(draft, seen, key));
  yield drains(draft, seen, settings, isClear ? release : []);
  if (settings.needsStandby) yield standby(draft, seen);
}

/** Takes in what happened since. */
export function noteFleet(state: FleetState, event: FleetEvent): FleetDecision {
  const draft = draftOf(state);
  let actions: FleetAction[] = [];
  switch (event.type) {
    case "goodStart":
      draft.nodes = noteGoodStart(draft.nodes, event.node);
      break;
    case "badStart":
      [draft.nodes, actions] = noteBadStart(draft.nodes, event);
      break;
    case "refusal":
      if (event.node !== undefined) [draft.nodes, actions] = noteBadNode(draft.nodes, event.node, event.why);
      else if (!draft.nodes.startedWell && !event.hasWorkers) {
        actions = [{ type: "giveUp", blame: "protocol", text: [event.why] }];
      }
      break;
    case "result":
      setSpec(draft, event.spec, { resultAt: event.at });
      break;
    case "submitted": {
      const text = `submitted ${plural(event.count, "worker")} of spec '${event.spec}'`;
      setSpec(draft, event.spec, { refused: undefined });
      if (event.count > 0) actions = [{ type: "notify", level: "info", text }];
      break;
    }
    case "refused":
      actions = refused(draft, event);
  }
  return { state: draft, actions };
}

/**
 * The launcher tells here, too, what it met in the background. While workers live that ends nothing; where
 * none ever do, it is why.
 */
function noAnswer(draft: FleetDraft, seen: FleetObservation, error: unknown): FleetAction[] {
  const before = draft.complaint;
  const text = draft.complaint = errorText(error);
  const isNeeded = [...seen.tasks.values()].some((count) => count > 0);
  const isHopeless = !isSystemError(error) && ++draft.noAnswers >= MAX_REFUSALS && isNeeded;
  const hasAny = seen.workers.length > 0 ||
    [...draft.jobs.values()].some((job) => standing(draft, seen, job) !== "over");
  if (isHopeless && !hasAny) return [{ type: "giveUp", blame: "workers", text: [], cause: error }];
  return text === before ? [] : [{ type: "notify", level: "warn", text }];
}

function refused(
  draft: FleetDraft,
  { spec, at, hasOthers, error }: Extract<FleetEvent, { type: "refused" }>,
): FleetAction[] {
  const known = draft.specs.get(spec);
  const times = (known?.refused?.times ?? 0) + 1;
  // While others work on the tasks there is time: a limit of the scheduler passes.
  if (!hasOthers && times >= MAX_REFUSALS && !isSystemError(error)) {
    // What is wrong with the nodes that were excluded is why there is none left.
    const complaint = nodeComplaint(draft.nodes);
    if (complaint === undefined) return [{ type: "giveUp", blame: "workers", text: [], cause: error }];
    const last = known?.lastStart;
    const parts = last === undefined ? [] : ["\nthe last worker was ", last];
    const text = [`${errorText(error)}\n${complaint}`, ...parts];
    return [{ type: "giveUp", blame: "workers", text, cause: error }];
  }
  const pause = Math.min(FIRST_BACKOFF_MS * 2 ** (times - 1), LONGEST_BACKOFF_MS);
  setSpec(draft, spec, { refused: { times, until: at + pause } });
  const text = `cannot start workers of spec '${spec}': ${errorText(error)}`;
  return times === 1 ? [{ type: "notify", level: "warn", text }] : [];
}

/**
 * Says why no worker of a spec begins: a run may have to wait for ever, or only its turn. Once for each
 * reason.
 */
function noticePending(
  draft: FleetDraft,
  { at }: FleetObservation,
  loads: readonly SpecLoad[],
  pending: readonly WorkerJob[],
): FleetAction[] {
  const actions: FleetAction[] = [];
  for (const { spec, tasks, alive, leaving } of loads) {
    const jobs = pending.filter((job) => job.spec === spec);
    const [first] = jobs.toSorted((a, b) => a.order - b.order);
    if (!first || tasks === 0 || alive + leaving > 0) {
      setSpec(draft, spec, { waiting: undefined });
      continue;
    }
    const { since, told } = draft.specs.get(spec)?.waiting ?? { since: at };
    // What is in turn has now this reason, now that.
    const reason = isInTurn(first) ? "its turn" : first.state.text;
    const isDue = at - since >= NOTICE_AFTER_MS && told !== reason;
    setSpec(draft, spec, { waiting: { since, told: isDue ? reason : told } });
    if (!isDue) continue;
    const text = `no worker of spec '${spec}' has begun for ${formatDuration(at - since)}: ` +
      `${plural(jobs.length, "job")} pending, ${first.key} as ${first.state.text}`;
    actions.push({ type: "notify", level: "info", text });
  }
  return actions;
}

/** Where no more workers can be started, tasks that nobody is left for would be waited for in vain. */
function checkLeft(
  draft: FleetDraft,
  seen: FleetObservation,
  { leaseMs }: FleetSettings,
  loads: readonly SpecLoad[],
): FleetAction[] {
  const without = loads.filter(({ tasks, alive, leaving, pending }) =>
    tasks > 0 && alive + leaving + pending === 0
  );
  const [load] = lasting(draft, "leftSince", without, seen.at, leaseMs);
  if (!load) return [];
  const last = draft.specs.get(load.spec)?.lastStart;
  const text = [
    `Cannot compute ${plural(load.tasks, "task")} of spec '${load.spec}' as none of its workers is left`,
    ...(last === undefined ? [] : [" (the last was ", last, ")"]),
    ", and none can be submitted from inside of a job: run the same roots again, with more workers or time",
  ];
  return [{ type: "giveUp", blame: "workers", text }];
}

function submissions(
  draft: FleetDraft,
  { at }: FleetObservation,
  loads: readonly SpecLoad[],
  wanted: readonly { readonly spec: string; readonly count: number }[],
): FleetAction[] {
  return wanted.filter(({ spec }) => at >= (draft.specs.get(spec)?.refused?.until ?? -Infinity))
    .map(({ spec, count }) => {
      const load = loads.find((each) => each.spec === spec);
      return { type: "submit", spec, count, hasOthers: load !== undefined && load.alive + load.pending > 0 };
    });
}

/** The newest ones first, and not at once: a chain of tasks needs a worker again in a moment. */
function cancellations(
  draft: FleetDraft,
  seen: FleetObservation,
  { excessMs }: FleetSettings,
  pending: readonly WorkerJob[],
  excess: readonly { readonly spec: string; readonly count: number }[],
): FleetAction[] {
  return lasting(draft, "excessSince", excess, seen.at, excessMs).flatMap(({ spec, count }) => {
    const newest = pending.filter((job) => job.spec === spec).toSorted((a, b) => b.order - a.order);
    const keys = newest.slice(0, count).map(({ key }) => key);
    if (keys.length === 0) return [];
    setSpec(draft, spec, { excessSince: undefined });
    const words = keys.length === 1 ? "1 pending worker" : `${keys.length} pending workers`;
    return [{
      type: "cancelPending",
      keys,
      done: `cancelled ${words} of spec '${spec}', which nothing is left for`,
    }];
  });
}

/** Asks workers to leave whose room the tasks of other specs need. */
function drains(
  draft: FleetDraft,
  seen: FleetObservation,
  { excessMs }: FleetSettings,
  wanted: readonly { readonly spec: string; readonly count: number }[],
): FleetAction[] {
  return lasting(draft, "roomSince", wanted, seen.at, excessMs).flatMap(({ spec, count }) => {
    // If the controller's own worker left, somebody else would have to take the run up.
    const workers = seen.workers.filter((worker) =>
      worker.spec === spec && !worker.leaving && worker.id !== seen.controllerWorker
    );
    if (workers.length === 0) return [];
    setSpec(draft, spec, { roomSince: undefined });
    return [{ type: "drain", spec, count, workers: workers.map(({ id }) => id) }];
  });
}

/** Tried again when the workers change. */
function standby(draft: FleetDraft, seen: FleetObservation): FleetAction[] {
  const jobs = [...draft.jobs.values()].filter((job) => standing(draft, seen, job) !== "over");
  const alive = jobs.map(({ key }) => key).sort();
  if (alive.join(" ") === draft.standbyOf) return [];
  draft.standbyOf = alive.join(" ");
  return [{ type: "keepStandby", alive }];
}

type Since = Extract<keyof SpecState, `${string}Since`>;

/** Lets through what was wanted without a break for so many milliseconds. */
function lasting<T extends { readonly spec: string }>(
  draft: FleetDraft,
  since: Since,
  wanted: readonly T[],
  at: number,
  ms: number,
): T[] {
  for (const [spec, state] of draft.specs) {
    if (state[since] !== undefined && !wanted.some((each) => each.spec === spec)) {
      setSpec(draft, spec, { [since]: undefined });
    }
  }
  return wanted.filter(({ spec }) => {
    const begun = draft.specs.get(spec)?.[since] ?? at;
    setSpec(draft, spec, { [since]: begun });
    return at - begun >= ms;
  });
}
