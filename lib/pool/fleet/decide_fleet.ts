import { errorText, isSystemError } from "../../core/errors.ts";
import { formatDuration } from "../../ui/duration.ts";
import { plural } from "../../ui/text.ts";
import type { JobsAnswer, Refusal, WorkerJob } from "../launcher.ts";
import {
  draftOf,
  type FleetAction,
  type FleetDraft,
  type FleetObservation,
  type FleetSettings,
  type FleetState,
  isDoubtful,
  pendingJobs,
  setCancelled,
  setSpec,
  specLoads,
  type SpecState,
  standing,
} from "./fleet_state.ts";
import {
  judgeStarts,
  noteBadNode,
  noteBadStart,
  noteGoodStart,
  noWorkers,
  readmitNodes,
} from "./node_rules.ts";
import { checkTroubles, mayAsk, noteRefusal } from "./refusals.ts";
import { scale, type SpecLoad } from "./scale.ts";
import { noteSubmitted, noticeTaken } from "./submitted.ts";
import { whyNoWorker } from "./why_no_worker.ts";

/** So often in a row a launcher may not tell anything before the run ends, where no worker lives. */
const MAX_ERRORS = 3;
/** Milliseconds without progress before people are told why, and between two such words. */
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
  /** Jobs could not be cancelled. */
  | { readonly type: "notCancelled"; readonly keys: readonly string[] }
  /** The launcher answered to a request for `asked` workers. */
  | {
    readonly type: "submitted";
    readonly spec: string;
    readonly asked: number;
    readonly taken: number;
    readonly open?: number | undefined;
    readonly refusal?: Refusal | undefined;
    readonly at: number;
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
  for (const some of decisions(draft, before, seen, settings)) {
    actions.push(...some);
    const end = actions.findIndex(({ type }) => type === "giveUp");
    if (end >= 0) return { state: draft, actions: actions.slice(0, end + 1) };
  }
  return { state: draft, actions };
}

function* decisions(
  draft: FleetDraft,
  before: FleetState,
  seen: FleetObservation,
  settings: FleetSettings,
): Generator<FleetAction[]> {
  if (seen.workers.length > 0) draft.noAnswers = 0;
  if ("error" in seen.answer) return yield noAnswer(draft, seen, seen.answer.error);
  draft.jobs = new Map(seen.answer.jobs.map((job) => [job.key, job]));
  draft.cancelled = new Map([...draft.cancelled].filter(([key]) => draft.jobs.has(key)));
  const refused = seen.answer.refused ?? [];
  yield noticeTaken(draft, before, refused);
  for (const each of refused) yield noteRefusal(draft, { ...each, at: seen.at }, settings);
  yield judgeStarts(draft, seen, settings);
  if (!seen.isRunning) return;
  const loads = specLoads(draft, seen, settings.specs);
  const pending = pendingJobs(draft, seen);
  yield noticeSilence(draft, seen, seen.answer.silence);
  yield noticeWaiting(draft, seen, settings, loads, pending);
  yield checkTroubles(draft, seen, settings, loads);
  if (!settings.canSubmit) return yield checkLeft(draft, seen, settings, loads);
  yield readmitNodes(draft, seen, settings, loads, pending);
  const { submit, cancel, release } = scale(loads, settings.limits);
  const wanted = submissions(draft, seen, submit);
  // Where all specs share a number of workers, those that are too many are in the way of others.
  const isFull = wanted.length > 0 && !hasRoom(loads, settings, submit);
  yield cancellations(draft, seen, isFull ? { ...settings, excessMs: 0 } : settings, pending, cancel);
  yield wanted;
  // One that has left and counts until that is clear may make the room that is needed: nobody else has to.
  const isClear = ![...draft.jobs.keys()].some((key) => isDoubtful(draft, seen, key));
  yield drains(draft, seen, settings, isClear ? release : []);
  if (settings.needsStandby) yield standby(draft, seen);
}

/** Whether there is room for more workers beside all that there are, those that are too many included. */
function hasRoom(
  loads: readonly SpecLoad[],
  { limits: { maxWorkers } }: FleetSettings,
  wanted: readonly { readonly count: number }[],
): boolean {
  if (typeof maxWorkers !== "number") return true;
  const there = loads.reduce((sum, { alive, leaving, pending }) => sum + alive + leaving + pending, 0);
  return there + wanted.reduce((sum, { count }) => sum + count, 0) <= maxWorkers;
}

/** Takes in what happened since. */
export function noteFleet(
  state: FleetState,
  event: FleetEvent,
  settings: Pick<FleetSettings, "refusalMs">,
): FleetDecision {
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
    case "notCancelled":
      draft.cancelled = new Map([...draft.cancelled].filter(([key]) => !event.keys.includes(key)));
      break;
    case "submitted": {
      const { spec, asked, taken, refusal, at } = event;
      actions = noteSubmitted(draft, event);
      if (refusal) {
        const count = Math.max(1, asked - taken);
        actions = [...actions, ...noteRefusal(draft, { spec, count, at, refusal }, settings)];
      }
    }
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
  const isHopeless = !isSystemError(error) && ++draft.noAnswers >= MAX_ERRORS && isNeeded;
  const hasAny = seen.workers.length > 0 ||
    [...draft.jobs.values()].some((job) => standing(draft, seen, job) !== "over");
  if (isHopeless && !hasAny) return [{ type: "giveUp", blame: "workers", text: [], cause: error }];
  return text === before ? [] : [{ type: "notify", level: "warn", text }];
}

/** Says that the scheduler does not answer, and that it answers again. */
function noticeSilence(
  draft: FleetDraft,
  { at, tasks }: FleetObservation,
  silence: JobsAnswer["silence"],
): FleetAction[] {
  if (!silence) {
    const since = draft.silentSince;
    draft.silentSince = undefined;
    if (since === undefined) return [];
    return [{
      type: "notify",
      level: "info",
      text: `Slurm answers again, after ${formatDuration(at - since)}`,
    }];
  }
  const isNeeded = [...tasks.values()].some((count) => count > 0);
  if (draft.silentSince !== undefined || !isNeeded || at - silence.since < NOTICE_AFTER_MS) return [];
  draft.silentSince = silence.since;
  const text =
    `Slurm has not answered for ${formatDuration(at - silence.since)} (${silence.text}): workers that run ` +
    "go on, and what is known of the others is of before";
  return [{ type: "notify", level: "warn", text }];
}

/**
 * Says why no worker of a spec works: a run may have to wait for ever, or only its turn. Once for each
 * reason.
 */
function noticeWaiting(
  draft: FleetDraft,
  seen: FleetObservation,
  { canSubmit, runId }: FleetSettings,
  loads: readonly SpecLoad[],
  pending: readonly WorkerJob[],
): FleetAction[] {
  const { at } = seen;
  const actions: FleetAction[] = [];
  for (const { spec, tasks } of loads) {
    const known = draft.specs.get(spec);
    const since = known?.waiting?.since ?? at;
    const why = tasks === 0 ? undefined : whyNoWorker({
      spec,
      runId,
      canSubmit,
      waitedMs: at - since,
      ...workersOf(draft, seen, spec),
      pending: pending.filter((job) => job.spec === spec).toSorted((a, b) => a.order - b.order),
      trouble: known?.trouble,
    });
    if (!why) {
      // What a trouble keeps out waits, too.
      if (!known?.trouble) setSpec(draft, spec, { waiting: undefined });
      continue;
    }
    const { told, toldAt = -Infinity } = known?.waiting ?? {};
    const isDue = told !== why.key && at - Math.max(since, toldAt) >= NOTICE_AFTER_MS;
    setSpec(draft, spec, { waiting: isDue ? { since, told: why.key, toldAt: at } : { since, told, toldAt } });
    if (isDue) actions.push({ type: "notify", level: "info", text: why.text });
  }
  return [...actions, ...noticeStrangers(draft, seen)];
}

/** The workers of a spec, by what they do. */
function workersOf(
  draft: FleetDraft,
  seen: FleetObservation,
  spec: string,
): { starting: WorkerJob[]; halted: WorkerJob[]; working: number; hasEnded: boolean } {
  const all = [...draft.jobs.values()].filter((job) => job.spec === spec);
  const jobs = all.filter(({ state }) => state.status === "running");
  const hasEnded = all.some((job) => job.state.status === "dead" || standing(draft, seen, job) === "over");
  const halted = jobs.filter(({ state }) => state.status === "running" && state.halted);
  const keys = new Set(halted.map(({ key }) => key));
  const working = seen.workers.filter((worker) => worker.spec === spec && !keys.has(worker.job ?? ""));
  const starting = jobs.filter((job) =>
    !keys.has(job.key) && !seen.workerOf.has(job.key) && standing(draft, seen, job) === "alive"
  );
  return { starting, halted, working: working.length, hasEnded };
}

/** Says whose computations a run waits for that has nothing else to do. */
function noticeStrangers(draft: FleetDraft, { at, tasks, strangers }: FleetObservation): FleetAction[] {
  const isBusy = [...tasks.values()].some((count) => count > 0);
  if (isBusy || strangers.length === 0) {
    draft.strangers = undefined;
    return [];
  }
  const { since, told } = draft.strangers ?? { since: at };
  const names = [...new Set(strangers)].sort();
  const key = names.join(", ");
  const isDue = at - since >= NOTICE_AFTER_MS && told !== key;
  draft.strangers = { since, told: isDue ? key : told };
  if (!isDue) return [];
  const shown = names.length > 3 ? [...names.slice(0, 3), `${names.length - 3} more`] : names;
  const text = `the run only waits, for ${formatDuration(at - since)} now: ${
    plural(strangers.length, "task")
  } of it are computed elsewhere, by ${shown.join(", ")}`;
  return [{ type: "notify", level: "info", text }];
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
  return [noWorkers(seen, load.spec, text)];
}

function submissions(
  draft: FleetDraft,
  { at }: FleetObservation,
  wanted: readonly { readonly spec: string; readonly count: number }[],
): FleetAction[] {
  return wanted.flatMap(({ spec, count }) => {
    const some = Math.min(count, mayAsk(draft.specs.get(spec) ?? {}, at));
    return some === 0 ? [] : [{ type: "submit", spec, count: some }];
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
    setCancelled(draft, keys, seen.at);
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
