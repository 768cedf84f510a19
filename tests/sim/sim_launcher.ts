import { SlurmError } from "../../lib/core/errors.ts";
import type { Machine } from "../../lib/core/system/machine.ts";
import type {
  JobsAnswer,
  SubmitAnswer,
  WorkerJobState,
  WorkerLauncher,
  WorkerRequest,
} from "../../lib/pool/launcher.ts";
import type { SimJob, SimSlurm } from "./sim_slurm.ts";
import type { World } from "./world.ts";

/** Jobs that are known to have been dead for longer are not listed any more. */
const FORGOTTEN_MS = 300_000;
const HEIR_SPEC = "default";

/** What one process asks of the simulated Slurm: each question takes time, and is not always answered, or truly. */
export class SimLauncher implements WorkerLauncher {
  readonly #slurm: SimSlurm;
  readonly #world: World;
  readonly #machine: Machine;
  readonly #telling: boolean;
  /** What was handed over is among the jobs, however old a listing is. */
  readonly #own = new Set<SimJob>();

  /** @param machine The process that asks. @param telling Is the simulated Slurm to tell who changes something? */
  constructor(slurm: SimSlurm, world: World, machine: Machine, telling = false) {
    this.#telling = telling;
    this.#slurm = slurm;
    this.#world = world;
    this.#machine = machine;
  }

  async submit({ spec, count, exclude }: WorkerRequest, signal: AbortSignal): Promise<SubmitAnswer> {
    await this.#takesTime(signal);
    if (this.#slurm.nodes.every((node) => exclude.includes(node))) {
      return refused("sbatch: error: Requested node configuration is not available");
    }
    if (this.#slurm.fault("submitFails")) return refused("sbatch: error: Slurm temporarily unable");
    this.#acts();
    const jobs = Array.from({ length: count }, () => this.#slurm.submit(spec, exclude));
    const lost = this.#slurm.fault("submitLost");
    await this.#takesTime(signal);
    if (lost) return refused("sbatch: error: Socket timed out on send/recv operation");
    for (const job of jobs) this.#own.add(job);
    return { taken: count };
  }

  async jobs(signal: AbortSignal): Promise<JobsAnswer> {
    if (this.#slurm.fault("hangs")) {
      await this.#machine.clock.sleep(this.#world.random.scale(1000, this.#slurm.faults.longestMs), signal);
    } else await this.#takesTime(signal);
    if (this.#slurm.fault("out")) throw new SlurmError("squeue: error: Unable to contact slurm controller");
    const unknown = this.#slurm.fault("unknown");
    const agoMs = this.#slurm.fault("stale") ? this.#world.random.scale(10, this.#slurm.faults.staleMs) : 0;
    const jobs = this.#slurm.jobs.flatMap((job) => {
      const latest = job.history.at(-1);
      const state = this.#slurm.stateOf(job, agoMs) ?? (this.#own.has(job) ? PENDING : undefined);
      if (state === undefined || job.after !== undefined) return [];
      if (latest?.state.status === "dead" && latest.at < this.#world.time - FORGOTTEN_MS) return [];
      const { key, spec, order, node } = job;
      return [{
        key,
        id: key,
        spec,
        order,
        state: unknown ? { status: "unknown" as const, text: "squeue did not answer" } : state,
        ...(node === undefined ? {} : { node }),
      }];
    });
    return { jobs };
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
    if (heir === undefined) this.#slurm.submit(HEIR_SPEC, [], { after: alive });
    else {
      heir.after = alive;
      this.#slurm.inherit();
    }
    await this.#takesTime(signal);
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

function refused(text: string): SubmitAnswer {
  return { taken: 0, refusal: { kind: "refused", error: new SlurmError(text) } };
}

const PENDING: WorkerJobState = { status: "pending", text: "PENDING" };
