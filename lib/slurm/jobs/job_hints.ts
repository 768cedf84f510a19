import { resolveConfig } from "../../core/config.ts";
import { systemMachine } from "../../core/system/system_machine.ts";
import type { Machine } from "../../core/system/machine.ts";
import type { QueuedJob } from "../../store/claims/queued.ts";
import type { ClaimRecord } from "../../store/record.ts";
import type { SlurmClient } from "../client/client.ts";
import { JobLookup } from "./job_lookup.ts";
import { systemClient } from "../client/system_client.ts";

/**
 * What Slurm knows of jobs that are met outside of a run on Slurm: nothing where its programs are not there. However often
 * it is asked about a job, Slurm is asked once in an interval.
 */
export class JobHints {
  readonly #lookup: JobLookup;
  readonly #client: Pick<SlurmClient, "clock" | "intervalMs">;
  readonly #asked = new Map<string, number>();

  /** Asks nothing yet. @param client Slurm. @default that of this machine */
  constructor(
    machine: Pick<Machine, "clock" | "isGone" | "self"> = systemMachine(),
    client: SlurmClient = systemClient(resolveConfig().slurm?.squeueIntervalSec),
  ) {
    this.#lookup = new JobLookup(machine, client);
    this.#client = client;
  }

  /** Why the holder of a claim is gone; `undefined` when it is not, or that cannot be told. */
  async whyGone(holder: ClaimRecord): Promise<string | undefined> {
    if (!holder.slurm || !this.#isTurn(holder.slurm.name)) return undefined;
    return await this.#lookup.whyGone(holder);
  }

  /** Why a queued job will never begin; `undefined` when it may, or that cannot be told. */
  async whyOver(queued: QueuedJob): Promise<string | undefined> {
    return this.#isTurn(queued.name) ? await this.#lookup.whyOver(queued) : undefined;
  }

  /** Will a queued job never begin? Looks twice, an interval apart, where that makes it clear. */
  async isOver(queued: QueuedJob, signal?: AbortSignal): Promise<boolean> {
    return (await this.#lookup.findForSure(queued, signal)).state === "over";
  }

  #isTurn(name: string): boolean {
    const now = this.#client.clock.monotonic();
    if (now - (this.#asked.get(name) ?? -Infinity) < this.#client.intervalMs) return false;
    this.#asked.set(name, now);
    return true;
  }
}
