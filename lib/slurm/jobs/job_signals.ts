import { errorText } from "../../core/errors.ts";
import { listenAsJob } from "../../core/system/interrupts.ts";

/** The signals that a job gets: it aborts once, and later ones change nothing. */
export class JobSignals implements Disposable {
  readonly #controller = new AbortController();
  readonly #listening: Disposable;

  /**
   * Listens from now on.
   *
   * @param isDue Whether a warning of the time limit is to be heeded: some sites send such signals long
   * before.
   */
  constructor(isDue: () => Promise<boolean>) {
    this.#listening = listenAsJob((signal) => void this.#receive(signal, isDue));
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
    this.#listening[Symbol.dispose]();
  }
}
