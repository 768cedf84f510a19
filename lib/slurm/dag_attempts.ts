import type { Hash } from "../core/hash.ts";
import { attemptPaths } from "../store/layout.ts";
import { readClaim } from "../store/read_claim.ts";
import type { DagContext } from "./dag_context.ts";
import type { DagNode } from "./dag_run.ts";

/** Tells of the attempts of jobs, each once, as they are seen in the store. */
export class DagAttempts {
  readonly #context: Pick<DagContext, "runtime" | "onEvent">;
  readonly #shown = new Map<Hash, { attempt: number; startedMs: number }>();

  /** Tells nothing yet. */
  constructor(context: Pick<DagContext, "runtime" | "onEvent">) {
    this.#context = context;
  }

  /** Is there a new attempt? Then the one before has failed. */
  async look(node: DagNode): Promise<void> {
    const { runtime, onEvent } = this.#context;
    const { hash, name } = node;
    const paths = runtime.store.paths(node);
    const claim = await readClaim(runtime.store, paths);
    if (claim?.slurm === undefined || this.#shown.get(hash)?.attempt === claim.attempt) return;
    this.end(node, "failed");
    const { attempt, id, slurm } = claim;
    this.#shown.set(hash, { attempt, startedMs: Date.parse(claim.startedAt) });
    onEvent({
      type: "attempt_started",
      hash,
      name,
      attempt,
      worker: `job ${slurm.jobId}`,
      log: attemptPaths(paths, { n: attempt, id }).log,
      at: runtime.machine.clock.now(),
    });
  }

  /** The attempt that was told of, if any, has ended. */
  end({ hash, name }: DagNode, outcome: "success" | "failed"): void {
    const shown = this.#shown.get(hash);
    if (!shown) return;
    this.#shown.delete(hash);
    const at = this.#context.runtime.machine.clock.now();
    // Its beginning is by the clock of its node: this is for people.
    const durationMs = Math.max(0, at - shown.startedMs);
    this.#context.onEvent({
      type: "attempt_ended",
      hash,
      name,
      attempt: shown.attempt,
      outcome,
      durationMs,
      at,
    });
  }
}
