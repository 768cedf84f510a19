import { errorCode } from "../core/errors.ts";
import type { RunEvent } from "../core/event.ts";
import { queuePaths } from "../queue/layout.ts";
import { listOrNothing, type Store } from "../store/store.ts";

/** Which worker of a pool made which attempt, as its controllers wrote it down. */
export class PoolAttempts {
  readonly #store: Store;
  readonly #dir: string;
  /** How much of each file was read. */
  readonly #read = new Map<string, number>();
  readonly #workers = new Map<string, string>();

  /** Reads nothing yet. */
  constructor(store: Store, runId: string) {
    this.#store = store;
    this.#dir = queuePaths(store.root, runId).events;
  }

  /** Reads what has come since. What cannot be read tells nothing: it is for people. */
  async refresh(): Promise<void> {
    const { machine } = this.#store;
    try {
      for (const { name } of await listOrNothing(machine, this.#dir)) {
        if (!name.endsWith(".jsonl")) continue;
        const from = this.#read.get(name) ?? 0;
        const bytes = await machine.files.readBytes(`${this.#dir}/${name}`, from);
        // The last line may still be on its way.
        const end = bytes.lastIndexOf(0x0a) + 1;
        this.#read.set(name, from + end);
        for (const line of new TextDecoder().decode(bytes.subarray(0, end)).split("\n")) this.#take(line);
      }
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
    }
  }

  /** The worker that made an attempt, where that is known. */
  workerOf(hash: string, attempt: number): string | undefined {
    return this.#workers.get(`${hash} ${attempt}`);
  }

  #take(line: string): void {
    if (!line.includes('"attempt_started"')) return;
    try {
      const event = JSON.parse(line) as RunEvent;
      if (event.type === "attempt_started") this.#workers.set(`${event.hash} ${event.attempt}`, event.worker);
    } catch {
      // A line that a power cut tore.
    }
  }
}
