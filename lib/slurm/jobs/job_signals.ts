import { errorText } from "../../core/errors.ts";

/** Signals that end a job. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGUSR1"] as const;

/** What a job is told by Slurm: it aborts once, and later signals change nothing. */
export class JobSignals implements Disposable {
  readonly #controller = new AbortController();
  readonly #listeners: { name: typeof SIGNALS[number]; listener: () => void }[];

  /**
   * Listens from now on.
   *
   * @param isDue Is a warning of the time limit to be heeded? Some sites send such signals long before.
   */
  constructor(isDue: () => Promise<boolean>) {
    this.#listeners = SIGNALS.map((name) => ({
      name,
      listener: () => void this.#receive(name, isDue),
    }));
    for (const { name, listener } of this.#listeners) Deno.addSignalListener(name, listener);
  }

  /** Aborts when the job is to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  async #receive(name: string, isDue: () => Promise<boolean>): Promise<void> {
    if (name !== "SIGUSR1") return this.#abort(`its job was told to end (${name})`);
    let due = true;
    try {
      due = await isDue();
    } catch (error) {
      console.error(`Cannot find out how much time the job has left: ${errorText(error)}`);
    }
    if (due) this.#abort("the time of its job is nearly up (SIGUSR1)");
    else console.error("A warning of the time limit is left alone as there is time enough");
  }

  #abort(reason: string): void {
    if (!this.#controller.signal.aborted) this.#controller.abort(new Error(reason));
  }

  [Symbol.dispose](): void {
    for (const { name, listener } of this.#listeners) Deno.removeSignalListener(name, listener);
  }
}
