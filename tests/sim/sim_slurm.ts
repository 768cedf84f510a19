import { TimeIsUp } from "../../lib/core/system/stop_time.ts";
import type { Machine } from "../../lib/core/system/machine.ts";
import type { LossReason, WorkerJobState } from "../../lib/pool/launcher.ts";
import { SimProcess } from "./process.ts";
import { NO_SLURM_FAULTS, type SlurmFault, type SlurmFaults } from "./sim_slurm_faults.ts";
import type { World } from "./world.ts";

/** Milliseconds from being told to leave until being killed. */
const LONGEST_GRACE_MS = 30_000;
/** Faults that cost nothing of the world's budget: they make nothing fail. */
const MOODS: readonly SlurmFault[] = ["suspended", "slowSubmit", "refuses", "limits", "held", "vanishes"];
const FREE: readonly SlurmFault[] = ["late", "stale", ...MOODS];
/** These are no excuse for anything. */
const HARMLESS = MOODS;

/** A job that runs one worker. */
export interface SimJob {
  /** Its name, unique. */
  readonly key: string;
  /** The spec of the tasks that its worker takes. */
  readonly spec: string;
  /** Order of submission. */
  readonly order: number;
  /** Nodes that it must not run on. */
  readonly exclude: readonly string[];
  /** What Slurm says of it, and since when (world time): the latest comes last. */
  readonly history: { at: number; state: WorkerJobState }[];
  /** It begins when all of these are dead. */
  after: readonly string[] | undefined;
  /** Whether it is cancelled instead where one of them has not ended well. */
  needsSuccess?: boolean;
  /** Whether what it ran gave `true`. */
  succeeded?: boolean;
  /** Where it runs or ran. */
  node?: string;
  /** What runs or ran in it. */
  process?: SimProcess;
  /** Has its worker's code begun? */
  begun?: boolean;
  /** Evidence for its end, from the moment when it was told to leave. */
  loss?: LossReason;
  /** World time at which its walltime is over. */
  endsAt?: number;
}

/** How a {@link SimSlurm} is made. */
export interface SimSlurmOptions {
  /** What goes wrong. */
  faults: Partial<SlurmFaults>;
  /** Names of its nodes. */
  nodes: readonly string[];
  /** What a job runs. `endsAt`: the end of its walltime by the node's monotonic clock. */
  work(job: SimJob, machine: Machine, signal: AbortSignal, endsAt: number | undefined): Promise<unknown>;
  /** Told of each submission and cancellation, when it happens, and by whom. */
  onAct?(by: Machine): void;
}

/** Slurm over a {@link World}: its jobs are processes that begin late, and end in all the ways that jobs do. */
export class SimSlurm {
  /** All jobs that were ever submitted. */
  readonly jobs: SimJob[] = [];
  /** What goes wrong. */
  readonly faults: Readonly<SlurmFaults>;
  readonly #world: World;
  readonly #options: SimSlurmOptions;
  readonly #daemon: SimProcess;
  readonly #refusedUntil = new Map<string, number>();
  readonly #limits = new Map<string, number>();
  #left: number;

  /** Does nothing yet. */
  constructor(world: World, options: SimSlurmOptions) {
    this.#world = world;
    this.#options = options;
    this.faults = { ...NO_SLURM_FAULTS, ...options.faults };
    this.#left = this.faults.max;
    this.#daemon = new SimProcess("slurmctld", world.host("server"), 1, () => Promise.resolve(), {});
  }

  /** Names of the nodes. */
  get nodes(): readonly string[] {
    return this.#options.nodes;
  }

  /** A process is about to change something, beyond asking. */
  acts(by: Machine): void {
    this.#options.onAct?.(by);
  }

  /** Does this go wrong now? */
  fault(kind: SlurmFault): boolean {
    const free = FREE.includes(kind);
    if (!free && this.#left <= 0 || !this.#world.random.chance(this.faults[kind])) return false;
    if (!free) this.#left--;
    if (!HARMLESS.includes(kind)) this.#world.fates.happened(kind);
    return true;
  }

  /** One more job, which is pending; an heir begins when the others are dead. */
  submit(
    spec: string,
    exclude: readonly string[],
    { after, ...more }: { key?: string; after?: readonly string[] | undefined; needsSuccess?: boolean } = {},
  ): SimJob {
    const order = this.jobs.length;
    const job: SimJob = { key: `job-${order}`, spec, order, exclude, history: [], after, ...more };
    this.jobs.push(job);
    this.#set(job, { status: "pending", text: "PENDING" });
    if (after === undefined) this.#soon(job);
    else this.inherit();
    return job;
  }

  /** Does sbatch refuse this spec's jobs now? */
  refuses(spec: string): boolean {
    const until = this.#refusedUntil.get(spec) ?? -Infinity;
    if (this.#world.time < until) return true;
    if (!this.fault("refuses")) return false;
    this.#refusedUntil.set(spec, this.#world.time + this.#world.random.scale(1000, 60_000));
    return true;
  }

  /** How many more jobs of a spec a limit lets in. */
  room(spec: string): number {
    if (!this.#limits.has(spec)) {
      this.#limits.set(spec, this.fault("limits") ? 1 + this.#world.random.int(2) : Infinity);
    }
    return this.#limits.get(spec)! - this.jobs.filter((job) => job.spec === spec && this.isAlive(job)).length;
  }

  /** What Slurm said of a job so many milliseconds ago; undefined before it was submitted. */
  stateOf({ history }: SimJob, agoMs = 0): WorkerJobState | undefined {
    return history.findLast(({ at }) => at <= this.#world.time - agoMs)?.state;
  }

  /** Is it pending, or does it run, as far as Slurm knows? */
  isAlive(job: SimJob): boolean {
    return this.stateOf(job)?.status !== "dead";
  }

  /** Cancels a pending job; one that runs is told to leave, and killed after a grace. */
  cancel(job: SimJob): void {
    if (this.stateOf(job)?.status === "pending") return this.#dies(job, "cancelled");
    this.#tell(job, "cancelled", this.#world.random.scale(100, LONGEST_GRACE_MS));
  }

  /** Lets heirs begin whose others are dead. */
  inherit(): void {
    const dead = (key: string) => this.jobs.some((job) => job.key === key && !this.isAlive(job));
    for (const job of this.jobs) {
      if (job.after === undefined || !this.isAlive(job) || !job.after.every(dead)) continue;
      const failed = job.needsSuccess &&
        !job.after.every((key) => this.jobs.find((other) => other.key === key)?.succeeded);
      job.after = undefined;
      if (failed) this.#dies(job, "cancelled");
      else this.#soon(job);
    }
  }

  #soon(job: SimJob): void {
    const { random } = this.#world;
    const isHeld = this.fault("held");
    if (isHeld) this.#set(job, { status: "pending", text: "PENDING (JobHeldUser)", why: "JobHeldUser" });
    const waitMs = random.scale(10, isHeld || this.fault("late") ? this.faults.longestMs : 5000);
    if (this.fault("neverBegins")) {
      this.#later(waitMs, () => this.stateOf(job)?.status === "pending" && this.#dies(job, "cancelled"));
    } else this.#later(waitMs, () => this.stateOf(job)?.status === "pending" && this.#begins(job));
  }

  #begins(job: SimJob): void {
    const { random } = this.#world;
    const node = job.node = random.pick(this.nodes.filter((name) => !job.exclude.includes(name)));
    delete job.loss;
    delete job.endsAt;
    job.begun = false;
    this.#set(job, { status: "running", text: "RUNNING" });
    const process = job.process = this.#world.spawn(
      "worker",
      node,
      async (machine, signal) => {
        job.begun = true;
        const { endsAt } = job;
        const until = endsAt === undefined
          ? undefined
          : machine.clock.monotonic() + endsAt - this.#world.time;
        try {
          const value = await this.#options.work(job, machine, signal, until);
          job.succeeded = value === true;
          return value;
        } finally {
          if (job.process === process) this.#dies(job, job.loss);
        }
      },
      {
        delayMs: random.scale(1, 3000),
        exits: true,
        onCrash: () => job.process === process && this.#dies(job, job.loss),
      },
    );
    this.#fate(job, process);
  }

  /** Draws how the job ends, where not by itself. */
  #fate(job: SimJob, process: SimProcess): void {
    const { random } = this.#world;
    const atMs = random.scale(10, 60_000);
    const kill = (loss?: LossReason) => {
      if (process.gone || job.process !== process) return;
      if (loss !== undefined) job.loss = loss;
      this.#world.crash(process);
    };
    if (this.fault("suspended")) {
      this.#later(random.scale(10, 30_000), () => this.#suspend(job, process));
    }
    if (this.fault("bootFails")) this.#later(0, () => kill("boot-failure"));
    else if (this.fault("killed")) this.#later(atMs, () => kill());
    else if (this.fault("nodeFails")) this.#later(atMs, () => kill("node-failure"));
    else if (this.fault("cutOff")) {
      this.#later(atMs, () => job.process === process && this.#dies(job, "node-failure"));
    } else if (this.fault("preempted")) {
      this.#later(atMs, () => this.#tell(job, "preempted", random.scale(100, LONGEST_GRACE_MS)));
    } else if (this.fault("walltime")) {
      const leadMs = random.scale(100, LONGEST_GRACE_MS);
      job.endsAt = this.#world.time + atMs + leadMs;
      this.#later(atMs, () => this.#tell(job, "timeout", leadMs));
    }
  }

  /** Its processes stand still for a while, and do not know it. */
  #suspend(job: SimJob, process: SimProcess): void {
    const running = (): boolean => job.process === process && this.stateOf(job)?.status === "running";
    if (!running()) return;
    const forMs = this.#world.random.scale(1000, this.faults.longestMs);
    process.suspendedUntil = this.#world.time + forMs;
    this.#set(job, { status: "running", text: "SUSPENDED", halted: true });
    this.#later(forMs, () => running() && this.#set(job, { status: "running", text: "RUNNING" }));
  }

  #tell(job: SimJob, loss: LossReason, graceMs: number): void {
    const { process } = job;
    if (process === undefined || process.gone || !this.isAlive(job)) return;
    job.loss ??= loss;
    this.#world.park({
      process,
      what: `is told to leave: ${loss}`,
      kind: undefined,
      notBefore: 0,
      run: () => {
        if (job.begun) process.activity++;
        const Reason = loss === "timeout" ? TimeIsUp : Error;
        process.controller.abort(new Reason(`the job is ${loss}`));
      },
    });
    this.#later(graceMs, () => this.#world.crash(process));
  }

  /** Its process is gone, or as good as gone: Slurm says so now, or later, or puts the job back. */
  #dies(job: SimJob, loss: LossReason | undefined): void {
    if (!this.isAlive(job)) return;
    const again = job.process?.state === "crashed" && loss !== "cancelled" && this.fault("requeued");
    delete job.process;
    const said = (): void => {
      if (again) {
        this.#set(job, { status: "pending", text: "PENDING (requeued)" });
        return this.#soon(job);
      }
      const text = loss !== undefined ? loss.toUpperCase() : job.succeeded ? "COMPLETED" : "FAILED";
      this.#set(job, { status: "dead", text, ...(loss === undefined ? {} : { loss }) });
      this.inherit();
    };
    if (this.fault("unnoticed")) this.#later(this.#world.random.scale(10, this.faults.longestMs), said);
    else said();
  }

  #set(job: SimJob, state: WorkerJobState): void {
    job.history.push({ at: this.#world.time, state });
    this.#world.note(this.#daemon, `${job.key} (${job.spec}, ${job.node ?? "nowhere"}) is ${state.text}`);
  }

  #later(ms: number, act: () => unknown): void {
    this.#world.park({
      process: this.#daemon,
      what: "a job's fate",
      kind: undefined,
      notBefore: this.#world.time + ms,
      run: act,
    });
  }
}
