import type { Plan } from "../plan/graph.ts";
import type { ForcedNodes } from "../plan/node.ts";
import { findCounting } from "../run/partial/counts.ts";
import type { Runtime } from "../run/runtime.ts";
import { settleLogged } from "../run/settle_logged.ts";
import { ClaimWatch, describeOwner } from "../store/claims/liveness.ts";
import { describeQueued, queuedAdvice, readQueued } from "../store/claims/queued.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { dropGone } from "./status_source.ts";
import type { SchedulerEvent } from "./scheduler_event.ts";

/** Options of {@link watchElsewhere}. */
export interface WatchOptions {
  /** The node. */
  artifact: Artifact;
  /** The run that watches. The node may be computed by another controller of the same run. */
  runId: string;
  /** Ends the watching. */
  signal: AbortSignal;
  /** Plans the node alone, when its claim has ended without a result. */
  replan: (artifact: Artifact) => Promise<Plan>;
  /** Nodes for which only a result of this run counts. */
  forced: ForcedNodes | undefined;
  /**
   * Told at each look what is waited for.
   *
   * @default {nobody is told}
   */
  onWait?: ((why: string) => void) | undefined;
}

/**
 * Watches a node that somebody else computes until that ends. The stale limit counts time without any
 * observed change, never the time that the attempt takes, nor that for which a scheduler says that the job
 * lives which is to compute it.
 *
 * @throws The signal's reason, once it has aborted.
 */
export async function watchElsewhere(
  runtime: Runtime,
  { artifact, runId, signal, replan, forced, onWait }: WatchOptions,
): Promise<SchedulerEvent> {
  const { machine, store, config } = runtime;
  const { hash } = artifact;
  const paths = store.paths(artifact);
  const watch = new ClaimWatch(store, paths);
  let owner = "nobody known";
  let lastChange = machine.clock.monotonic();
  let advice: string | undefined;
  for (let pause = 5;; pause = Math.min(pause * 1.5, config.pollIntervalSec * 1000)) {
    const look = await watch.look();
    if (look.state === "alive" && look.changed) lastChange = machine.clock.monotonic();
    if (look.state === "unknown") owner = `somebody unknown (${look.why})`;
    if ("holder" in look) {
      owner = describeOwner(look.holder);
      advice = undefined;
    }
    if (look.state === "alive" && look.still !== undefined) {
      lastChange = machine.clock.monotonic();
      owner = `${owner}, whose job is ${look.still}`;
    }
    await settleLogged(runtime, artifact, look);
    let queued = look.state === "absent" ? await readQueued(store, paths) : undefined;
    const word = queued && await runtime.queuedHint?.(queued);
    if (queued && await dropGone(runtime, artifact, queued, word)) queued = undefined;
    if (queued) {
      const described = describeQueued(queued);
      // That its id is known, or another job is queued, is a change; and it may wait for long, but it lives.
      if (!owner.startsWith(described) || word?.state === "alive") lastChange = machine.clock.monotonic();
      owner = word?.state === "alive"
        ? `${described}: ${word.text}`
        : word?.state === "silent"
        ? `${described}, of which Slurm does not tell at the moment`
        : described;
      advice = queuedAdvice(paths, queued);
    }
    onWait?.(owner);
    if (look.state !== "alive" && look.state !== "unknown") {
      const found = await findCounting(runtime, artifact, {
        ...{ surely: true, tolerant: true, value: false, signal },
        ...{ run: runId, retries: config.retryFailed },
        ...(forced?.has(artifact) ? { replaceDamaged: true } : {}),
      });
      if (found.state === "valid" && (!forced?.has(artifact) || await forced.done(artifact))) {
        return { type: "done", hash, computed: found.result.record.run === runId };
      }
      if (!queued && (look.state !== "ended" || look.removable)) {
        return { type: "released", hash, plan: await replan(artifact) };
      }
    }
    const unchangedMs = machine.clock.monotonic() - lastChange;
    if (unchangedMs > config.staleAfterSec * 1000) {
      return {
        type: "stale",
        hash,
        owner,
        afterMs: unchangedMs,
        ...(advice === undefined ? {} : { advice }),
      };
    }
    await machine.clock.sleep(Math.min(pause, watch.longestPauseMs), signal);
  }
}
