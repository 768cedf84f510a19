import type { LateRefusal, WorkerJob } from "../launcher.ts";
import { plural } from "../../ui/text.ts";
import { type FleetAction, type FleetDraft, type FleetState, setSpec } from "./fleet_state.ts";

/**
 * Takes in that workers were handed over. They count as submitted once the scheduler has taken them, which
 * may be told much later; those of which it is known are said at once.
 */
export function noteSubmitted(
  draft: FleetDraft,
  { spec, taken, open = 0 }: { spec: string; taken: number; open?: number | undefined },
): FleetAction[] {
  const before = draft.specs.get(spec)?.handed;
  const said = taken - open;
  setSpec(draft, spec, {
    handed: { said: (before?.said ?? 0) + said, open: (before?.open ?? 0) + open },
  });
  return said > 0 ? [submittedNotice(spec, said)] : [];
}

/**
 * Says how many workers the scheduler has taken since the look before, of those that it had not answered for
 * when they were handed over.
 *
 * @param before The state before this look.
 * @param refused What it has refused of them since.
 */
export function noticeTaken(
  draft: FleetDraft,
  before: FleetState,
  refused: readonly LateRefusal[],
): FleetAction[] {
  const actions: FleetAction[] = [];
  for (const [spec, { handed }] of draft.specs) {
    if (!handed) continue;
    const none = refused.reduce((sum, each) => each.spec === spec ? sum + each.count : sum, 0);
    const open = Math.max(0, handed.open - none);
    const fresh = [...draft.jobs.values()].filter((job) => job.spec === spec && isFresh(before, job)).length;
    const taken = Math.max(0, Math.min(open, fresh - handed.said));
    setSpec(draft, spec, { handed: open === taken ? undefined : { said: 0, open: open - taken } });
    if (taken > 0) actions.push(submittedNotice(spec, taken));
  }
  return actions;
}

/** Whether it has had its id from the scheduler since the look before. */
function isFresh({ jobs }: FleetState, { key, id }: WorkerJob): boolean {
  return id !== undefined && jobs.get(key)?.id === undefined;
}

function submittedNotice(spec: string, count: number): FleetAction {
  return { type: "notify", level: "info", text: `submitted ${plural(count, "worker")} of spec '${spec}'` };
}
