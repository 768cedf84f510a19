import type { EventSink } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import type { ForcedNodes } from "../../plan/status.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import type { WorkerLauncher } from "../launcher.ts";
import type { PoolRun } from "../../remote/pool_run.ts";
import type { Leadership } from "../leadership.ts";

/** How long the controller waits for what, in milliseconds. */
export interface PoolTiming {
  /** After so long without any news it looks whether a task file is missing. @default 10 000 */
  readonly auditMs: number;
  /** So long it waits for the launcher's word on why a worker died. @default 30 000 */
  readonly evidenceMs: number;
  /** So long more workers than are needed are pending before they are cancelled. @default 3000 */
  readonly excessMs: number;
  /** Two looks at workers and jobs are at most so far apart. @default 1000 */
  readonly roundMs: number;
}

/** The usual {@link PoolTiming}. */
export const POOL_TIMING: PoolTiming = { auditMs: 10_000, evidenceMs: 30_000, excessMs: 3000, roundMs: 1000 };

/** What the parts of a controller share. */
export interface PoolContext {
  /** Files, clock, store. */
  readonly runtime: Runtime;
  /** Where everything of the run is. */
  readonly paths: QueuePaths;
  /** What the run is. */
  readonly run: PoolRun;
  /** The right to be its controller. */
  readonly role: Leadership;
  /** Starts workers. */
  readonly launcher: WorkerLauncher;
  /** Gives an artifact of the run. */
  readonly artifactOf: (hash: Hash) => Artifact;
  /** Of which artifacts only a result of this run counts. */
  readonly forced: ForcedNodes | undefined;
  /** Told what happens. */
  readonly onEvent: EventSink;
  /** How long it waits for what. */
  readonly timing: PoolTiming;
}

/** Says something to people. */
export function tell(
  { onEvent, runtime }: Pick<PoolContext, "onEvent" | "runtime">,
  level: "info" | "warn" | "error",
  text: string,
): void {
  onEvent({ type: "message", level, text, at: runtime.machine.clock.now() });
}
