import { SlurmError } from "../../core/errors.ts";
import type { WorkerJob } from "../launcher.ts";
import { tell } from "./context.ts";
import type { PoolState } from "./pool_state.ts";
import type { SpecLoad } from "./scale.ts";

/**
 * Sees to it that no spec waits for ever since the nodes that it needs are excluded. After `staleAfterSec` without a worker they
 * are used again, once; when they are excluded again, and still no worker begins, the run ends.
 */
export class NodePardon {
  readonly #state: PoolState;
  /** Since when a spec has tasks and no worker, while nodes are excluded. */
  readonly #since = new Map<string, number>();
  #pardoned = false;
  #excluded = 0;

  /** Looks at nothing yet. */
  constructor(state: PoolState) {
    this.#state = state;
  }

  /** @returns Keys of pending workers that were submitted for other nodes than those that may be used now. */
  look(loads: readonly SpecLoad[], pending: readonly WorkerJob[]): readonly string[] {
    const { health, broken, runtime: { machine: { clock }, config: { staleAfterSec } } } = this.#state;
    const now = clock.monotonic();
    const isNew = health.excluded.length > this.#excluded;
    this.#excluded = health.excluded.length;
    // They would begin where nothing can, one after the other, and each cost a task one of its attempts.
    if (isNew) return pending.map(({ key }) => key);
    for (const { spec, tasks, alive, leaving } of loads) {
      // One that only waits for its turn has a node to run on.
      const mayBegin = pending.some((job) => job.spec === spec && isInTurn(job));
      const isStuck = tasks > 0 && alive + leaving === 0 && !mayBegin && health.excluded.length > 0;
      if (!isStuck) this.#since.delete(spec);
      else if (!this.#since.has(spec)) this.#since.set(spec, now);
      if (now - (this.#since.get(spec) ?? now) < staleAfterSec * 1000) continue;
      if (this.#pardoned) {
        const what = `Cannot start workers of spec '${spec}': none has begun for ${staleAfterSec} s`;
        broken(new SlurmError(`${what}\n${health.complaint}`));
        return [];
      }
      this.#pardoned = true;
      this.#since.clear();
      const nodes = health.excluded.join(", ");
      health.pardon();
      this.#excluded = 0;
      tell(
        this.#state,
        "warn",
        `spec '${spec}' had no worker for ${staleAfterSec} s: nodes that were excluded are tried again: ${nodes}`,
      );
      return pending.map(({ key }) => key);
    }
    return [];
  }
}

function isInTurn({ state }: WorkerJob): boolean {
  return state.status === "pending" && state.inTurn === true;
}
