import { pooledMap } from "@std/async/pool";
import type { Hash } from "../../core/hash.ts";
import { queuePaths } from "../../queue/layout.ts";
import type { DagNode } from "../../remote/run_record.ts";
import { readEnds } from "../../store/results/ends.ts";
import { attemptPaths } from "../../store/layout.ts";
import { numberOfAttempt } from "../../store/claims/claim.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import type { DagContext } from "./dag_context.ts";
import { listProgress, readProgress } from "./job_progress.ts";

/** An attempt that was shown and has not ended. */
interface ShownAttempt {
  node: DagNode;
  attempt: number;
  id: string;
  startedMs: number;
  /** The folder of the run whose job makes it. */
  dir: string;
  /** The progress that was shown last, as text to compare. */
  progress?: string | undefined;
}

/** A claim that was shown is looked at again after so long: the job may have begun its next attempt. */
const AGAIN_MS = 10_000;

/** Shows the attempts of jobs, each once, and their progress, as they are seen in the store. */
export class DagAttempts {
  readonly #context: Pick<DagContext, "runtime" | "paths" | "onEvent">;
  readonly #shown = new Map<Hash, ShownAttempt>();
  /** When each node is looked at again, and after which pause the time after that. */
  readonly #next = new Map<Hash, { at: number; pauseMs: number }>();
  #lookedAtProgress = -Infinity;

  /** Shows nothing yet. */
  constructor(context: Pick<DagContext, "runtime" | "paths" | "onEvent">) {
    this.#context = context;
  }

  /**
   * Shows a new attempt of a node. The one before it has ended without a result. Looks the more seldom the
   * longer there is nothing new.
   */
  async look(node: DagNode): Promise<void> {
    const { runtime, paths: { run: ownDir }, onEvent } = this.#context;
    const { hash, name } = node;
    const now = runtime.machine.clock.monotonic();
    const { at, pauseMs } = this.#next.get(hash) ??
      { at: now, pauseMs: runtime.config.pollIntervalSec * 500 };
    if (now < at) return;
    this.#next.set(hash, { at: now + pauseMs, pauseMs: Math.min(2 * pauseMs, AGAIN_MS) });
    const paths = runtime.store.paths(node);
    const claim = await readClaim(runtime.store, paths);
    const before = this.#shown.get(hash);
    if (claim?.slurm === undefined || before?.id === claim.id) return;
    if (before !== undefined) {
      const ends = await readEnds(runtime.store, paths);
      const kind = ends.find((end) => end.id === before.id)?.kind;
      this.end(node, kind === "preempted" ? "preempted" : "failed");
    }
    const { id, slurm, run } = claim;
    const attempt = await numberOfAttempt(runtime.store, paths, claim);
    this.#shown.set(hash, {
      node,
      attempt,
      id,
      startedMs: Date.parse(claim.startedAt),
      dir: run === undefined ? ownDir : queuePaths(runtime.store.root, run).run,
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

  /** Shows the progress of tasks where it is new. Looks as often as the configuration says. */
  async lookAtProgress(): Promise<void> {
    const { runtime } = this.#context;
    const now = runtime.machine.clock.monotonic();
    if (now - this.#lookedAtProgress < runtime.config.pollIntervalSec * 1000) return;
    this.#lookedAtProgress = now;
    if (this.#shown.size === 0) return;
    // One listing tells which of them have any.
    const there = new Map<string, Set<string>>();
    for (const dir of new Set([...this.#shown.values()].map(({ dir }) => dir))) {
      there.set(dir, await listProgress(runtime, dir));
    }
    const shown = [...this.#shown.values()].filter(({ dir, node }) => there.get(dir)?.has(node.hash));
    const looks = pooledMap(32, shown, (each) => this.#lookAtProgressOf(each));
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

  /** Shows the end of a node's attempt, if the attempt was shown. */
  end({ hash, name }: DagNode, outcome: "success" | "failed" | "preempted"): void {
    const shown = this.#shown.get(hash);
    if (outcome === "success") this.#next.delete(hash);
    if (!shown) return;
    this.#shown.delete(hash);
    const at = this.#context.runtime.machine.clock.now();
    // The attempt began by the clock of its node: this is for people.
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
