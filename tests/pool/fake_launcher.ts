import type { Shortage } from "../../lib/core/attempt_end.ts";
import type {
  JobsAnswer,
  LateRefusal,
  LossReason,
  SubmitAnswer,
  WorkerJob,
  WorkerLauncher,
  WorkerRequest,
} from "../../lib/pool/launcher.ts";
import { fakeWorker, type WorkerPlan } from "./fake_worker.ts";
import type { PoolRig } from "./rig.ts";

interface Job {
  key: string;
  spec: string;
  order: number;
  node: string;
  log?: string;
  state: WorkerJob["state"];
  leave: AbortController;
  ended?: Promise<void>;
}

/** Starts workers inside the test's process, as jobs that it knows the state of. */
export class FakeLauncher implements WorkerLauncher {
  readonly submitted: WorkerRequest[] = [];
  readonly cancelled: string[] = [];
  readonly list: Job[] = [];
  /** What the nth worker does, from 0. */
  planOf: (order: number) => WorkerPlan = () => ({});
  /** On which node the nth worker runs. */
  nodeOf: (order: number) => string = (order) => `node${order}`;
  /** Do jobs begin by themselves? */
  starts = true;
  /** Refuses submissions with this error. */
  refusal: Error | undefined;
  /** Submissions come to nothing, which a later look at the jobs tells. */
  lateRefusal: Error | undefined;
  /** Has the scheduler noticed that a worker's process ended? */
  notices = true;
  readonly #late: LateRefusal[] = [];
  readonly #rig: PoolRig;
  readonly #signal: AbortSignal;
  readonly #leave = new AbortController();

  constructor(rig: PoolRig, signal: AbortSignal) {
    this.#rig = rig;
    this.#signal = signal;
  }

  submit(request: WorkerRequest): Promise<SubmitAnswer> {
    if (this.refusal) return Promise.resolve({ taken: 0, refusal: { kind: "refused", error: this.refusal } });
    this.submitted.push(request);
    const { spec, count } = request;
    const error = this.lateRefusal;
    if (error) this.#late.push({ spec, count, refusal: { kind: "refused", error } });
    if (error) return Promise.resolve({ taken: request.count });
    for (let i = 0; i < request.count; i++) this.add(request.spec);
    return Promise.resolve({ taken: request.count });
  }

  /** One more job, as if it had been submitted. */
  add(spec: string): Job {
    const order = this.list.length;
    const job: Job = {
      key: `job-${order}`,
      spec,
      order,
      node: this.nodeOf(order),
      state: { status: "pending", text: "PENDING" },
      leave: new AbortController(),
    };
    this.list.push(job);
    if (this.starts) this.begin(job);
    return job;
  }

  /** The job begins. */
  begin(job: Job): void {
    const plan = this.planOf(job.order);
    if (plan.never) return this.end(job, plan.never, plan.loss);
    job.state = { status: "running", text: "RUNNING" };
    const signal = AbortSignal.any([this.#signal, this.#leave.signal, job.leave.signal]);
    job.ended = fakeWorker(this.#rig, job, plan, signal).then(
      (text) => {
        if (this.notices && text !== "silent") this.end(job, text, plan.loss, plan.lack);
      },
      (error) => {
        if (!this.#signal.aborted) console.error(error);
        this.end(job, String(error));
      },
    );
  }

  /** The scheduler says that it has ended. */
  end(job: Job, text: string, loss?: LossReason, lack?: Shortage): void {
    const why = { ...(loss === undefined ? {} : { loss }), ...(lack === undefined ? {} : { lack }) };
    job.state = { status: "dead", text, ...why };
  }

  jobs(): Promise<JobsAnswer> {
    const refused = this.#late.splice(0);
    return Promise.resolve({ jobs: this.list.map((job) => ({ ...job, id: job.key })), refused });
  }

  cancelPending(keys: readonly string[]): Promise<void> {
    for (const job of this.list) {
      if (!keys.includes(job.key) || job.state.status !== "pending") continue;
      this.cancelled.push(job.key);
      this.end(job, "CANCELLED", "cancelled");
    }
    return Promise.resolve();
  }

  async cancelAll(): Promise<void> {
    await this.cancelPending(this.list.map(({ key }) => key));
    this.#leave.abort(new Error("the worker was told to leave"));
  }

  /** Resolves when all workers have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.list.map((job) => job.ended));
  }
}
