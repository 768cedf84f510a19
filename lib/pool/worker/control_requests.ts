import type { QueuePaths } from "../../queue/layout.ts";
import { OrderReader } from "../../queue/orders.ts";
import { readLeave, readStop, type StopRequest } from "../../queue/requests.ts";
import type { Runtime } from "../../run/runtime.ts";

/** Milliseconds between two looks of a worker that computes: with its heartbeat all that it does then. */
const BUSY_LOOK_MS = 4000;
/** The shortest pause between two looks of one that could take a task, also in multiples of a look's time. */
const FREE_LOOK_MS = 1000;
const PAUSE_PER_LOOK = 20;

/**
 * The requests that the controller leaves for a worker in files: that the run is to stop, or that it is to
 * leave.
 */
export class ControlRequests {
  readonly #runtime: Pick<Runtime, "store" | "machine">;
  readonly #paths: QueuePaths;
  readonly #id: string;
  readonly #orders: OrderReader;
  #stop: StopRequest | undefined;
  #leave: string | undefined;
  #hasNews = false;
  #isNamed = false;
  #lookedAt = -Infinity;
  #pauseMs = 0;

  /**
   * Does not look yet.
   *
   * @param id The worker's id.
   */
  constructor(runtime: Pick<Runtime, "store" | "machine">, paths: QueuePaths, id: string) {
    this.#runtime = runtime;
    this.#paths = paths;
    this.#id = id;
    this.#orders = new OrderReader(runtime.store, paths);
  }

  /** The request that the run stops, as far as it was seen. */
  get stop(): StopRequest | undefined {
    return this.#stop;
  }

  /** The reason for which this worker alone is to leave, if it is. */
  get leave(): string | undefined {
    return this.#leave;
  }

  /**
   * Looks for new requests, if it is time to.
   *
   * @param free Whether the worker could take a task. One that is busy need not know at once.
   */
  async look(free: boolean): Promise<void> {
    const { store, machine: { clock } } = this.#runtime;
    const before = clock.monotonic();
    const pause = free ? FREE_LOOK_MS : BUSY_LOOK_MS;
    if (before - this.#lookedAt < Math.max(pause, Math.min(this.#pauseMs, BUSY_LOOK_MS))) return;
    if (this.#hasNews || await this.#orders.hasNews(this.#id)) {
      // Until both were read: a file server may be away in between.
      this.#hasNews = true;
      this.#isNamed ||= this.#orders.named;
      this.#stop = await readStop(store, this.#paths) ?? this.#stop;
      this.#leave ??= await readLeave(store, this.#paths, this.#id, this.#isNamed);
      this.#hasNews = this.#isNamed = false;
    }
    const after = clock.monotonic();
    this.#lookedAt = after;
    this.#pauseMs = (after - before) * PAUSE_PER_LOOK;
  }
}
