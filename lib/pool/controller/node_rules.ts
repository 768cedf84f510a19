import { errorCode, SlurmError } from "../../core/errors.ts";
import { Tail } from "../../run/output/tail.ts";
import type { WorkerJob } from "../launcher.ts";
import type { PoolState } from "./pool_state.ts";
import type { Roster } from "./monitor_workers.ts";

/** So many jobs of a spec that end in a row before their worker begins, each elsewhere: none will. */
const MAX_IN_A_ROW = 3;
/** How many of the log's last lines are told. */
const TAIL_LINES = 10;

interface Followed {
  readonly since: number;
  deadSince?: number;
  runningSince?: number;
  judged: boolean;
  stuck?: boolean;
}

/** Notices jobs that end before their worker has begun: without that a run would submit them for ever. */
export class StartFailures {
  readonly #state: PoolState;
  readonly #roster: Roster;
  readonly #jobs = new Map<string, Followed>();
  /** By spec: where they were; a job whose node is not known, or is not to blame, is a place of its own. */
  readonly #inARow = new Map<string, Set<string>>();
  readonly #last = new Map<string, string>();
  #first = true;

  constructor(state: PoolState, roster: Roster) {
    this.#state = state;
    this.#roster = roster;
  }

  /** Looks at all jobs. One that an earlier controller started may have had its worker then: it says nothing. */
  async look(jobs: readonly WorkerJob[]): Promise<void> {
    const { runtime: { machine: { clock } }, timing } = this.#state;
    const now = clock.monotonic();
    for (const job of jobs) {
      let followed = this.#jobs.get(job.key);
      if (!followed) this.#jobs.set(job.key, followed = { since: now, judged: this.#first });
      if (job.state.status === "dead") followed.deadSince ??= now;
      if (followed.judged) continue;
      if (this.#roster.hasEntered(job.key)) {
        followed.judged = true;
        this.#forget(job.spec);
      } else if (this.#isStuck(job, followed, now)) {
        followed.judged = followed.stuck = true;
        const after = this.#state.runtime.config.staleAfterSec;
        await this.#judge(job, followed, `it has run for ${after} s, and its worker has not begun`);
      } else if (job.state.status === "dead") {
        // The roster is given the time to see a worker that died at once, and what it gave back is read first: that a
        // task could not begin there is one bad start, not two.
        if (!this.#isRead(followed) || now - (followed.deadSince ?? now) < 2 * timing.roundMs) continue;
        followed.judged = true;
        await this.#judge(job, followed, job.state.text);
      }
    }
    this.#first = false;
  }

  /** How the last job of a spec ended whose worker did not begin, unless a later one did. */
  lastOf(spec: string): string | undefined {
    return this.#last.get(spec);
  }

  /**
   * Has it ended, and it is not told yet whether its worker had begun, or what that gave back is not read yet, which may tell that
   * its node is of no use? Until then no other one is submitted for it.
   */
  isDoubtful(key: string): boolean {
    const followed = this.#jobs.get(key);
    return followed?.deadSince !== undefined && !(followed.judged && this.#isRead(followed));
  }

  #isRead({ deadSince = Infinity }: Followed): boolean {
    return this.#state.readAt > deadSince;
  }

  /** Does it run without doing anything? It is waited for no more. */
  isStuck(key: string): boolean {
    return this.#jobs.get(key)?.stuck ?? false;
  }

  #isStuck({ state }: WorkerJob, followed: Followed, now: number): boolean {
    if (state.status !== "running") return false;
    followed.runningSince ??= now;
    return now - followed.runningSince > this.#state.runtime.config.staleAfterSec * 1000;
  }

  async #judge(job: WorkerJob, { since }: Followed, why: string): Promise<void> {
    const loss = job.state.status === "dead" ? job.state.loss : undefined;
    const { health, book, broken, resultAt } = this.#state;
    // By us or by people; or with all that was on a node, which takes no more jobs until it is back.
    if (loss === "cancelled" || loss === "preempted" || loss === "node-failure") return;
    // Its worker left since a task could not begin there, before it was ever seen: that counts already.
    if (this.#state.badJobs.has(job.key)) return;
    // What the worker itself has said counts already.
    const isNodes = loss === undefined || loss === "boot-failure";
    const told = this.#roster.refusalOf(job.key) !== undefined;
    if (job.node !== undefined && isNodes && !told) {
      health.bad(job.node, `a worker's job did not begin there: ${why}`);
    }
    if ((resultAt.get(job.spec) ?? -Infinity) >= since) this.#forget(job.spec);
    const places = this.#inARow.get(job.spec) ?? new Set();
    this.#inARow.set(job.spec, places.add(job.node !== undefined && isNodes ? job.node : job.key));
    const text = await this.#text(job, why);
    this.#last.set(job.spec, text);
    // A node takes several jobs at once before it can be excluded: that says nothing of the others.
    if (places.size < MAX_IN_A_ROW || book.openOf(job.spec) === 0) return;
    broken(
      new SlurmError(
        `Cannot start workers of spec '${job.spec}': ${MAX_IN_A_ROW} jobs in a row ended before their worker had begun, ` +
          `the last one, ${[text, health.complaint ?? []].flat().join("\n")}`,
        {
          ...(job.log === undefined ? {} : { log: job.log }),
        },
      ),
    );
  }

  #forget(spec: string): void {
    this.#inARow.delete(spec);
    this.#last.delete(spec);
  }

  async #text({ key, node, log }: WorkerJob, ended: string): Promise<string> {
    const lines = [`${key}${node === undefined ? "" : ` on ${node}`}: ${ended}`];
    const said = this.#roster.refusalOf(key);
    if (said !== undefined) lines.push(`its worker said: ${said}`);
    if (log !== undefined) lines.push(`log: ${log}`, ...(await this.#tail(log)).map((line) => `  | ${line}`));
    return lines.join("\n");
  }

  async #tail(log: string): Promise<string[]> {
    try {
      const tail = new Tail();
      tail.push(await this.#state.runtime.machine.files.readBytes(log));
      return tail.lines().slice(-TAIL_LINES);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return [];
    }
  }
}
