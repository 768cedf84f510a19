import type { Plan } from "../plan/graph.ts";
import type { ForcedNodes } from "../plan/node.ts";
import { findForSure } from "../run/result.ts";
import type { Runtime } from "../run/runtime.ts";
import { settleLogged } from "../run/settle_logged.ts";
import { ClaimWatch, describeOwner } from "../store/claims/liveness.ts";
import { describeQueued, queuedAdvice, readQueued } from "../store/claims/queued.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { dropQueued } from "./status_source.ts";
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
}

/**
 * Watches a node that somebody else computes until that ends. The stale limit counts time without any
 * observed change, never the time that the attempt takes.
 *
 * @throws The signal's reason, once it has aborted.
 */
export async function watchElsewhere(
  runtime: Runtime,
  { artifact, runId, signal, replan, forced }: WatchOptions,
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
    await settleLogged(runtime, artifact, look);
    let queued = look.state === "absent" ? await readQueued(store, paths) : undefined;
    if (queued && await dropQueued(runtime, artifact, queued)) queued = undefined;
    if (queued) {
      // That its id is known, or another job is queued, is a change.
      if (owner !== describeQueued(queued)) lastChange = machine.clock.monotonic();
      owner = describeQueued(queued);
      advice = queuedAdvice(paths, queued);
    }
    if (look.state !== "alive" && look.state !== "unknown") {
      const found = await findForSure(runtime, artifact, {
        value: false,
        signal,
        ...(forced?.has(artifact) ? { replaceDamaged: true } : {}),
      });
      if (found.state === "valid" && (!forced?.has(artifact) || await forced.done(artifact))) {
        return { type: "done", hash, computed: found.result.record.run === runId };
      }
      if (!queued && (look.state !== "ended" || look.removable)) {
        return { type: "released", hash, plan: await replan(artifact) };
      }
    }
    const unchangedSec = (machine.clock.monotonic() - lastChange) / 1000;
    if (unchangedSec > config.staleAfterSec) {
      return {
        type: "stale",
        hash,
        owner,
        afterSec: unchangedSec,
        ...(advice === undefined ? {} : { advice }),
      };
    }
    await machine.clock.sleep(Math.min(pause, watch.longestPauseMs), signal);
  }
}
