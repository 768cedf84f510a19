import { workerDir } from "../../queue/layout.ts";
import { parseTaskName } from "../../queue/task_name.ts";
import { listOrNothing } from "../../store/store.ts";
import { plural } from "../../ui/text.ts";
import { Lasting } from "./lasting.ts";
import { tell } from "./context.ts";
import type { PoolState } from "./pool_state.ts";
import type { Member, Roster } from "./monitor_workers.ts";

/** Tells workers to leave whose room the tasks of other specs need. */
export class Dismissal {
  readonly #state: PoolState;
  readonly #roster: Roster;
  readonly #lasting: Lasting;

  /** Tells nobody yet. */
  constructor(state: PoolState, roster: Roster) {
    this.#state = state;
    this.#roster = roster;
    this.#lasting = new Lasting(state.runtime.machine.clock, state.timing.excessMs);
  }

  /** Those that have nothing to do first, of them the newest; the others finish what they compute. */
  async round(wanted: readonly { readonly spec: string; readonly count: number }[]): Promise<void> {
    for (const { spec, count } of this.#lasting.of(wanted)) {
      const chosen = (await this.#candidates(spec)).slice(0, count);
      if (chosen.length === 0) continue;
      this.#lasting.done(spec);
      for (const member of chosen) {
        await this.#roster.dismiss(member, "tasks of another spec need its room");
      }
      const text = `told ${plural(chosen.length, "worker")} of spec '${spec}' to leave`;
      tell(this.#state, "info", `${text}, as tasks of another spec need the room`);
    }
  }

  async #candidates(spec: string): Promise<Member[]> {
    const { runtime: { store }, paths, role } = this.#state;
    const found: { member: Member; busy: number; since: string }[] = [];
    for (const member of this.#roster.members) {
      const { id, record, leaving } = member;
      // Whoever leaves the role to somebody else would have the run begin it anew.
      if (record?.spec !== spec || leaving || id === role.claim.record.worker) continue;
      const files = await listOrNothing(store.machine, workerDir(paths, spec, id));
      const busy = files.filter(({ name }) => parseTaskName(name)).length;
      found.push({ member, busy, since: record.startedAt });
    }
    found.sort((a, b) => a.busy - b.busy || (a.since < b.since ? 1 : a.since > b.since ? -1 : 0));
    return found.map(({ member }) => member);
  }
}
