import type {
  JobsAnswer,
  SubmitAnswer,
  WorkerJob,
  WorkerLauncher,
  WorkerRequest,
} from "../../../lib/pool/launcher.ts";
import type { TurningClock } from "./turning_clock.ts";

/** Milliseconds until a worker that was submitted begins: the nth of a submission so much later. */
const BEGINS_AFTER_MS = 2000;
const BEGINS_WITHIN_MS = 4000;

/** Starts workers in this process, as a scheduler that always has room. */
export class ScaleLauncher implements WorkerLauncher {
  readonly #time: TurningClock;
  readonly #work: (key: string, order: number, signal: AbortSignal) => Promise<void>;
  readonly #jobs = new Map<string, WorkerJob>();
  readonly #over = new AbortController();
  readonly #ended: Promise<void>[] = [];
  #order = 0;

  /** @param work What a worker does. */
  constructor(time: TurningClock, work: (key: string, order: number, signal: AbortSignal) => Promise<void>) {
    this.#time = time;
    this.#work = work;
  }

  submit({ spec, count }: WorkerRequest): Promise<SubmitAnswer> {
    for (let each = 0; each < count; each++) {
      const order = ++this.#order;
      const key = `job-${order}`;
      this.#set({ key, spec, order, id: key, state: { status: "pending", text: "PENDING" } });
      this.#time.after(BEGINS_AFTER_MS + each / count * BEGINS_WITHIN_MS, () => this.#begin(key));
    }
    return Promise.resolve({ taken: count });
  }

  jobs(): Promise<JobsAnswer> {
    const askedAt = this.#time.time;
    return Promise.resolve({ jobs: [...this.#jobs.values()].map((job) => ({ ...job, askedAt })) });
  }

  cancelPending(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      if (this.#jobs.get(key)?.state.status === "pending") this.#jobs.delete(key);
    }
    return Promise.resolve();
  }

  async cancelAll(): Promise<void> {
    await this.cancelPending([...this.#jobs.keys()]);
    this.#over.abort(new Error("cancelled"));
  }

  /** Resolves when all workers have left. */
  async ended(): Promise<void> {
    await Promise.all(this.#ended);
  }

  #begin(key: string): void {
    const job = this.#jobs.get(key);
    if (!job) return;
    this.#set({ ...job, state: { status: "running", text: "RUNNING" } });
    this.#ended.push(
      this.#work(key, job.order, this.#over.signal).then(() => {
        this.#set({ ...job, state: { status: "dead", text: "COMPLETED" } });
      }),
    );
  }

  #set(job: WorkerJob): void {
    this.#jobs.set(job.key, job);
  }
}
