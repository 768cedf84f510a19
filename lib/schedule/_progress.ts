import { ValidationError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import type { Plan } from "../plan/graph.ts";
import { isFinal, isLost, isLostWith, WorkGraph, type WorkNode } from "./_work_graph.ts";
import type { StartQueue } from "./start/start_queue.ts";

/**
 * How far a run has come: which roots are in the window, what may start, what has ended. It knows no policy.
 * Over a whole run each edge is followed a constant number of times.
 */
export class Progress {
  /** Edges followed and nodes queued so far. */
  operations = 0;
  /** Nodes that the admitted roots need and that have not ended. */
  pending = 0;
  /** Nodes that a stranger computes. */
  watched = 0;
  /** Nodes that are to be tried again after a delay. */
  resting = 0;
  /** Every node. */
  readonly graph: WorkGraph;
  readonly #queue: StartQueue<WorkNode>;
  readonly #roots: readonly WorkNode[];
  readonly #areRoots: ReadonlySet<WorkNode>;
  readonly #window: number;
  #nextRoot = 0;
  #hasLost = false;
  #inWindow = 0;

  /** @throws {ValidationError} For a limit that cannot be kept, before anything has begun. */
  constructor(plan: Pick<Plan, "nodes" | "roots">, window: number, queue: StartQueue<WorkNode>) {
    this.graph = new WorkGraph(plan.nodes);
    for (const node of this.graph.nodes.values()) {
      const fault = node.phase === "done" ? undefined : queue.open(node);
      if (fault !== undefined) throw new ValidationError(`Cannot run ${node.hash} as it ${fault}`);
    }
    this.#queue = queue;
    this.#window = window;
    // Of equal ones the first that was given comes first.
    this.#roots = plan.roots.map((hash) => this.graph.get(hash)).sort((a, b) => b.priority - a.priority);
    this.#areRoots = new Set(this.#roots);
  }

  /**
   * Lets in as many roots as the window has room for.
   *
   * @returns nodes that came in and are computed elsewhere.
   */
  admitRoots(): WorkNode[] {
    const elsewhere: WorkNode[] = [];
    while (this.#inWindow < this.#window && this.#nextRoot < this.#roots.length) {
      const root = this.#roots[this.#nextRoot++]!;
      for (const node of this.admit([root])) elsewhere.push(node);
      if (isFinal(root)) continue;
      root.inWindow = true;
      this.#inWindow++;
    }
    return elsewhere;
  }

  /**
   * Lets in nodes with all below them. Each node comes in once in a run.
   *
   * @returns those that came in and are computed elsewhere.
   */
  admit(nodes: readonly WorkNode[]): WorkNode[] {
    const elsewhere: WorkNode[] = [];
    const stack = [...nodes];
    for (let node = stack.pop(); node; node = stack.pop()) {
      this.operations++;
      if (node.admitted) continue;
      node.admitted = true;
      if (!isFinal(node)) this.pending++;
      if (node.phase === "elsewhere") elsewhere.push(node);
      this.queueIfFree(node);
      for (const dependency of node.below) stack.push(dependency);
    }
    return elsewhere;
  }

  /** The node may start as soon as nothing is missing below it. */
  queueIfFree(node: WorkNode): void {
    if (!node.admitted || node.phase !== "todo" || node.unfinished > 0) return;
    this.operations++;
    node.phase = "ready";
    this.#queue.push(node);
  }

  /** Its attempt, by us or by a stranger, ended, or the delay before its next one. */
  leave(node: WorkNode): void {
    if (node.phase === "running") this.#queue.ended(node);
    else if (node.phase === "watched") this.watched--;
    else if (node.phase === "resting") this.resting--;
    else return;
    node.phase = "todo";
  }

  /**
   * Its next attempt needs this spec.
   *
   * @throws {ValidationError} For the limit of the spec.
   */
  respec(node: WorkNode, spec: string): void {
    if (node.spec === spec) return;
    node.spec = spec;
    this.#queue.open(node);
  }

  /** A stranger computes it. */
  watch(node: WorkNode): void {
    node.phase = "watched";
    this.watched++;
  }

  /** It is to be tried again after a delay. */
  rest(node: WorkNode): void {
    node.phase = "resting";
    this.resting++;
  }

  /** There is a result: what depends on it may become free. */
  done(node: WorkNode): void {
    node.phase = "done";
    if (this.#hasLost) node.partial = node.below.some((below) => isLost(below) || below.partial);
    this.#end(node);
    for (const dependent of node.above) {
      this.operations++;
      if (--dependent.unfinished === 0) this.queueIfFree(dependent);
    }
  }

  /**
   * It failed for good: what depends on it cannot be computed any more, unless it can do without.
   *
   * @returns Whether the run can do without: no root is lost with it.
   */
  fail(node: WorkNode): boolean {
    node.phase = "failed";
    this.#end(node);
    return this.#lose(node);
  }

  /**
   * Takes in a later plan of a node.
   *
   * @returns the node and what was unknown so far, which is not admitted yet.
   */
  graft(node: WorkNode, plan: Pick<Plan, "nodes">): WorkNode[] {
    const taken = this.graph.graft(node, plan.nodes);
    for (const each of taken) {
      const fault = each.phase === "done" ? undefined : this.#queue.open(each);
      if (fault !== undefined) each.state = { status: "FAILED", error: `It can never begin as it ${fault}` };
      this.operations += 1 + each.below.length;
    }
    for (const each of taken) {
      if (each.phase === "todo" && each.below.some((below) => isLostWith(each, below))) this.#block(each);
    }
    return taken;
  }

  /** Up to three nodes that have not ended: roots, where there are such. */
  missing(): Hash[] {
    const roots = this.#roots.filter((root) => !isFinal(root));
    const nodes = roots.length > 0 ? roots : [...this.graph.nodes.values()].filter((node) => !isFinal(node));
    return nodes.slice(0, 3).map((node) => node.hash);
  }

  /** Nodes without a result that did not fail themselves. */
  notRun(): Hash[] {
    const hashes: Hash[] = [];
    for (const { hash, phase } of this.graph.nodes.values()) {
      if (phase !== "done" && phase !== "failed") hashes.push(hash);
    }
    return hashes;
  }

  #block(node: WorkNode): void {
    node.phase = "blocked";
    this.#end(node);
    this.#lose(node);
  }

  /** A node has no result in this run: what depends on it is blocked, or has one thing less to wait for. */
  #lose(lost: WorkNode): boolean {
    let isTolerated = true;
    this.#hasLost = true;
    const stack = [lost];
    for (let node = stack.pop(); node; node = stack.pop()) {
      if (this.#areRoots.has(node)) isTolerated = false;
      for (const dependent of node.above) {
        this.operations++;
        if (!isLostWith(dependent, node)) {
          if (--dependent.unfinished === 0) this.queueIfFree(dependent);
        } else if (dependent.phase === "todo") {
          dependent.phase = "blocked";
          this.#end(dependent);
          stack.push(dependent);
        }
      }
    }
    return isTolerated;
  }

  /** It is final: it makes room in the window. */
  #end(node: WorkNode): void {
    if (node.admitted) this.pending--;
    if (node.inWindow) this.#inWindow--;
    node.inWindow = false;
  }
}
