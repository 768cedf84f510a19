import type { Clock } from "../../core/system/clock.ts";
import type { SlurmClient } from "../client/client.ts";
import { SubmitRefusedError } from "../client/submit.ts";
import { waitAtMost } from "./wait_at_most.ts";

/** Slurm's own MaxArraySize. It counts while Slurm does not say how it is set up. */
const USUAL_SIZE = 1001;

/** Sbatch's words about arrays that are too large (MaxArraySize, max_array_tasks), or not allowed. */
const ARRAY_TROUBLE = /job array|array (index|size|task|specification|job)|max_?array/i;

/**
 * How large the arrays are that a site takes: as Slurm's configuration says, and as sbatch's refusals teach.
 * A size of 1 is no array.
 */
export class ArraySizes {
  readonly #client: Pick<SlurmClient, "config">;
  #configured: number | undefined;
  #asking: Promise<void> | undefined;
  #learned = Infinity;

  /** Asks nothing yet. */
  constructor(client: Pick<SlurmClient, "config">) {
    this.#client = client;
  }

  /**
   * Divides workers into jobs.
   *
   * @param patienceMs Milliseconds to wait for how Slurm is set up, which is asked for once.
   * @throws The signal's reason when it aborts.
   */
  async of(count: number, clock: Clock, patienceMs: number, signal: AbortSignal): Promise<number[]> {
    if (count > 1 && this.#configured === undefined) {
      await waitAtMost(clock, this.#ask(), patienceMs, signal);
    }
    return this.split(count);
  }

  /** As {@link ArraySizes.of}, by what is known. */
  split(count: number): number[] {
    const most = Math.max(1, Math.min(this.#configured ?? USUAL_SIZE, this.#learned));
    const sizes: number[] = [];
    for (let left = count; left > 0; left -= most) sizes.push(Math.min(left, most));
    return sizes;
  }

  /**
   * Takes in why a job was refused.
   *
   * @returns Whether it was for being an array of that size: smaller ones may be taken.
   */
  refused(error: unknown, count: number): boolean {
    if (count === 1 || !(error instanceof SubmitRefusedError) || !ARRAY_TROUBLE.test(error.message)) {
      return false;
    }
    this.#learned = Math.min(this.#learned, Math.floor(count / 2));
    return true;
  }

  /** Whoever does not answer once is asked again for the next workers. */
  #ask(): Promise<void> {
    return this.#asking ??= this.#client.config()
      .then(({ maxArraySize }) => void (this.#configured = maxArraySize), () => {/* the usual size counts */})
      .finally(() => this.#asking = undefined);
  }
}
