import type { WorkerOutput } from "./output.ts";

/** For errors that float in later: logs of that many attempts are remembered. */
const REMEMBERED = 1000;

/** The logs of attempts that have ended, for what is still heard of them. */
export class PastLogs {
  readonly #paths = new Map<number, string>();
  readonly #output: WorkerOutput;
  readonly #onUnknown: (text: string) => void;
  #appending: Promise<void> = Promise.resolve();

  /** @param output Writes the logs. @param onUnknown Given text of an attempt without a log. */
  constructor(output: WorkerOutput, onUnknown: (text: string) => void) {
    this.#output = output;
    this.#onUnknown = onUnknown;
  }

  /** @param id Number of a task. @param path Its log. */
  remember(id: number, path: string | undefined): void {
    if (path === undefined) return;
    this.#paths.set(id, path);
    if (this.#paths.size > REMEMBERED) this.#paths.delete(this.#paths.keys().next().value!);
  }

  /** Adds text to the log of a task. */
  append(id: number, text: string): void {
    const path = this.#paths.get(id);
    if (path === undefined) this.#onUnknown(text);
    else this.#appending = this.#appending.then(() => this.#output.append(path, text));
  }

  /** Resolves when all is written. */
  get written(): Promise<void> {
    return this.#appending;
  }
}
