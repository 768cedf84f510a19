import type { Machine } from "../../core/system/machine.ts";
import { isForeign } from "./absence.ts";
import type { SlurmClient } from "../client/client.ts";
import type { EndReason } from "../client/job_state.ts";
import type { JobDetail } from "../client/parse_jobs.ts";
import { baseId } from "./job_identity.ts";
import { entryOf, nextAsk, takeAbsence, takeVanished, takeWord, type WatchedJob } from "./known_job.ts";
import { QuestionBudget } from "./question_budget.ts";

/** With more jobs to be asked about, the accounting is asked first, for all at once. */
const FEW = 5;

/** After these ends Slurm does not begin a job again, so that an accounting that lags is right about them. */
const FINAL = new Set<EndReason>([
  "completed",
  "failed",
  "timeout",
  "deadline",
  "out-of-memory",
  "cancelled",
]);

/** What {@link JobQuestions} works with. */
export interface JobQuestionsOptions {
  /** Asks the cluster. */
  client: Pick<SlurmClient, "showJob" | "ended" | "hasAccounting" | "cluster" | "intervalMs">;
  /** Who asks, and time. */
  machine: Pick<Machine, "clock" | "self">;
  /**
   * Told of a list that turned out to be old: when it was asked for, and when Slurm already had what it
   * lacked.
   */
  onOld(listedAt: number, sureAt: number): void;
}

/** Questions about very jobs, whose answers alone say that a job is over. So many are asked, and no more. */
export class JobQuestions {
  readonly #options: JobQuestionsOptions;
  readonly #budget: QuestionBudget;
  /** Jobs that are to be asked about, and those who wait for the answers. */
  readonly #open = new Map<WatchedJob, PromiseWithResolvers<void>>();
  #asking: Promise<void> | undefined;

  /** Asks nothing yet. */
  constructor(options: JobQuestionsOptions) {
    this.#options = options;
    const { client, machine } = options;
    this.#budget = new QuestionBudget(client.intervalMs, () => machine.clock.monotonic());
  }

  /** Resolves when a job that is being asked about is answered for. `undefined` if it is not. */
  answerOf(job: WatchedJob): Promise<void> | undefined {
    return this.#open.get(job)?.promise;
  }

  /** Has Slurm asked about a job by its id. */
  ask(job: WatchedJob): void {
    if (job.ref.jobId === undefined || this.#open.has(job)) return;
    this.#open.set(job, Promise.withResolvers());
    this.#asking ??= this.#answerAll().finally(() => this.#asking = undefined);
  }

  async #answerAll(): Promise<void> {
    // All that one list has brought up are asked for together.
    await Promise.resolve();
    const isAccounted = this.#open.size > FEW;
    if (isAccounted) {
      const jobs = [...this.#open.keys()];
      for (const job of await this.#askAccounting(jobs).catch(() => [])) this.#close(job);
    }
    while (this.#open.size > 0) {
      const groups = Map.groupBy(this.#open.keys(), ({ ref }) => baseId(ref.jobId!));
      const some = [...groups].slice(0, this.#budget.take(groups.size));
      const answers = await Promise.all(some.map(async ([id, jobs]) => {
        const isAnswered = await this.#askOne(id, jobs, isAccounted).catch(() => false);
        for (const job of jobs) this.#close(job);
        return isAnswered;
      }));
      if (some.length > 0 && answers.some(Boolean)) continue;
      // Slurm does not answer, or was asked enough: a later list brings them up again.
      for (const job of [...this.#open.keys()]) {
        job.isPutOff = some.length === 0;
        this.#close(job);
      }
    }
  }

  #close(job: WatchedJob): void {
    this.#open.get(job)?.resolve();
    this.#open.delete(job);
  }

  /** @returns Whether Slurm has answered. */
  async #askOne(id: string, jobs: readonly WatchedJob[], isAccounted: boolean): Promise<boolean> {
    for (const job of jobs) job.isPutOff = false;
    const { machine, onOld } = this.#options;
    const askedAt = machine.clock.monotonic();
    const details = await this.#options.client.showJob(id);
    if (!details) return false;
    const gone: WatchedJob[] = [];
    for (const job of jobs) {
      const detail = entryOf(job.ref, details);
      if (!detail) {
        gone.push(job);
        continue;
      }
      const { status, evidence, askedAt: knownAt = -Infinity } = job.known;
      const isAlive = detail.state.status === "alive";
      // It was missing in a list, though it lives; or in a list as living that had ended before.
      if (evidence === "absence" && isAlive) onOld(job.readAt, job.cameAt ?? job.sureAt);
      if (status === "dead" && !isAlive) onOld(job.readAt, knownAt);
      takeWord(job, detail, askedAt);
    }
    if (gone.length === 0) return true;
    const ended = new Set(isAccounted ? [] : await this.#askAccounting(gone).catch(() => []));
    for (const job of gone) if (!ended.has(job)) await this.#vanish(job, details, askedAt);
    return true;
  }

  /** Slurm has answered that it knows no such job. That means nothing of a job that it may not show. */
  async #vanish(job: WatchedJob, details: readonly JobDetail[], askedAt: number): Promise<void> {
    const { ref, end } = job;
    // A list told how it ended, before Slurm forgot it.
    if (end) return takeWord(job, end, askedAt);
    takeAbsence(job);
    const cluster = await this.#options.client.cluster();
    const mayHide = isForeign(ref, this.#options.machine.self) && !job.isShown;
    if (ref.cluster === undefined || cluster !== ref.cluster || mayHide) {
      job.askAfter = nextAsk(job, askedAt);
      return;
    }
    if (job.isShown && await this.#mayLag(job, askedAt)) return;
    const other = ref.jobId?.includes("_") ? undefined : details[0];
    const text = other
      ? `Slurm has given its id to another job, '${other.name}'`
      : "Slurm knows no such job any more";
    takeVanished(job, askedAt, text);
  }

  /** Whether the accounting, which lags, may still tell how a job ended that Slurm has just forgotten. */
  async #mayLag(job: WatchedJob, askedAt: number): Promise<boolean> {
    const { client } = this.#options;
    if (!await client.hasAccounting()) return false;
    job.absentSince ??= askedAt;
    if (askedAt - job.absentSince >= client.intervalMs) return false;
    job.askAfter = job.absentSince + client.intervalMs;
    job.isPutOff = true;
    return true;
  }

  /**
   * Asks how jobs ended. That one still runs there proves nothing: the accounting may lag.
   *
   * @returns Those that have ended.
   */
  async #askAccounting(jobs: readonly WatchedJob[]): Promise<WatchedJob[]> {
    const ids = new Set(jobs.map(({ ref }) => baseId(ref.jobId!)));
    const askedAt = this.#options.machine.clock.monotonic();
    const byId = Map.groupBy(await this.#options.client.ended([...ids]) ?? [], ({ jobId }) => jobId);
    return jobs.filter((job) => {
      const entry = entryOf(job.ref, byId.get(baseId(job.ref.jobId!)) ?? []);
      if (entry?.state.status !== "dead") return false;
      if (!FINAL.has(entry.state.reason)) {
        // It may be begun again; if Slurm's controller has forgotten it, it is not.
        job.end = entry;
        return false;
      }
      takeWord(job, entry, askedAt);
      return true;
    });
  }
}
