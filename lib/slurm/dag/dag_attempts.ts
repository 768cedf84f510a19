import { pooledMap } from "@std/async/pool";
import type { Hash } from "../../core/hash.ts";
import { readEnds } from "../../store/results/ends.ts";
import { attemptPaths } from "../../store/layout.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import type { DagContext } from "./dag_context.ts";
import { type DagNode, runDir } from "../run/dag_jobs.ts";
import { readProgress } from "./job_progress.ts";

/** An attempt that was told of and has not ended. */
interface ShownAttempt {
  node: DagNode;
  attempt: number;
  startedMs: number;
  /** The folder of the run whose job makes it. */
  dir: string;
  /** What was told of its progress last, as text to compare. */
  progress?: string;
}

/** Tells of the attempts of jobs, each once, and of their progress, as they are seen in the store. */
export class DagAttempts {
  readonly #context: Pick<DagContext, "runtime" | "dir" | "onEvent">;
  readonly #shown = new Map<Hash, ShownAttempt>();
  #lookedAtProgress = -Infinity;

  /** Tells nothing yet. */
  constructor(context: Pick<DagContext, "runtime" | "dir" | "onEvent">) {
    this.#context = context;
  }

  /** Is there a new attempt? Then the one before has ended without a result. */
  async look(node: DagNode): Promise<void> {
    const { runtime, dir, onEvent } = this.#context;
    const { hash, name } = node;
    const paths = runtime.store.paths(node);
    const claim = await readClaim(runtime.store, paths);
    const before = this.#shown.get(hash)?.attempt;
    if (claim?.slurm === undefined || before === claim.attempt) return;
    if (before !== undefined) {
      const ends = await readEnds(runtime.store, paths);
      const kind = ends.find((end) => end.attempt === before)?.kind;
      this.end(node, kind === "preempted" ? "preempted" : "failed");
    }
    const { attempt, id, slurm, run } = claim;
    this.#shown.set(hash, {
      node,
      attempt,
      startedMs: Date.parse(claim.startedAt),
      dir: run === undefined ? dir : runDir(runtime.store.root, run),
    });
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

  /** Tells what tasks say of their progress, where that is new. Looks as often as the configuration says. */
  async lookAtProgress(): Promise<void> {
    const { runtime } = this.#context;
    const now = runtime.machine.clock.monotonic();
    if (now - this.#lookedAtProgress < runtime.config.pollIntervalSec * 1000) return;
    this.#lookedAtProgress = now;
    const looks = pooledMap(32, this.#shown.values(), (shown) => this.#lookAtProgressOf(shown));
    for await (const _ of looks);
  }

  async #lookAtProgressOf(shown: ShownAttempt): Promise<void> {
    const { runtime, onEvent } = this.#context;
    const { hash, name } = shown.node;
    const record = await readProgress(runtime, shown.dir, hash);
    if (record?.attempt !== shown.attempt) return;
    const { fraction, message } = record;
    const seen = JSON.stringify([fraction, message]);
    if (seen === shown.progress) return;
    shown.progress = seen;
    const said = message === undefined ? {} : { message };
    onEvent({ type: "attempt_progress", hash, name, fraction, ...said, at: runtime.machine.clock.now() });
  }

  /** The attempt that was told of, if any, has ended. */
  end({ hash, name }: DagNode, outcome: "success" | "failed" | "preempted"): void {
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
