import { SlurmError } from "../../lib/core/errors.ts";
import type { Machine } from "../../lib/core/system/machine.ts";
import type {
  JobsAnswer,
  LateRefusal,
  Refusal,
  SubmitAnswer,
  WorkerJob,
  WorkerJobState,
  WorkerLauncher,
  WorkerRequest,
} from "../../lib/pool/launcher.ts";
import type { SimJob, SimSlurm } from "./sim_slurm.ts";
import type { World } from "./world.ts";

/** Jobs that are known to have been dead for longer are not listed any more. */
const FORGOTTEN_MS = 300_000;
const HEIR_SPEC = "default";

/** What somebody knows of a job. */
interface Known {
  state: WorkerJobState;
  askedAt: number;
}

/** Workers that sbatch has not answered for. */
interface InFlight extends WorkerRequest {
  keys: readonly string[];
}

/**
 * What one process asks of the simulated Slurm, as launchers do: it tells what it knows at once, while questions take
 * time, and are not always answered, or truly; sbatch may answer long after a submission was taken.
 */
export class SimLauncher implements WorkerLauncher {
  readonly #slurm: SimSlurm;
  readonly #world: World;
  readonly #machine: Machine;
  readonly #telling: boolean;
  readonly #known = new Map<SimJob, Known>();
  readonly #inFlight = new Set<InFlight>();
  /** Jobs of which sbatch told the id. */
  readonly #knowsId = new Set<SimJob>();
  readonly #refused: LateRefusal[] = [];
  #silentSince: number | undefined;
  #asking: Promise<void> | undefined;

  /** @param machine The process that asks. @param telling Is the simulated Slurm to tell who changes something? */
  constructor(slurm: SimSlurm, world: World, machine: Machine, telling = false) {
    this.#telling = telling;
    this.#slurm = slurm;
    this.#world = world;
    this.#machine = machine;
  }

  /** Is there anything that sbatch has not answered for? */
  get isSubmitting(): boolean {
    return this.#inFlight.size > 0;
  }

  async submit(request: WorkerRequest, signal: AbortSignal): Promise<SubmitAnswer> {
    const { spec, count } = request;
    await this.#takesTime(signal);
    this.#acts();
    if (!this.#slurm.fault("slowSubmit")) {
      await this.#takesTime(signal);
      const refusal = this.#sbatch(request);
      return refusal ? { taken: 0, refusal } : { taken: count };
    }
    const keys = Array.from({ length: count }, () => `job-${this.#machine.randomId()}`);
    const inFlight: InFlight = { ...request, keys };
    this.#inFlight.add(inFlight);
    this.#machine.clock.sleep(this.#world.random.scale(1000, 60_000), signal).then(() => {
      this.#inFlight.delete(inFlight);
      const refusal = this.#sbatch(request, keys);
      if (refusal) this.#refused.push({ spec, count, refusal });
    }, () => {/* whoever submitted it has left */});
    return { taken: count };
  }

  async jobs(signal: AbortSignal): Promise<JobsAnswer> {
    this.#asking ??= this.#ask(signal).catch(() => {/* whoever asks has left */})
      .finally(() => this.#asking = undefined);
    // An answer that takes long is not waited for.
    await this.#takesTime(signal);
    const jobs: WorkerJob[] = this.#slurm.jobs.flatMap((job) => {
      const latest = job.history.at(-1);
      if (job.after !== undefined) return [];
      if (latest?.state.status === "dead" && latest.at < this.#world.time - FORGOTTEN_MS) return [];
      const { key, spec, order, node } = job;
      const known = this.#known.get(job);
      return [{
        key,
        id: this.#knowsId.has(job) || known ? key : undefined,
        spec,
        order,
        state: known?.state ?? PENDING,
        askedAt: known?.askedAt,
        ...(node === undefined ? {} : { node }),
      }];
    });
    const order = this.#slurm.jobs.length;
    const more = [...this.#inFlight].flatMap(({ keys, spec }) =>
      keys.map((key) => ({ key, spec, order, state: PENDING }))
    );
    const since = this.#silentSince;
    return {
      jobs: [...jobs, ...more],
      refused: this.#refused.splice(0),
      silence: since === undefined
        ? undefined
        : { since, text: "squeue: error: Unable to contact slurm controller" },
    };
  }

  async cancelPending(keys: readonly string[]): Promise<void> {
    await this.#cancels((job) => keys.includes(job.key) && this.#slurm.stateOf(job)?.status === "pending");
  }

  async cancelAll(): Promise<void> {
    await this.#cancels((job) => this.#slurm.isAlive(job));
  }

  async keepStandby(alive: readonly string[], signal: AbortSignal): Promise<void> {
    await this.#takesTime(signal);
    if (this.#slurm.fault("submitFails")) throw new SlurmError("sbatch: error: Slurm temporarily unable");
    this.#acts();
    const heir = this.#slurm.jobs.find((job) => job.after !== undefined && this.#slurm.isAlive(job));
    // Slurm can only be told to wait for jobs that it has taken.
    const after = alive.filter((key) => this.#slurm.jobs.some((job) => job.key === key));
    if (heir === undefined) this.#slurm.submit(HEIR_SPEC, [], { after });
    else {
      heir.after = after;
      this.#slurm.inherit();
    }
    await this.#takesTime(signal);
  }

  /** What sbatch does with a submission in the end. */
  #sbatch({ spec, count, exclude }: WorkerRequest, keys: readonly string[] = []): Refusal | undefined {
    const refuse = (kind: Refusal["kind"], text: string): Refusal => ({
      kind,
      error: new SlurmError(`sbatch: error: ${text}`),
    });
    if (this.#slurm.nodes.every((node) => exclude.includes(node))) {
      return refuse("refused", "Requested node configuration is not available");
    }
    if (this.#slurm.fault("submitFails")) return refuse("refused", "Slurm temporarily unable");
    if (this.#slurm.refuses(spec)) {
      return refuse("refused", "Required partition not available (inactive or drain)");
    }
    if (this.#slurm.room(spec) < count) return refuse("limit", "QOSMaxSubmitJobPerUserLimit");
    const isLost = this.#slurm.fault("submitLost");
    for (let i = 0; i < count; i++) {
      const key = keys[i];
      const job = this.#slurm.submit(spec, exclude, key === undefined ? {} : { key });
      if (!isLost) this.#knowsId.add(job);
    }
    return undefined;
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { random } = this.#world;
    const askedAt = this.#machine.clock.monotonic();
    if (this.#slurm.fault("hangs")) {
      await this.#machine.clock.sleep(random.scale(1000, this.#slurm.faults.longestMs), signal);
    } else await this.#takesTime(signal);
    if (this.#slurm.fault("out") || this.#slurm.fault("unknown")) {
      this.#silentSince ??= askedAt;
      return;
    }
    this.#silentSince = undefined;
    const agoMs = this.#slurm.fault("stale") ? random.scale(10, this.#slurm.faults.staleMs) : 0;
    const isLie = this.#slurm.fault("vanishes");
    for (const job of this.#slurm.jobs) {
      const state = this.#slurm.stateOf(job, agoMs);
      const before = this.#known.get(job);
      if (!state || job.after !== undefined) continue;
      if (before?.state.status === "dead" && !before.state.vanished) continue;
      this.#known.set(job, { state: isLie ? VANISHED : state, askedAt });
    }
  }

  async #cancels(which: (job: SimJob) => boolean): Promise<void> {
    await this.#takesTime();
    this.#acts();
    const fails = this.#slurm.fault("cancelFails");
    if (!fails || this.#world.random.chance(0.5)) {
      for (const job of this.#slurm.jobs.filter(which)) this.#slurm.cancel(job);
    }
    await this.#takesTime();
    if (fails) throw new SlurmError("scancel: error: Unable to contact slurm controller");
  }

  #acts(): void {
    if (this.#telling) this.#slurm.acts(this.#machine);
  }

  async #takesTime(signal?: AbortSignal): Promise<void> {
    await this.#machine.clock.sleep(this.#world.random.scale(1, 300), signal);
  }
}

const PENDING: WorkerJobState = { status: "pending", text: "PENDING" };
const VANISHED: WorkerJobState = { status: "dead", text: "Invalid job id specified", vanished: true };
