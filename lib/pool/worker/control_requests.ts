import { readLeave, readStop, type StopRequest } from "../../queue/requests.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Runtime } from "../../run/runtime.ts";

/** Milliseconds between two looks whether the run was told to stop. */
const STOP_LOOK_MS = 500;
/**
 * The shortest pause between two looks whether this worker was told to leave, also in multiples of a look's
 * time.
 */
const LEAVE_LOOK_MS = 1000;
const PAUSE_PER_LOOK = 20;

/**
 * The requests that the controller leaves for a worker in files: that the run is to stop, or that it is to
 * leave.
 */
export class ControlRequests {
  readonly #runtime: Pick<Runtime, "store" | "machine">;
  readonly #paths: QueuePaths;
  readonly #id: string;
  #stop: StopRequest | undefined;
  #leave: string | undefined;
  #stopLookAt = -Infinity;
  #leaveLookAt = -Infinity;

  /**
   * Does not look yet.
   *
   * @param id The worker's id.
   */
  constructor(runtime: Pick<Runtime, "store" | "machine">, paths: QueuePaths, id: string) {
    this.#runtime = runtime;
    this.#paths = paths;
    this.#id = id;
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
   * @param free Whether the worker could take a task. One that is busy need not know yet that it is to leave.
   */
  async look(free: boolean): Promise<void> {
    const { store, machine: { clock } } = this.#runtime;
    const now = clock.monotonic();
    if (now >= this.#stopLookAt) {
      this.#stop = await readStop(store, this.#paths) ?? this.#stop;
      this.#stopLookAt = clock.monotonic() + STOP_LOOK_MS;
    }
    if (!free || this.#leave !== undefined || now < this.#leaveLookAt) return;
    const before = clock.monotonic();
    this.#leave = await readLeave(store, this.#paths, this.#id);
    const after = clock.monotonic();
    this.#leaveLookAt = after + Math.max(LEAVE_LOOK_MS, (after - before) * PAUSE_PER_LOOK);
  }
}
