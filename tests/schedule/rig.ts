import type { Raise } from "../../lib/task/ladder.ts";
import { assertEquals } from "@std/assert";
import type { Hash } from "../../lib/core/hash.ts";
import { makePlan, type Plan } from "../../lib/plan/graph.ts";
import { createScheduler, type Scheduler, type SchedulerOptions } from "../../lib/schedule/scheduler.ts";
import type { SchedulerAction, SchedulerEvent } from "../../lib/schedule/scheduler_event.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { FakeSource } from "../plan/fake_graph.ts";

const label = (artifact: Artifact): string => (artifact.params as { label: string }).label;

/** A scheduler that is spoken to by the labels of fake artifacts, and whose actions read as text. */
export class Rig {
  /** What is tested. */
  readonly scheduler: Scheduler;
  /** The last `finished`. */
  end: { ok: boolean; failed: string[]; notRun: string[] } | undefined;
  readonly #labels = new Map<Hash, string>();
  readonly #hashes = new Map<string, Hash>();

  private constructor(made: Plan, options: Partial<SchedulerOptions>) {
    this.learn(made);
    const retry = { retryFailed: true, maxComputeRetries: 3, maxPreemptRetries: 5 };
    this.scheduler = createScheduler(made, { window: "bfs", retry, ...options });
  }

  /** Plans the roots and makes a scheduler, by default without limits. */
  static async of(
    roots: readonly Artifact[],
    options: Partial<SchedulerOptions> = {},
    source: FakeSource = new FakeSource(),
  ): Promise<Rig> {
    return new Rig(await makePlan(roots, source), options);
  }

  /** Makes a scheduler for a plan that no planner would make. */
  static broken(made: Plan, options: Partial<SchedulerOptions> = {}): Rig {
    return new Rig(made, options);
  }

  /** The labels of a later plan's nodes. */
  learn(made: Pick<Plan, "nodes">): void {
    for (const { hash, artifact } of made.nodes.values()) {
      this.#labels.set(hash, label(artifact));
      this.#hashes.set(label(artifact), hash);
    }
  }

  hash(name: string): Hash {
    return this.#hashes.get(name)!;
  }

  name(hash: Hash): string {
    return this.#labels.get(hash)!;
  }

  /** One step. */
  step(event: SchedulerEvent): string[] {
    return this.scheduler.step(event).map((action) => this.#text(action));
  }

  begin(): string[] {
    return this.step({ type: "begin" });
  }

  done(name: string, computed = true): string[] {
    return this.step({ type: "done", hash: this.hash(name), computed });
  }

  failed(name: string, failedEnds = 1, more: { lasting?: true } = {}, raise?: Raise): string[] {
    const end = { outcome: "failed", blame: "compute", error: "no", ...more } as const;
    return this.step({ type: "failed", hash: this.hash(name), end, failedEnds, lostEnds: 0, raise });
  }

  rested(name: string): string[] {
    return this.step({ type: "rested", hash: this.hash(name) });
  }

  lost(name: string, lostEnds = 1): string[] {
    const end = { outcome: "failed", blame: "lost", error: "gone" } as const;
    return this.step({ type: "failed", hash: this.hash(name), end, failedEnds: 0, lostEnds });
  }

  protocol(name: string, blame: "protocol" | "node" = "protocol"): string[] {
    const end = { outcome: "failed", blame, error: "bug" } as const;
    return this.step({ type: "failed", hash: this.hash(name), end, failedEnds: 0, lostEnds: 0 });
  }

  busy(name: string, owner = "stranger"): string[] {
    return this.step({ type: "busy", hash: this.hash(name), owner });
  }

  withdrawn(name: string): string[] {
    return this.step({ type: "withdrawn", hash: this.hash(name) });
  }

  released(name: string, made?: Plan): string[] {
    if (made) this.learn(made);
    return this.step({ type: "released", hash: this.hash(name), ...(made ? { plan: made } : {}) });
  }

  /** Asserts that it ended, and how. */
  ended(ok: boolean, failed: string[] = [], notRun: string[] = []): void {
    assertEquals(this.end && { ...this.end, notRun: this.end.notRun.toSorted() }, {
      ok,
      failed,
      notRun: notRun.toSorted(),
    });
  }

  #text(action: SchedulerAction): string {
    switch (action.type) {
      case "start":
        return `start ${this.name(action.hash)}`;
      case "node_done":
        return `node_done ${this.name(action.hash)}${action.partial ? " partial" : ""}`;
      case "watch":
        return `watch ${this.name(action.hash)} of ${action.owner}`;
      case "retry":
        return `retry ${this.name(action.hash)} ${action.end.blame} ${action.left}` +
          (action.afterMs > 0 ? ` after ${action.afterMs} ms` : "");
      case "node_failed":
        return `node_failed ${this.name(action.hash)} ${action.end.blame}: ${action.end.error}`;
      case "stop":
        return `stop ${action.why}`;
      case "stalled":
        return `stalled ${action.missing.map((hash) => this.name(hash)).join(" ")}`;
      case "finished":
        this.end = {
          ok: action.ok,
          failed: action.failed.map((hash) => this.name(hash)),
          notRun: action.notRun.map((hash) => this.name(hash)),
        };
        return "finished";
    }
  }
}
