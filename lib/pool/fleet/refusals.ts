import { isLasting, isSystemError } from "../../core/errors.ts";
import { formatDuration } from "../../ui/duration.ts";
import type { Refusal } from "../launcher.ts";
import {
  type FailedStart,
  type FleetAction,
  type FleetDraft,
  type FleetObservation,
  type FleetSettings,
  nodeComplaint,
  setSpec,
  type SpecState,
  standing,
  type Trouble,
} from "./fleet_state.ts";
import type { SpecLoad } from "./scale.ts";

/** Milliseconds before a refused submission is tried again; doubled each time, up to a minute. */
const FIRST_PAUSE_MS: Readonly<Record<Trouble["kind"], number>> = { refused: 500, limit: 2000, ended: 1000 };
const LONGEST_PAUSE_MS = 60_000;
/** Milliseconds after which people are told that it goes on. */
const REPEAT_MS = 600_000;
/** What was over sooner is not worth saying so, in milliseconds. */
const SHORT_MS = 60_000;
/** Milliseconds after which twice as many workers are asked for at once as a limit let in. */
const GROW_MS = 60_000;
/** What cannot change by itself is tried so often. */
const LASTING_TRIES = 3;
/** The site may end so many jobs in a row, each submitted after the one before, until that is trouble. */
const EARLY_ENDS = 3;

/** Takes in that workers were refused; `count` of them, which may be fewer than were asked for. */
export function noteRefusal(
  draft: FleetDraft,
  { spec, count, at, refusal: { kind, error } }: {
    spec: string;
    count: number;
    at: number;
    refusal: Refusal;
  },
  settings: Pick<FleetSettings, "refusalMs">,
): FleetAction[] {
  // Fewer of them may be let in, which is tried at once.
  const size = Math.max(1, Math.floor(count / 2));
  if (kind === "limit") setSpec(draft, spec, { batch: { size, at } });
  if (kind === "limit" && count > 1) return [];
  begin(draft, spec, kind, error, at);
  return tell(draft, spec, at, settings);
}

/** Takes in that the site ended a job before its worker had begun. */
export function noteEarlyEnd(
  draft: FleetDraft,
  { key, node, ended, log }: FailedStart,
  { spec, id, since, at }: { spec: string; id: string | undefined; since: number; at: number },
  settings: Pick<FleetSettings, "refusalMs">,
): FleetAction[] {
  const before = draft.specs.get(spec)?.early;
  // Those that were submitted together were ended together: that counts once.
  if (before && since <= before.at) return [];
  const times = (before?.times ?? 0) + 1;
  setSpec(draft, spec, { early: { times, at } });
  const job = `${id === undefined ? key : `job ${id} (${key})`}${node === undefined ? "" : ` on ${node}`}`;
  const error = new Error(
    `their jobs end before a worker begins, ${times} times in a row, the last one ${job}: ${ended}` +
      (log === undefined ? "" : `, log ${log}`),
  );
  // One may be chance, as where jobs are preempted.
  if (times > 1) begin(draft, spec, "ended", error, at);
  return times < EARLY_ENDS ? [] : tell(draft, spec, at, settings);
}

function begin(draft: FleetDraft, spec: string, kind: Trouble["kind"], error: Error, at: number): void {
  const before = draft.specs.get(spec)?.trouble;
  const times = (before?.times ?? 0) + 1;
  const pause = Math.min(FIRST_PAUSE_MS[kind] * 2 ** Math.min(times - 1, 20), LONGEST_PAUSE_MS);
  const trouble: Trouble = {
    ...before,
    kind,
    error,
    times,
    at,
    until: at + pause,
    since: before?.since ?? at,
  };
  setSpec(draft, spec, { trouble });
}

/** Says what keeps workers out, once for each reason, and every now and then how that goes on. */
function tell(
  draft: FleetDraft,
  spec: string,
  at: number,
  { refusalMs }: Pick<FleetSettings, "refusalMs">,
): FleetAction[] {
  const { trouble, told } = draft.specs.get(spec) ?? {};
  if (!trouble) return [];
  const text = wordsOf(spec, trouble);
  // The last job that ended early is another one each time, and so is the one that is refused.
  const key = trouble.kind === "ended" ? trouble.kind : text.replaceAll(/furu-[\w.-]+|\b\d+ s\b/g, "");
  const { since, idleSince } = trouble;
  const leftMs = idleSince === undefined ? Infinity : idleSince + refusalMs - at;
  if (told?.key === key && (at - told.at < REPEAT_MS || leftMs < SHORT_MS)) return [];
  setSpec(draft, spec, { told: { key, at } });
  const lasts = at - since < SHORT_MS ? "" : `that is so for ${formatDuration(at - since)}; `;
  const limit = idleSince === undefined
    ? `for as long as the run has anything else to do, and for ${formatDuration(refusalMs)} after ` +
      "(slurm.refusalSec)"
    : `for another ${formatDuration(leftMs)}, then the tasks that need them fail`;
  return [{ type: "notify", level: "warn", text: `${text}; ${lasts}they are asked for again ${limit}` }];
}

function wordsOf(spec: string, { kind, error }: Trouble): string {
  const what = kind === "limit"
    ? `there are no more workers of spec '${spec}' for now`
    : `cannot start workers of spec '${spec}'`;
  return `${what}: ${error.message}`;
}

/** How many workers of a spec may be asked for now. */
export function mayAsk({ trouble, batch }: SpecState, at: number): number {
  if (trouble && at < trouble.until) return 0;
  return batch === undefined ? Infinity : batch.size * 2 ** Math.floor((at - batch.at) / GROW_MS);
}

/**
 * Ends troubles that are over, says which go on, and gives specs up that the run has had nothing else to do
 * than to wait for, for long.
 */
export function checkTroubles(
  draft: FleetDraft,
  seen: FleetObservation,
  settings: FleetSettings,
  loads: readonly SpecLoad[],
): FleetAction[] {
  return loads.flatMap(({ spec, tasks }) => {
    const trouble = draft.specs.get(spec)?.trouble;
    if (!trouble) return [];
    if (isOver(draft, seen, spec, trouble)) return end(draft, seen.at, spec, trouble);
    if (tasks === 0) return [];
    const isBusy = hasOthers(draft, seen, loads);
    const idleSince = isBusy ? undefined : trouble.idleSince ?? seen.at;
    setSpec(draft, spec, { trouble: { ...trouble, idleSince } });
    const isVain = !isBusy && isLasting(trouble.error) && !isSystemError(trouble.error) &&
      trouble.times >= LASTING_TRIES;
    const isLate = idleSince !== undefined && seen.at - idleSince >= settings.refusalMs;
    if (isVain || isLate || (!isBusy && trouble.expired)) return giveSpecUp(draft, seen.at, spec, trouble);
    const isTold = draft.specs.get(spec)?.told !== undefined;
    return isTold ? tell(draft, spec, seen.at, settings) : [];
  });
}

/** Whether any worker works, or will for all that is known: that may make room, or bring news. */
function hasOthers(draft: FleetDraft, seen: FleetObservation, loads: readonly SpecLoad[]): boolean {
  return loads.some(({ spec, tasks, leaving }) => {
    if (leaving > 0) return true;
    if (tasks === 0) return false;
    if (seen.workers.some((worker) => worker.spec === spec)) return true;
    if (draft.specs.get(spec)?.trouble?.kind === "ended") return false;
    // What the scheduler has not answered for may be refused as well.
    return [...draft.jobs.values()].some((job) =>
      job.spec === spec && (job.id !== undefined || job.state.status === "running") &&
      standing(draft, seen, job) !== "over"
    );
  });
}

/** Whether a worker got in since. */
function isOver(draft: FleetDraft, seen: FleetObservation, spec: string, { kind, at }: Trouble): boolean {
  for (const job of draft.jobs.values()) {
    if (job.spec !== spec) continue;
    const since = draft.starts?.get(job.key)?.since ?? -Infinity;
    if (since <= at) continue;
    if (seen.entered.has(job.key)) return true;
    if (kind !== "ended" && (job.id !== undefined || job.state.status !== "pending")) return true;
  }
  return false;
}

function end(draft: FleetDraft, at: number, spec: string, { since }: Trouble): FleetAction[] {
  const told = draft.specs.get(spec)?.told;
  setSpec(draft, spec, { trouble: undefined, early: undefined });
  if (!told || told.at < since || at - since < SHORT_MS) return [];
  setSpec(draft, spec, { told: undefined });
  const text = `workers of spec '${spec}' can be started again, after ${formatDuration(at - since)}`;
  return [{ type: "notify", level: "info", text }];
}

function giveSpecUp(draft: FleetDraft, at: number, spec: string, trouble: Trouble): FleetAction[] {
  setSpec(draft, spec, { trouble: { ...trouble, expired: true } });
  const last = draft.specs.get(spec)?.lastStart;
  const complaint = nodeComplaint(draft.nodes);
  const since = at - trouble.since < SHORT_MS ? "" : ` for ${formatDuration(at - trouble.since)}`;
  const text = [
    `No worker of spec '${spec}' could be started${since}: `,
    trouble.error.message,
    ...(complaint === undefined ? [] : [`\n${complaint}`]),
    ...(last === undefined ? [] : ["\nthe last worker was ", last]),
  ];
  return [{ type: "failSpec", spec, text, log: last?.log }];
}
