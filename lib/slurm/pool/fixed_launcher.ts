import { errorText } from "../../core/errors.ts";
import type { WorkerJob, WorkerLauncher } from "../../pool/launcher.ts";
import type { SbatchLauncher } from "./sbatch_launcher.ts";

/** The launcher of a controller that runs where jobs cannot be submitted: there are the workers that there are. */
export class FixedLauncher implements WorkerLauncher {
  readonly fixed = true;
  readonly #inner: SbatchLauncher;
  readonly #onWarning: (text: string) => void;

  /**
   * @param inner Knows the workers, and cancels what it can.
   * @param onWarning Told of trouble.
   */
  constructor(inner: SbatchLauncher, onWarning: (text: string) => void) {
    this.#inner = inner;
    this.#onWarning = onWarning;
  }

  submit(): Promise<number> {
    return Promise.resolve(0);
  }

  jobs(signal: AbortSignal): Promise<readonly WorkerJob[]> {
    return this.#inner.jobs(signal);
  }

  cancelPending(keys: readonly string[]): Promise<void> {
    return this.#inner.cancelPending(keys);
  }

  cancelAll(): Promise<void> {
    return this.#inner.cancelAll();
  }

  tellTo(tell: (text: string) => void): void {
    this.#inner.tellTo(tell);
  }

  /** Cancels the heirs; those that cannot be cancelled begin one after the other, and leave at once. */
  async close(): Promise<void> {
    try {
      await this.#inner.close();
    } catch (error) {
      this.#onWarning(`heirs are left in Slurm, which will leave at once: ${errorText(error)}`);
    }
  }
}
