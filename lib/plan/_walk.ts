import { pooledMap } from "@std/async/pool";
import type { Hash } from "../core/hash.ts";
import { ARTIFACT, type Artifact } from "../task/artifact.ts";
import { specOf } from "../task/spec_of.ts";
import type { ForcedNodes, NodeState, StatusSource, TaskListing } from "./status.ts";
import { UNJUDGED, type Visit, visitOf } from "./_visit.ts";

/** What a {@link Walk} is made with. */
export interface WalkOptions {
  source: StatusSource;
  forced: ForcedNodes | undefined;
  concurrency: number;
  signal: AbortSignal | undefined;
}

/**
 * The walk from the roots downwards: which nodes there are and what has become of each. It goes on as far as it
 * can without waiting, then asks for all that it needs to know at once; so it waits as often as the deepest chain
 * of questions is long, whatever the number of nodes.
 */
export class Walk {
  /** Every node met, by hash. */
  readonly visits: Map<Hash, Visit> = new Map();
  readonly #options: WalkOptions;
  readonly #listings = new Map<string, TaskListing>();
  /** Met, but not looked at. */
  readonly #fresh: Visit[] = [];
  /** Cannot be judged before their task's folder is listed. */
  #unlisted: Visit[] = [];
  /** Cannot be judged without being opened. */
  #unasked: Visit[] = [];
  /** Looked through for forced nodes below what is not to be computed. */
  readonly #searched = new Set<Hash>();

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  /** Walks until every node that the roots need is known. */
  async run(roots: Iterable<Artifact>): Promise<void> {
    for (const root of roots) this.#meet(root);
    while (true) {
      for (let visit = this.#fresh.pop(); visit; visit = this.#fresh.pop()) this.#look(visit);
      if (this.#unlisted.length + this.#unasked.length === 0) return;
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
    this.visits.set(artifact.hash, visit);
    this.#fresh.push(visit);
    return visit;
  }

  /** Of two of one hash that counts which can be computed. */
  #replace(visit: Visit, artifact: Artifact): void {
    const { node } = visit;
    node.artifact = artifact;
    node.spec = specOf(artifact);
    if (node.status !== "TODO" || node.state === UNJUDGED) return;
    for (const dependency of artifact[ARTIFACT].dependencies) {
      if (!node.dependencies.includes(dependency.hash)) this.#join(visit, this.#meet(dependency));
    }
  }

  #look(visit: Visit): void {
    const { artifact, hash, name } = visit.node;
    const listing = this.#listings.get(name);
    if (!listing) {
      this.#unlisted.push(visit);
    } else if (this.#options.forced?.has(artifact)) {
      // Whoever may be computing it now: it is not this run, and only this run's result counts.
      if (listing.done.has(hash)) this.#unasked.push(visit);
      else this.#settle(visit, { status: "TODO" });
    } else if (listing.done.has(hash)) {
      if (this.#options.source.needsValidation(artifact)) this.#unasked.push(visit);
      else this.#settle(visit, { status: "DONE" });
    } else if (listing.open.has(hash)) {
      this.#unasked.push(visit);
    } else {
      this.#settle(visit, { status: "TODO" });
    }
  }

  /** Asks all that is not known, bounded, and judges by the answers. */
  async #ask(): Promise<void> {
    const unlisted = this.#unlisted, unasked = this.#unasked;
    this.#unlisted = [];
    this.#unasked = [];
    const names = new Set(unlisted.map((visit) => visit.node.name));
    await this.#each(
      names,
      (name) => this.#options.source.listTask(name),
      (name, listing) => this.#listings.set(name, listing),
    );
    for (const visit of unlisted) this.#fresh.push(visit);
    await this.#each(
      unasked,
      (visit) => this.#inspect(visit.node.artifact),
      (visit, state) => this.#settle(visit, state),
    );
  }

  async #inspect(artifact: Artifact): Promise<NodeState> {
    const { source, forced } = this.#options;
    if (!forced?.has(artifact)) return await source.inspect(artifact);
    if (await forced.done(artifact)) return { status: "DONE" };
    return { status: "TODO", why: "stored, but to be computed again since its task is forced" };
  }

  #settle(visit: Visit, state: NodeState): void {
    const { node } = visit;
    node.state = state;
    node.status = state.status;
    if (state.status === "TODO") {
      for (const dependency of node.artifact[ARTIFACT].dependencies) {
        this.#join(visit, this.#meet(dependency));
      }
    } else if (this.#options.forced) {
      this.#search(visit, this.#options.forced);
    }
  }

  /** Finds the nearest forced nodes below one that is not to be computed; what lies between does not matter. */
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

  /** Calls `ask` for each, several at the same time, and `take` in the order of the items; rethrows as thrown. */
  async #each<T, R>(
    items: Iterable<T>,
    ask: (item: T) => Promise<R>,
    take: (item: T, answer: R) => void,
  ): Promise<void> {
    let failure: { error: unknown } | undefined;
    const answers = pooledMap(this.#options.concurrency, items, async (item) => {
      // The pool hides errors in an AggregateError, and the one that names the file is what people need.
      try {
        // Once something failed the answers are of no use: the rest is not asked any more.
        if (!failure) return { item, answer: await ask(item) };
      } catch (error) {
        failure ??= { error };
      }
    });
    for await (const given of answers) {
      if (given && !failure) take(given.item, given.answer);
    }
    if (failure) throw failure.error;
  }
}
