import { errorText, isSystemError, SlurmError } from "../../core/errors.ts";
import { plural } from "../../ui/text.ts";
import { Dismissal } from "./dismissal.ts";
import { Lasting } from "./lasting.ts";
import type { WorkerJob } from "../launcher.ts";
import { NodePardon } from "./node_pardon.ts";
import { PendingNotice } from "./pending_notice.ts";
import { tell } from "./context.ts";
import type { PoolState } from "./pool_state.ts";
import { LeadershipLostError } from "../leadership.ts";
import type { Member, Roster } from "./monitor_workers.ts";
import { scale, type SpecLoad } from "./scale.ts";
import { StartFailures } from "./node_rules.ts";

/** Failed submissions in a row that end the run, where no worker of the spec lives. */
const MAX_REFUSALS = 3;
/** Milliseconds before a refused submission is tried again; doubled each time, up to a minute. */
const FIRST_BACKOFF_MS = 500;

interface Refused {
  times: number;
  until: number;
}

/** Sees to it that there are as many workers as the backlog calls for, and that they do start. */
export class Supply {
  readonly #state: PoolState;
  readonly #roster: Roster;
  readonly #failures: StartFailures;
  readonly #refused = new Map<string, Refused>();
  readonly #excess: Lasting;
  readonly #dismissal: Dismissal;
  readonly #pardon: NodePardon;
  readonly #notice: PendingNotice;
  readonly #forsaken: Lasting;
  #jobs: ReadonlyMap<string, WorkerJob> = new Map();
  #heirOf = "";
  #complaint = "";
  #troubles = 0;

  constructor(state: PoolState, roster: Roster) {
    this.#state = state;
    this.#roster = roster;
    this.#failures = new StartFailures(state, roster);
    this.#excess = new Lasting(state.runtime.machine.clock, state.timing.excessMs);
    this.#dismissal = new Dismissal(state, roster);
    this.#pardon = new NodePardon(state);
    this.#forsaken = new Lasting(state.runtime.machine.clock, 1000 * state.runtime.store.leaseSec);
    this.#notice = new PendingNotice(state.runtime.machine.clock, (text) => tell(state, "info", text));
  }

  /** What was known of the workers' jobs at the last look, by key. */
  get jobs(): ReadonlyMap<string, WorkerJob> {
    return this.#jobs;
  }

  /** The pending ones of them. */
  get pending(): WorkerJob[] {
    return [...this.#jobs.values()].filter((job) => this.#standing(job) === "pending");
  }

  /** Looks at the jobs, and submits or cancels some. */
  async round(): Promise<void> {
    const jobs = await this.#ask();
    if (!jobs) return;
    this.#jobs = new Map(jobs.map((job) => [job.key, job]));
    await this.#failures.look(jobs);
    if (this.#state.phase !== "running") return;
    const loads = this.#loads();
    this.#notice.look(loads, this.pending);
    if (this.#state.launcher.fixed) return this.#checkLeft(loads);
    await this.#cancelKeys(this.#pardon.look(loads, this.pending));
    const { submit, cancel, release } = scale(loads, this.#state.run.options);
    for (const { spec, count } of submit) {
      await this.#submit(spec, count, loads.find((load) => load.spec === spec)!);
    }
    await this.#cancel(cancel);
    // One that has left and counts until that is clear may make the room that is needed: nobody else has to.
    const isClear = !jobs.some(({ key }) => this.#failures.isDoubtful(key));
    await this.#dismissal.round(isClear ? release : []);
    await this.#keepHeir();
  }

  /**
   * What a launcher meets in the background it tells at the next call. While workers live that ends nothing; where none ever
   * do, it is why.
   */
  async #ask(): Promise<readonly WorkerJob[] | undefined> {
    const { launcher, closing, book, broken } = this.#state;
    if (this.#roster.size > 0) this.#troubles = 0;
    try {
      return await launcher.jobs(closing);
    } catch (error) {
      if (closing.aborted) return undefined;
      const hopeless = !isSystemError(error) && ++this.#troubles >= MAX_REFUSALS && book.opened > 0;
      if (hopeless && this.#pendingOrAlive === 0) broken(error);
      else if (this.#complaint !== errorText(error)) tell(this.#state, "warn", errorText(error));
      this.#complaint = errorText(error);
      return undefined;
    }
  }

  get #pendingOrAlive(): number {
    return [...this.#jobs.values()].filter((job) => this.#standing(job) !== "over").length +
      this.#roster.size;
  }

  /** Each worker counts once: a job of which a worker was seen is as alive as that worker is. */
  #standing(job: WorkerJob): "pending" | "alive" | "over" {
    if (job.state.status === "dead") return this.#failures.isDoubtful(job.key) ? "alive" : "over";
    if (this.#roster.memberOf(job.key)) return "alive";
    if (this.#roster.hasEntered(job.key) || this.#failures.isStuck(job.key)) return "over";
    return job.state.status === "pending" ? "pending" : "alive";
  }

  #loads(): SpecLoad[] {
    const counts = new Map(this.#state.specs.map((spec) => [spec, { alive: 0, leaving: 0, pending: 0 }]));
    const count = (spec: string, what: "alive" | "pending", member?: Member): void => {
      const load = counts.get(spec);
      if (load) load[member?.leaving ? "leaving" : what]++;
    };
    for (const job of this.#jobs.values()) {
      const standing = this.#standing(job);
      const member = this.#roster.memberOf(job.key);
      if (standing !== "over" && !this.#onlyControls(member)) count(job.spec, standing, member);
    }
    for (const member of this.#roster.members) {
      if (this.#onlyControls(member)) continue;
      const { record } = member;
      // Started by hand, or by a launcher that has forgotten it.
      if (record && (record.job === undefined || !this.#jobs.has(record.job))) {
        count(record.spec, "alive", member);
      }
    }
    return [...counts].map(([spec, load]) => ({ spec, tasks: this.#state.book.openOf(spec), ...load }));
  }

  /**
   * Is it the worker beside whose tasks the role is held, and has it none to do? It stays as long as it is the controller; if it
   * counted, workers of other specs might never begin.
   */
  #onlyControls(member: Member | undefined): boolean {
    const { role, book } = this.#state;
    if (member?.record === undefined || member.id !== role.claim.record.worker) return false;
    return book.openOf(member.record.spec) === 0;
  }

  /** Where no more workers can be started: tasks that nobody is left for would be waited for in vain. */
  #checkLeft(loads: readonly SpecLoad[]): void {
    const without = loads.filter(({ tasks, alive, leaving, pending }) =>
      tasks > 0 && alive + leaving + pending === 0
    );
    const [load] = this.#forsaken.of(without);
    if (!load) return;
    const { spec, tasks } = load;
    const last = this.#failures.lastOf(spec);
    this.#state.broken(
      new SlurmError(
        `Cannot compute ${plural(tasks, "task")} of spec '${spec}' as none of its workers is left${
          last === undefined ? "" : ` (the last was ${last})`
        }, and none can be submitted from inside of a job: run the same roots again, with more workers or time`,
      ),
    );
  }

  async #submit(spec: string, count: number, load: SpecLoad): Promise<void> {
    const { runtime: { machine: { clock } }, role, launcher, health, closing } = this.#state;
    const refused = this.#refused.get(spec);
    if (refused && clock.monotonic() < refused.until) return;
    await role.check();
    let taken: number;
    try {
      taken = await launcher.submit({ spec, count, exclude: health.excluded }, closing);
    } catch (error) {
      if (closing.aborted || error instanceof LeadershipLostError) return;
      return this.#onRefused(spec, load, error);
    }
    this.#refused.delete(spec);
    if (taken > 0) tell(this.#state, "info", `submitted ${plural(taken, "worker")} of spec '${spec}'`);
  }

  #onRefused(spec: string, { alive, pending }: SpecLoad, error: unknown): void {
    const { runtime: { machine: { clock } }, broken, health } = this.#state;
    const times = (this.#refused.get(spec)?.times ?? 0) + 1;
    // While others work on the tasks there is time: a limit of the scheduler passes.
    if (alive + pending === 0 && times >= MAX_REFUSALS && !isSystemError(error)) {
      // What is wrong with the nodes that were excluded is why there is none left.
      const { complaint } = health;
      if (complaint === undefined) return broken(error);
      const last = this.#failures.lastOf(spec);
      const parts = [
        errorText(error),
        complaint,
        ...(last === undefined ? [] : [`the last worker was ${last}`]),
      ];
      return broken(new SlurmError(parts.join("\n"), { cause: error }));
    }
    if (times === 1) tell(this.#state, "warn", `cannot start workers of spec '${spec}': ${errorText(error)}`);
    const pause = Math.min(FIRST_BACKOFF_MS * 2 ** (times - 1), 60_000);
    this.#refused.set(spec, { times, until: clock.monotonic() + pause });
  }

  /** The newest ones first, and not at once: a chain of tasks needs a worker again in a moment. */
  async #cancel(excess: readonly { spec: string; count: number }[]): Promise<void> {
    for (const { spec, count } of this.#excess.of(excess)) {
      const newest = this.pending.filter((job) => job.spec === spec).sort((a, b) => b.order - a.order);
      const keys = newest.slice(0, count).map(({ key }) => key);
      if (keys.length === 0) continue;
      this.#excess.done(spec);
      if (!await this.#cancelKeys(keys)) continue;
      const words = keys.length === 1 ? "1 pending worker" : `${keys.length} pending workers`;
      tell(this.#state, "info", `cancelled ${words} of spec '${spec}', which nothing is left for`);
    }
  }

  async #cancelKeys(keys: readonly string[]): Promise<boolean> {
    if (keys.length === 0) return true;
    const { role, launcher } = this.#state;
    await role.check();
    return await this.#try("cancel pending workers", () => launcher.cancelPending(keys));
  }

  async #keepHeir(): Promise<void> {
    const { run, launcher, role, closing } = this.#state;
    if (!run.detached || !launcher.keepHeir) return;
    const alive = [...this.#jobs.values()].filter((job) => this.#standing(job) !== "over");
    const keys = alive.map(({ key }) => key).sort();
    if (keys.join(" ") === this.#heirOf) return;
    await role.check();
    // Tried again when the workers change.
    this.#heirOf = keys.join(" ");
    await this.#try("keep an heir", () => launcher.keepHeir!(keys, closing));
  }

  /** What does not work ends no run: it goes on with what there is. */
  async #try(what: string, step: () => Promise<void>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (error) {
      if (error instanceof LeadershipLostError) throw error;
      if (!this.#state.closing.aborted) tell(this.#state, "warn", `cannot ${what}: ${errorText(error)}`);
      return false;
    }
  }
}
