import { readLeave, readStop, type StopRequest } from "../../queue/requests.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Runtime } from "../../run/runtime.ts";

/** It is looked so often whether the run was told to stop. */
const STOP_LOOK_MS = 500;
/** It is looked so often whether this worker was told to leave; and by how much of what a look takes. */
const LEAVE_LOOK_MS = 1000;
const PAUSE_PER_LOOK = 20;

/** What a worker is told by files: that the run is to stop, or that its room is needed. */
export class ControlRequests {
  readonly #runtime: Pick<Runtime, "store" | "machine">;
  readonly #paths: QueuePaths;
  readonly #id: string;
  #stop: StopRequest | undefined;
  #leave: string | undefined;
  #stopLookAt = -Infinity;
  #leaveLookAt = -Infinity;

  /** @param id The worker's. */
  constructor(runtime: Pick<Runtime, "store" | "machine">, paths: QueuePaths, id: string) {
    this.#runtime = runtime;
    this.#paths = paths;
    this.#id = id;
  }

  /** What stop the run was asked for, as far as was seen. */
  get stop(): StopRequest | undefined {
    return this.#stop;
  }

  /** Why this worker alone is to leave, if it is. */
  get leave(): string | undefined {
    return this.#leave;
  }

  /**
   * Looks whether there are new ones, if it is time to.
   *
   * @param free Could it take a task? One that is busy need not know yet that it is to leave.
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
