import { ValidationError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import { DISPLAY, displayOf, type MimeBundle } from "../core/system/session.ts";
import { ARTIFACT, type Artifact, isArtifact } from "../task/artifact/artifact.ts";
import { byRank, type ForcedNodes, type PlanNode, type StatusSource } from "./node.ts";
import { type KeptResults, keptResults } from "./kept.ts";
import { rank, Walk } from "./walk.ts";

export type { KeptResults };

/** Gives the priority of a root, where its task is not to say it. */
export type RootPriority = (root: Artifact) => number | undefined;

/** Options of {@link makePlan}. */
export interface PlanOptions {
  /**
   * The nodes to compute again although they are stored.
   *
   * @default {nothing}
   */
  forced?: ForcedNodes | undefined;
  /**
   * The number of artifacts that are looked at, at the same time.
   *
   * @default {32}
   */
  concurrency?: number | undefined;
  /**
   * The priority of a root; nothing where its task is to say it.
   *
   * @default {what their tasks say}
   */
  priority?: RootPriority | undefined;
  /** Ends the planning with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** The number of nodes with each status. */
export interface PlanCounts {
  /** Nodes that are stored. */
  readonly done: number;
  /** Nodes that somebody alive computes or has submitted. */
  readonly inProgress: number;
  /** Nodes to be computed. */
  readonly todo: number;
  /** Nodes that failed, where failures are not retried, or that are stored and damaged, or cannot be read. */
  readonly failed: number;
}

/** The nodes that the roots need, with the status of each: a picture of the moment, which does not change. */
export interface Plan {
  /** The hashes of the roots, each once, in the order given. */
  readonly roots: readonly Hash[];
  /** All nodes that were looked at: the roots and what lies below those to be computed. */
  readonly nodes: ReadonlyMap<Hash, PlanNode>;
  /** The number of nodes with each status. */
  readonly counts: PlanCounts;
  /**
   * Lists the nodes to be computed whose dependencies are all DONE, or FAILED where that is tolerated.
   *
   * @returns Nodes in the order of {@link Plan.order}.
   */
  ready(): readonly PlanNode[];
  /**
   * Lists all nodes, dependencies first.
   *
   * @returns Nodes by priority, then those with the longest chain of dependents, then by hash.
   */
  order(): readonly PlanNode[];
  /**
   * Finds the stored results that depend on what is computed again since it is forced, and that stay as they
   * are.
   *
   * @returns Both by the name of the task, or nothing where no result stays.
   */
  kept(): Promise<KeptResults | undefined>;
}

/**
 * Finds out what it takes to get the roots. Walks down from them and stops below all that is DONE,
 * IN_PROGRESS or FAILED; O(nodes + edges), and one listing per task's name.
 *
 * Forced nodes are TODO unless this run computed them already, also those below nodes that are stored; these
 * stay DONE.
 *
 * Stored roots are opened (the first 1,000), other stored nodes only where their task has `validate`. A node
 * that cannot be read is FAILED, with the reason; the rest is planned.
 *
 * @param roots What is wanted. Those with one hash count once.
 * @param source Where it learns what is stored.
 * @throws {ValidationError} for a root that is no artifact, for a cycle (naming it), for a task's bad
 * `spec`; and whatever `source` throws that is no error of the store or the system.
 */
export async function makePlan(
  roots: Iterable<Artifact>,
  source: StatusSource,
  options: PlanOptions = {},
): Promise<Plan> {
  const wanted = new Map<Hash, Artifact>();
  let position = 0;
  for (const root of roots) {
    if (!isArtifact(root)) {
      throw new ValidationError(
        `Cannot plan roots[${position}] as it must be an artifact (a task applied to parameters): it is ${
          Deno.inspect(root, { depth: 1 })
        }`,
      );
    }
    if (wanted.get(root.hash)?.[ARTIFACT].loadOnly ?? !wanted.has(root.hash)) wanted.set(root.hash, root);
    position++;
  }
  const { forced, signal, priority, concurrency = 32 } = options;
  const walk = new Walk({ source, forced, signal, concurrency });
  await walk.run(wanted.values());
  rank(walk.visits, wanted, priority);
  const nodes = new Map<Hash, PlanNode>();
  for (const [hash, { node }] of walk.visits) {
    const { loadOnly } = node.artifact[ARTIFACT];
    if (loadOnly && node.state.status === "TODO") {
      const { detail } = node.state;
      const hint = `it cannot be computed as ${loadOnly.why}`;
      node.state = { ...node.state, detail: detail === undefined ? hint : `${detail}; ${hint}` };
    }
    nodes.set(hash, node);
  }
  const kept = () =>
    forced ? keptResults(wanted.values(), nodes, forced, source) : Promise.resolve(undefined);
  return new Graph([...wanted.keys()], nodes, kept);
}

class Graph implements Plan {
  readonly roots: readonly Hash[];
  readonly nodes: ReadonlyMap<Hash, PlanNode>;
  readonly counts: PlanCounts;
  #order: readonly PlanNode[] | undefined;
  #ready: readonly PlanNode[] | undefined;
  readonly #findKept: () => Promise<KeptResults | undefined>;
  #kept: Promise<KeptResults | undefined> | undefined;

  constructor(
    roots: readonly Hash[],
    nodes: ReadonlyMap<Hash, PlanNode>,
    findKept: () => Promise<KeptResults | undefined>,
  ) {
    this.#findKept = findKept;
    this.roots = roots;
    this.nodes = nodes;
    const counts = { DONE: 0, IN_PROGRESS: 0, TODO: 0, FAILED: 0 };
    for (const node of nodes.values()) counts[node.status]++;
    this.counts = {
      done: counts.DONE,
      inProgress: counts.IN_PROGRESS,
      todo: counts.TODO,
      failed: counts.FAILED,
    };
  }

  order(): readonly PlanNode[] {
    // A dependency ranks before all that depend on it. So sorting by rank gives just what Kahn's algorithm
    // gives when it always takes the first by rank among those that are free.
    return this.#order ??= [...this.nodes.values()].sort(byRank);
  }

  [DISPLAY](): Promise<MimeBundle> {
    return displayOf("plan", this);
  }

  kept(): Promise<KeptResults | undefined> {
    return this.#kept ??= this.#findKept();
  }

  ready(): readonly PlanNode[] {
    return this.#ready ??= this.order().filter((node) =>
      node.status === "TODO" &&
      node.dependencies.every((hash) => {
        const status = this.nodes.get(hash)?.status;
        return status === "DONE" || status === "FAILED" && node.tolerates?.has(hash) === true;
      })
    );
  }
}

/** The nodes of a plan that may have to be computed. */
export function unfinished({ nodes }: Pick<Plan, "nodes">): PlanNode[] {
  return [...nodes.values()].filter(({ status }) => status !== "DONE");
}

/** What nodes of a plan have as their priority, where one of them is planned again by itself. */
export function priorityIn({ nodes }: Pick<Plan, "nodes">): RootPriority {
  return ({ hash }) => nodes.get(hash)?.priority;
}
