import { errorCode, SlurmError } from "../core/errors.ts";
import { Tail } from "../run/tail.ts";
import type { WorkerJob } from "./launcher.ts";
import type { PoolState } from "./pool_state.ts";
import type { Roster } from "./roster.ts";

/** So many jobs of a spec that end in a row before their worker begins: none will. */
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
  readonly #inARow = new Map<string, number>();
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
      if (followed.judged) continue;
      if (this.#roster.hasEntered(job.key)) {
        followed.judged = true;
        this.#inARow.delete(job.spec);
      } else if (this.#isStuck(job, followed, now)) {
        followed.judged = followed.stuck = true;
        const after = this.#state.runtime.config.staleAfterSec;
        await this.#judge(job, followed, `it has run for ${after} s, and its worker has not begun`);
      } else if (job.state.status === "dead") {
        followed.deadSince ??= now;
        // The roster is given the time to see a worker that died at once.
        if (now - followed.deadSince < 2 * timing.roundMs) continue;
        followed.judged = true;
        await this.#judge(job, followed, job.state.text);
      }
    }
    this.#first = false;
  }

  /** Has it ended, and it is not told yet whether its worker had begun? Until then no other one is submitted for it. */
  isDoubtful(key: string): boolean {
    const followed = this.#jobs.get(key);
    return followed?.deadSince !== undefined && !followed.judged;
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
    // By us, or by people.
    if (loss === "cancelled" || loss === "preempted") return;
    // What the worker itself has said counts already.
    const ofNode = (loss === undefined || loss === "boot-failure") && !this.#roster.refusalOf(job.key);
    if (job.node !== undefined && ofNode) health.bad(job.node, `a worker's job did not begin there: ${why}`);
    const came = resultAt.get(job.spec) ?? -Infinity;
    const times = came >= since ? 1 : (this.#inARow.get(job.spec) ?? 0) + 1;
    this.#inARow.set(job.spec, times);
    if (times < MAX_IN_A_ROW || book.openOf(job.spec) === 0) return;
    broken(
      new SlurmError(await this.#text(job, why), {
        ...(job.log === undefined ? {} : { log: job.log }),
      }),
    );
  }

  async #text({ key, spec, node, log }: WorkerJob, ended: string): Promise<string> {
    const where = node === undefined ? "" : ` on ${node}`;
    const lines = [
      `Cannot start workers of spec '${spec}': ${MAX_IN_A_ROW} jobs in a row ended before their worker had begun, ` +
      `the last one, ${key}${where}: ${ended}`,
    ];
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
