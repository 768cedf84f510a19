import { errorText, furuErrorName, isSystemError, ValidationError } from "../core/errors.ts";
import { artifactLabel, chainText, type Hash } from "../core/hash.ts";
import type { LimitUnits } from "../core/settings/limits.ts";
import { limitsOf, priorityOf } from "../task/limits.ts";
import { ARTIFACT, type Artifact, type TaskUsage } from "../task/artifact/artifact.ts";
import { lackedBefore, specAfter, type SpecNeeds } from "../task/ladder.ts";
import { learnUsage, specNeeds, UsageWanted } from "../task/requirements.ts";
import { toleratedOf } from "../task/tolerated.ts";
import type { ForcedNodes, NodeState, PlanNode, StatusSource } from "./node.ts";
import type { TaskListing } from "../store/store.ts";

/**
 * The most stored roots that are opened. A damaged root is none, and nobody else would open it.
 */
const OPENED_ROOTS = 1000;

/** Options of a {@link Walk}. */
export interface WalkOptions {
  source: StatusSource;
  forced: ForcedNodes | undefined;
  concurrency: number;
  signal: AbortSignal | undefined;
}

type Unreadable = Extract<NodeState, { status: "FAILED" }>;

/**
 * What cannot be read is a state of the nodes that it concerns, never the end of a plan. Any other error is
 * one.
 */
function unreadable(error: unknown): Unreadable {
  const own = furuErrorName(error);
  if (own === undefined ? !isSystemError(error) : own !== "StoreError") throw error;
  return { status: "FAILED", error: errorText(error), unreadable: true };
}

/**
 * The walk from the roots downwards: which nodes there are and what has become of each. It goes on as far as
 * it can without waiting, then asks for all that it needs to know at once; so it waits as often as the
 * deepest chain of questions is long, whatever the number of nodes.
 */
export class Walk {
  /** Every node met, by hash. */
  readonly visits: Map<Hash, Visit> = new Map();
  readonly #options: WalkOptions;
  readonly #listings = new Map<string, TaskListing | Unreadable>();
  readonly #opened = new Set<Hash>();
  /** Met, but not looked at. */
  readonly #fresh: Visit[] = [];
  /** Cannot be judged before their task's folder is listed. */
  #unlisted: Visit[] = [];
  /** Cannot be judged without being opened. */
  #unasked: Visit[] = [];
  /** Their `spec` functions ask for what earlier artifacts took. */
  readonly #unspecified: Visit[] = [];
  /** That, by task. */
  readonly #usages = new Map<string, TaskUsage>();
  /** Looked through for forced nodes below what is not to be computed. */
  readonly #searched = new Set<Hash>();

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  /**
   * Walks until every node that the roots need is known.
   *
   * @throws {ValidationError} If the `spec` of one is bad.
   */
  async run(roots: Iterable<Artifact>): Promise<void> {
    for (const root of roots) {
      if (this.#opened.size < OPENED_ROOTS) this.#opened.add(root.hash);
      this.#meet(root);
    }
    while (true) {
      for (let visit = this.#fresh.pop(); visit; visit = this.#fresh.pop()) this.#look(visit);
      if (this.#unlisted.length + this.#unasked.length === 0) return await this.#readUsages();
      this.#options.signal?.throwIfAborted();
      await this.#ask();
    }
  }

  #meet(artifact: Artifact): Visit {
    const known = this.visits.get(artifact.hash);
    if (known) {
      if (known.node.artifact[ARTIFACT].loadOnly && !artifact[ARTIFACT].loadOnly) {
        this.#replace(known, artifact);
      }
      return known;
    }
    const visit = visitOf(artifact);
    this.#specify(visit);
    this.visits.set(artifact.hash, visit);
    this.#fresh.push(visit);
    return visit;
  }

  /** Finds out which specs a node needs, now or when what they depend on was read. */
  #specify(visit: Visit): void {
    const { node } = visit;
    try {
      const needs = specNeeds(node.artifact, this.#usages);
      node.spec = needs.spec;
      if (needs.ladder === undefined) return;
      node.specs = needs;
      const { tooLittle = [] } = node.state.status === "TODO" ? node.state : {};
      if (tooLittle.length > 0) node.spec = specAfter(needs, lackedBefore(needs, tooLittle));
    } catch (error) {
      if (!(error instanceof UsageWanted)) throw error;
      this.#unspecified.push(visit);
    }
  }

  /** Of two of one hash that counts which can be computed. */
  #replace(visit: Visit, artifact: Artifact): void {
    const { node } = visit;
    node.artifact = artifact;
    node.limits = limitsOf(artifact);
    node.tolerates = toleratedOf(artifact);
    this.#specify(visit);
    if (node.status !== "TODO" || node.state === UNJUDGED) return;
    for (const dependency of artifact[ARTIFACT].dependencies) {
      if (!node.dependencies.includes(dependency.hash)) this.#join(visit, this.#meet(dependency));
    }
  }

  #look(visit: Visit): void {
    const { artifact, hash, name } = visit.node;
    const listing = this.#listings.get(name);
    if (!listing || !("status" in listing) && listing.only?.has(hash) === false) {
      this.#unlisted.push(visit);
    } else if ("status" in listing) {
      this.#settle(visit, listing);
    } else if (this.#options.forced?.has(artifact)) {
      // Somebody else may be computing it now, but only this run's result counts.
      if (listing.done.has(hash)) this.#unasked.push(visit);
      else this.#settle(visit, { status: "TODO", reason: "forced" });
    } else if (listing.done.has(hash)) {
      if (this.#opened.has(hash) || this.#options.source.needsValidation(artifact)) this.#unasked.push(visit);
      else this.#settle(visit, { status: "DONE" });
    } else if (listing.open.has(hash)) {
      this.#unasked.push(visit);
    } else {
      this.#settle(visit, { status: "TODO", reason: "missing" });
    }
  }

  /** Asks all that is not known, bounded, and judges by the answers. */
  async #ask(): Promise<void> {
    const unlisted = this.#unlisted, unasked = this.#unasked;
    this.#unlisted = [];
    this.#unasked = [];
    const wanted = Map.groupBy(unlisted, ({ node }) => node.name);
    await this.#each(
      wanted,
      ([name, visits]) =>
        this.#options.source.listTask(name, visits.map(({ node }) => node.hash)).catch(unreadable),
      ([name], listing) => this.#listings.set(name, listing),
    );
    for (const visit of unlisted) this.#fresh.push(visit);
    await this.#each(
      unasked,
      (visit) => this.#inspect(visit.node.artifact).catch(unreadable),
      (visit, state) => this.#settle(visit, state),
    );
  }

  /** Reads what `spec` functions ask for, but those of what is stored. */
  async #readUsages(): Promise<void> {
    const visits = this.#unspecified.filter(({ node }) => node.status !== "DONE");
    await this.#each(
      Map.groupBy(visits, ({ node }) => node.name),
      async ([name, [visit]]): Promise<TaskUsage> => {
        const usage = await this.#options.source.usage?.(name) ?? { count: 0 };
        learnUsage(visit!.node.artifact, usage);
        return usage;
      },
      ([name], usage) => this.#usages.set(name, usage),
    );
    for (const visit of visits) this.#specify(visit);
  }

  async #inspect(artifact: Artifact): Promise<NodeState> {
    const { source, forced } = this.#options;
    if (!forced?.has(artifact)) return await source.inspect(artifact);
    if (await forced.done(artifact)) return { status: "DONE" };
    return {
      status: "TODO",
      reason: "forced",
      detail: `stored, but to be computed again since ${forced.why?.(artifact) ?? "its task is forced"}`,
    };
  }

  #settle(visit: Visit, state: NodeState): void {
    const { node } = visit;
    node.state = state;
    node.status = state.status;
    if (state.status === "TODO") {
      if (state.tooLittle !== undefined) this.#specify(visit);
      for (const dependency of node.artifact[ARTIFACT].dependencies) {
        // It may be from there that this one is partial.
        if (state.reason === "partial") this.#opened.add(dependency.hash);
        this.#join(visit, this.#meet(dependency));
      }
    } else if (this.#options.forced) {
      this.#search(visit, this.#options.forced);
    }
  }

  /**
   * Finds the nearest forced nodes below one that is not to be computed; what lies between does not matter.
   */
  #search(visit: Visit, forced: ForcedNodes): void {
    const stack = [...visit.node.artifact[ARTIFACT].dependencies];
    for (let artifact = stack.pop(); artifact; artifact = stack.pop()) {
      if (this.#searched.has(artifact.hash)) continue;
      this.#searched.add(artifact.hash);
      if (forced.has(artifact)) this.#join(visit, this.#meet(artifact));
      else for (const dependency of artifact[ARTIFACT].dependencies) stack.push(dependency);
    }
  }

  #join(dependent: Visit, dependency: Visit): void {
    dependent.below.push(dependency);
    dependent.node.dependencies.push(dependency.node.hash);
    dependency.node.dependents.push(dependent.node.hash);
  }

  /**
   * Calls `ask` for each, several at the same time, and `take` in the order of the items; rethrows as thrown.
   */
  async #each<T, R>(
    items: Iterable<T>,
    ask: (item: T) => Promise<R>,
    take: (item: T, answer: R) => void,
  ): Promise<void> {
    const all = [...items];
    const answers: R[] = new Array(all.length);
    let next = 0;
    let failure: { error: unknown } | undefined;
    // By hand: for the thousand roots of a run that is up to date a pool of promises costs more than the
    // looks.
    const lane = async (): Promise<void> => {
      // Once something failed the answers are of no use: the rest is not asked any more.
      while (next < all.length && !failure) {
        const i = next++;
        try {
          answers[i] = await ask(all[i]!);
        } catch (error) {
          failure ??= { error };
        }
      }
    };
    await Promise.all(Array.from({ length: Math.min(this.#options.concurrency, all.length) }, lane));
    if (failure) throw (failure as { error: unknown }).error;
    all.forEach((item, i) => take(item, answers[i]!));
  }
}

/** A node while the plan is being made: it becomes a {@link PlanNode} as it is. */
export interface DraftNode extends PlanNode {
  artifact: Artifact;
  spec: string;
  specs?: SpecNeeds;
  status: NodeState["status"];
  state: NodeState;
  dependencies: Hash[];
  dependents: Hash[];
  limits: LimitUnits;
  tolerates?: ReadonlySet<Hash> | undefined;
  priority: number;
  height: number;
}

/** A node during the walk. */
export interface Visit {
  readonly node: DraftNode;
  /** The dependencies once more, so that ranking them looks nothing up. */
  readonly below: Visit[];
  /** Dependents that are not ranked yet. */
  unranked: number;
}

/** The state of a node before it is judged. */
export const UNJUDGED: NodeState = { status: "TODO", reason: "missing" };

/**
 * The visit of an artifact of which nothing is known yet.
 *
 * @throws {ValidationError} If its `limits` are bad.
 */
export function visitOf(artifact: Artifact): Visit {
  const node: DraftNode = {
    artifact,
    hash: artifact.hash,
    name: artifact.name,
    status: UNJUDGED.status,
    state: UNJUDGED,
    spec: "default",
    dependencies: [],
    dependents: [],
    limits: limitsOf(artifact),
    priority: -Infinity,
    height: 0,
  };
  const tolerates = toleratedOf(artifact);
  if (tolerates.size > 0) node.tolerates = tolerates;
  return { node, below: [], unranked: 0 };
}

/**
 * Gives each node its priority, the highest of its own and of those that depend on it, and its height, the
 * length of the longest chain up to a root, in O(nodes + edges): Kahn's algorithm from the roots downwards.
 *
 * @param roots Those that were asked for: without a word of its own a root has priority 0.
 * @param priority Gives those of roots.
 * @throws {ValidationError} If there is a cycle, which it names, or if a priority is none.
 */
export function rank(
  visits: ReadonlyMap<Hash, Visit>,
  roots: ReadonlyMap<Hash, Artifact> = new Map(),
  priority?: (root: Artifact) => number | undefined,
): void {
  for (const { below } of visits.values()) {
    for (const dependency of below) dependency.unranked++;
  }
  const ranked = [...visits.values()].filter((visit) => visit.unranked === 0);
  // `ranked` grows while it is walked through: what is behind the index waits for its own dependencies' turn.
  for (let i = 0; i < ranked.length; i++) {
    const { node, below } = ranked[i]!;
    const isRoot = node.dependents.length === 0 || roots.has(node.hash);
    const own = (isRoot ? priority?.(node.artifact) : undefined) ?? priorityOf(node.artifact);
    node.priority = Math.max(node.priority, own ?? (isRoot ? 0 : -Infinity));
    for (const dependency of below) {
      dependency.node.priority = Math.max(dependency.node.priority, node.priority);
      dependency.node.height = Math.max(dependency.node.height, node.height + 1);
      if (--dependency.unranked === 0) ranked.push(dependency);
    }
  }
  if (ranked.length < visits.size) throw cycleError(visits);
}

/** Every unranked node has an unranked dependent, so that going upwards among them ends in a cycle. */
function cycleError(visits: ReadonlyMap<Hash, Visit>): ValidationError {
  const path: Visit[] = [];
  const place = new Map<Visit, number>();
  let at = [...visits.values()].find((visit) => visit.unranked > 0)!;
  while (!place.has(at)) {
    place.set(at, path.length);
    path.push(at);
    at = at.node.dependents.map((hash) => visits.get(hash)!).find((visit) => visit.unranked > 0)!;
  }
  // Downwards, beginning and ending with the same node.
  const cycle = [at, ...path.slice(place.get(at)!).reverse()];
  const labels = cycle.map(({ node }) => artifactLabel(node.name, node.hash));
  return new ValidationError(
    `Cannot plan as an artifact must not depend on itself: ${chainText(labels)} is a cycle`,
    { artifact: labels[0]! },
  );
}
