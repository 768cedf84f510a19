import { ProtocolError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import type { NodeState, PlanNode } from "../plan/node.ts";
import type { Startable } from "./start/start_queue.ts";

/**
 * Where a node stands. `todo`: not begun, or waiting for its dependencies; `elsewhere`: a stranger computes
 * it and no admitted root has needed it yet; `resting`: it is to be tried again after a delay; `blocked`:
 * something below it failed for good.
 */
export type Phase =
  | "todo"
  | "elsewhere"
  | "ready"
  | "running"
  | "resting"
  | "watched"
  | "done"
  | "failed"
  | "blocked";

/** A node with all that the scheduler has to know of it. */
export interface WorkNode extends Startable {
  /** That of its next attempt. */
  spec: string;
  phase: Phase;
  /** The state that the plan gave it. */
  state: NodeState;
  /** Whether a root that was let in needs it. */
  admitted: boolean;
  /** Whether it is a root that takes up a place in the window. */
  inWindow: boolean;
  /** Whether its dependencies are known. Only for nodes that were TODO in some plan. */
  waits: boolean;
  /** Dependencies without a result, where it waits for them. */
  unfinished: number;
  /** The nodes that come in together with it. */
  readonly below: WorkNode[];
  /** The nodes that wait for it. */
  readonly above: WorkNode[];
  /** Those that it waits for and can do without. */
  readonly tolerates?: ReadonlySet<Hash> | undefined;
  /** Whether its result was made without something that failed, or of one that was. */
  partial: boolean;
  /** Compute failures and lost attempts that this process saw. */
  failures: number;
  losses: number;
}

/** Whether it has come to an end in this run. */
export function isFinal(node: WorkNode): boolean {
  return node.phase === "done" || node.phase === "failed" || node.phase === "blocked";
}

/** Whether it, or something below it, failed for good. */
export function isLost(node: WorkNode): boolean {
  return node.phase === "failed" || node.phase === "blocked";
}

/** Whether a node can never be computed since another one is lost that it depends on. */
export function isLostWith(node: WorkNode, below: WorkNode): boolean {
  return isLost(below) && !node.tolerates?.has(below.hash);
}

/** The nodes of a plan, linked to each other. */
export class WorkGraph {
  /** Every node, by hash. */
  readonly nodes: Map<Hash, WorkNode> = new Map();

  constructor(nodes: ReadonlyMap<Hash, PlanNode>) {
    for (const node of nodes.values()) this.nodes.set(node.hash, workNode(node));
    for (const node of nodes.values()) this.#link(this.nodes.get(node.hash)!, node);
  }

  /**
   * A node of this run.
   *
   * @throws {ProtocolError} If there is none of this hash.
   */
  get(hash: Hash): WorkNode {
    const node = this.nodes.get(hash);
    if (node) return node;
    throw new ProtocolError(`Cannot schedule ${hash} as no node of this run has this hash`);
  }

  /**
   * Takes in what a later plan of one node says of it and of what lies below and was unknown so far. Nodes
   * that are known already stay as they are: the one who runs or watches them will report.
   *
   * @returns The node and those that are new.
   */
  graft(top: WorkNode, nodes: ReadonlyMap<Hash, PlanNode>): WorkNode[] {
    const planned = nodes.get(top.hash);
    if (!planned) return [top];
    top.state = planned.state;
    top.spec = planned.spec;
    top.phase = phaseOf(planned);
    const taken = [top];
    for (let i = 0; i < taken.length; i++) {
      for (const hash of nodes.get(taken[i]!.hash)!.dependencies) {
        const node = nodes.get(hash);
        if (!node || this.nodes.has(hash)) continue;
        const made = workNode(node, top);
        this.nodes.set(hash, made);
        taken.push(made);
      }
    }
    for (const node of taken) this.#link(node, nodes.get(node.hash)!);
    return taken;
  }

  #link(node: WorkNode, planned: PlanNode): void {
    // One that was started once, and then found busy, has its links from the beginning.
    if (node.waits) return;
    // What is not to be computed waits for nothing: what a plan has below it are forced nodes.
    node.waits = planned.status === "TODO";
    node.below.length = 0;
    for (const hash of planned.dependencies) {
      const dependency = this.nodes.get(hash);
      if (dependency) node.below.push(dependency);
      if (!node.waits) continue;
      dependency?.above.push(node);
      const isOver = dependency?.phase === "done" ||
        dependency !== undefined && isLost(dependency) && !isLostWith(node, dependency);
      if (!isOver) node.unfinished++;
    }
  }
}

/** @param top What a plan of its own has at the top. */
function workNode(node: PlanNode, top?: WorkNode): WorkNode {
  return {
    hash: node.hash,
    spec: node.spec,
    limits: node.limits,
    priority: top === undefined ? node.priority : Math.max(top.priority, node.priority),
    height: (top?.height ?? 0) + node.height,
    phase: phaseOf(node),
    state: node.state,
    admitted: false,
    inWindow: false,
    waits: false,
    unfinished: 0,
    below: [],
    above: [],
    tolerates: node.tolerates,
    partial: false,
    failures: 0,
    losses: 0,
    begun: false,
  };
}

/** FAILED nodes begin as `todo`: that they failed is announced by the scheduler. */
function phaseOf(node: PlanNode): Phase {
  return node.status === "DONE" ? "done" : node.status === "IN_PROGRESS" ? "elsewhere" : "todo";
}
