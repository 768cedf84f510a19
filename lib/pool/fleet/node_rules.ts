import { errorText } from "../../core/errors.ts";
import type { WorkerJob } from "../launcher.ts";
import { noteEarlyEnd } from "./refusals.ts";
import {
  type FailedStart,
  type FleetAction,
  type FleetDraft,
  type FleetObservation,
  type FleetSettings,
  type JobStart,
  nodeComplaint,
  type NodesState,
  setCancelled,
  setSpec,
} from "./fleet_state.ts";
import type { SpecLoad } from "./scale.ts";
import { isInTurn } from "./why_no_worker.ts";

/** A node on which something could not start so often in a row is excluded. */
const BAD_IN_A_ROW = 2;
/** Where tasks cannot begin on so many nodes, and began nowhere, it is no fault of single nodes. */
const BAD_NODES = 2;
/** When so many jobs of a spec end in a row before their worker begins, each elsewhere, none will begin. */
const MAX_FAILED_STARTS = 3;
/** So many refusals in a row may be because of the nodes that were excluded. */
const MAX_REFUSALS = 3;

/** Notes that a worker, or a task, could not start on a node, which may exclude it. */
export function noteBadNode(nodes: NodesState, node: string, why: string): [NodesState, FleetAction[]] {
  const times = (nodes.inARow.get(node) ?? 0) + 1;
  const inARow = new Map(nodes.inARow).set(node, times);
  if (times < BAD_IN_A_ROW || nodes.excluded.has(node)) return [{ ...nodes, inARow }, []];
  const excluded = new Map(nodes.excluded).set(node, why);
  return [{ ...nodes, inARow, excluded }, [{ type: "excludeNode", node, why }]];
}

/** Notes that a task did start, and where that is known. */
export function noteGoodStart(nodes: NodesState, node: string | undefined): NodesState {
  const isSuspect = node !== undefined && nodes.inARow.has(node);
  if (nodes.startedWell && !isSuspect) return nodes;
  const inARow = new Map(nodes.inARow);
  if (node !== undefined) inARow.delete(node);
  return { ...nodes, inARow, startedWell: true };
}

/** Notes that a task could not begin on a node. Its worker has left since. */
export function noteBadStart(
  nodes: NodesState,
  { node, job, why }: { node?: string | undefined; job?: string | undefined; why: string },
): [NodesState, FleetAction[]] {
  // Several workers of one node may tell at the same time, before it can be excluded: that says nothing of
  // the others.
  const badStarts = new Set(nodes.badStarts).add(node ?? `unknown ${nodes.badStarts.size}`);
  const badJobs = job === undefined ? nodes.badJobs : new Set(nodes.badJobs).add(job);
  const noted = { ...nodes, badStarts, badJobs };
  return node === undefined ? [noted, []] : noteBadNode(noted, node, why);
}

/**
 * Whether tasks may yet begin elsewhere: that one cannot begin is the node's fault, unless nothing began
 * anywhere.
 */
export function canStartElsewhere({ startedWell, badStarts }: NodesState): boolean {
  return startedWell || badStarts.size < BAD_NODES;
}

/** Notices jobs that end before their worker has begun: without that a run would submit them for ever. */
export function judgeStarts(
  draft: FleetDraft,
  seen: FleetObservation,
  settings: FleetSettings,
): FleetAction[] {
  const { roundMs, staleAfterSec } = settings;
  const actions: FleetAction[] = [];
  const starts = new Map(draft.starts);
  // What an earlier controller started may have had its worker then: it says nothing.
  const isFirst = draft.starts === undefined;
  for (const job of draft.jobs.values()) {
    const { status } = job.state;
    let start: JobStart = starts.get(job.key) ?? { since: seen.at, judged: isFirst };
    if (status === "dead") start = { ...start, deadSince: start.deadSince ?? seen.at };
    if (status === "running") start = { ...start, runningSince: start.runningSince ?? seen.at };
    const leftAt = seen.entered.get(job.key);
    const { askedAt } = job;
    if (status === "pending" && leftAt !== undefined && askedAt !== undefined && askedAt > leftAt) {
      start = { ...start, againAt: askedAt };
    }
    const isLost = isUnanswered(job) && seen.at - start.since > staleAfterSec * 1000;
    if (isLost && !start.lost) {
      const text =
        `job ${job.key} of spec '${job.spec}' is not waited for any more, as its submission has had no ` +
        `answer for ${staleAfterSec} s; should it be there after all, its worker will help`;
      actions.push({ type: "notify", level: "warn", text });
    }
    if (isLost !== (start.lost ?? false)) start = { ...start, lost: isLost };
    const { deadSince, runningSince, judged } = start;
    if (!judged && seen.entered.has(job.key)) {
      start = { ...start, judged: true };
      setSpec(draft, job.spec, { failedAt: undefined, lastStart: undefined, early: undefined });
    } else if (
      !judged && status === "running" && seen.at - (runningSince ?? seen.at) > staleAfterSec * 1000
    ) {
      start = { ...start, judged: true, stuck: true };
      const ended = `it has run for ${staleAfterSec} s, and its worker has not begun`;
      actions.push(...judgeStart(draft, seen, settings, job, start, ended));
    } else if (!judged && status === "dead" && deadSince !== undefined) {
      // A worker that died at once can be seen until then, and what it gave back is read first: that a task
      // could not begin there is one bad start, not two.
      if (seen.resultsReadAt > deadSince && seen.at - deadSince >= 2 * roundMs) {
        start = { ...start, judged: true };
        actions.push(...judgeStart(draft, seen, settings, job, start, job.state.text));
      }
    }
    starts.set(job.key, start);
  }
  draft.starts = starts;
  return actions;
}

/** Whether nobody knows that the scheduler ever took it. */
function isUnanswered({ id, state }: WorkerJob): boolean {
  return id === undefined && state.status === "pending";
}

function judgeStart(
  draft: FleetDraft,
  seen: FleetObservation,
  settings: FleetSettings,
  { key, spec, node, log, state, id }: WorkerJob,
  { since }: JobStart,
  ended: string,
): FleetAction[] {
  const { loss = undefined, vanished = false } = state.status === "dead" ? state : {};
  if (draft.cancelled.has(key)) return [];
  // By people or the site; or with all that was on a node, which takes no more jobs until it is back. That is
  // no fault of a node or of how workers begin, but it may be so for ever.
  if (vanished || loss === "cancelled" || loss === "preempted" || loss === "node-failure") {
    if ((seen.tasks.get(spec) ?? 0) === 0) return [];
    return noteEarlyEnd(draft, { key, node, ended, log }, { spec, id, since, at: seen.at }, settings);
  }
  // Its worker left since a task could not begin there, before it was ever seen: that counts already.
  if (draft.nodes.badJobs.has(key)) return [];
  const isNodes = loss === undefined || loss === "boot-failure";
  const said = seen.refusals.get(key);
  let actions: FleetAction[] = [];
  // What the worker itself has said counts already.
  if (node !== undefined && isNodes && said === undefined) {
    const why = `a worker's job did not begin there: ${ended}`;
    [draft.nodes, actions] = noteBadNode(draft.nodes, node, why);
  }
  const known = draft.specs.get(spec);
  const before = (known?.resultAt ?? -Infinity) >= since ? undefined : known?.failedAt;
  const failedAt = new Set(before).add(node !== undefined && isNodes ? node : key);
  const lastStart: FailedStart = { key, node, ended, said, log };
  setSpec(draft, spec, { failedAt, lastStart });
  // A node takes several jobs at once before it can be excluded: that says nothing of the others.
  if (failedAt.size < MAX_FAILED_STARTS || (seen.tasks.get(spec) ?? 0) === 0) return actions;
  const what =
    `Cannot start workers of spec '${spec}': ${MAX_FAILED_STARTS} jobs in a row ended before their worker ` +
    `had begun, the last one, `;
  const complaint = nodeComplaint(draft.nodes);
  const text = [what, lastStart, ...(complaint === undefined ? [] : [`\n${complaint}`])];
  setSpec(draft, spec, { failedAt: undefined });
  return [...actions, noWorkers(seen, spec, text, log)];
}

/** What becomes of a spec that can have no worker: the run goes on with what others need, where there is. */
export function noWorkers(
  seen: FleetObservation,
  spec: string,
  text: readonly (string | FailedStart)[],
  log?: string,
): FleetAction {
  const hasOthers = [...seen.tasks].some(([other, count]) => other !== spec && count > 0) ||
    seen.strangers.length > 0;
  return hasOthers ? { type: "failSpec", spec, text, log } : { type: "giveUp", blame: "workers", text, log };
}

/**
 * Sees to it that no spec waits for ever since the nodes that it needs are excluded. After `staleAfterSec`
 * without a worker they are used again, once. When they are excluded again, and still no worker begins, the
 * run ends.
 */
export function readmitNodes(
  draft: FleetDraft,
  seen: FleetObservation,
  { staleAfterSec }: FleetSettings,
  loads: readonly SpecLoad[],
  pending: readonly WorkerJob[],
): FleetAction[] {
  const { excluded } = draft.nodes;
  const cancel: FleetAction[] = pending.length === 0
    ? []
    : [{ type: "cancelPending", keys: pending.map(({ key }) => key) }];
  const isNew = excluded.size > draft.excludedBefore;
  draft.excludedBefore = excluded.size;
  const cancelAll = (): FleetAction[] => {
    setCancelled(draft, pending.map(({ key }) => key), seen.at);
    return cancel;
  };
  // They would begin where nothing can, one after the other, and each cost a task one of its attempts.
  if (isNew) return cancelAll();
  for (const { spec, tasks, alive, leaving } of loads) {
    // One that only waits for its turn has a node to run on.
    const mayBegin = pending.some((job) => job.spec === spec && isInTurn(job));
    const isStarved = tasks > 0 && alive + leaving === 0 && !mayBegin && excluded.size > 0;
    const { starvedSince, trouble } = draft.specs.get(spec) ?? {};
    const since = isStarved ? starvedSince ?? seen.at : undefined;
    setSpec(draft, spec, { starvedSince: since });
    // That there is none left for it may be why it is refused.
    const isRefused = isStarved && trouble?.kind === "refused" && trouble.times >= MAX_REFUSALS;
    if (!isRefused && seen.at - (since ?? seen.at) < staleAfterSec * 1000) continue;
    if (draft.readmitted) {
      const why = isRefused ? errorText(trouble.error) : `none has begun for ${staleAfterSec} s`;
      const last = draft.specs.get(spec)?.lastStart;
      return [noWorkers(seen, spec, [
        `Cannot start workers of spec '${spec}': ${why}\n${nodeComplaint(draft.nodes)}`,
        ...(last === undefined ? [] : ["\nthe last worker was ", last]),
      ])];
    }
    draft.readmitted = true;
    if (isRefused) setSpec(draft, spec, { trouble: { ...trouble, times: 0, until: seen.at } });
    for (const each of draft.specs.keys()) setSpec(draft, each, { starvedSince: undefined });
    draft.nodes = { ...draft.nodes, excluded: new Map(), inARow: new Map() };
    draft.excludedBefore = 0;
    const why = isRefused
      ? `spec '${spec}' is refused without them`
      : `spec '${spec}' had no worker for ${staleAfterSec} s`;
    return [{ type: "readmitNodes", nodes: [...excluded.keys()], why }, ...cancelAll()];
  }
  return [];
}
