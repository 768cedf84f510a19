import { ValidationError } from "../../core/errors.ts";
import type { LimitUse } from "../../core/event.ts";
import { type LimitUnits, NO_UNITS } from "../../core/settings/limits.ts";
import { byRank, type Ranked } from "../../plan/node.ts";
import { limitFault } from "../../plan/limits.ts";
import { BinaryHeap } from "@std/data-structures/binary-heap";

/** Something that is to be started. */
export interface Startable extends Ranked {
  /** Its task's spec. */
  readonly spec: string;
  /** The units of limits that it takes. */
  readonly limits: LimitUnits;
  /** Where it stands: it is started while it is `ready`. */
  readonly phase: string;
  /** Whether an earlier process of the run has started it: then it runs, whatever there is room for. */
  begun: boolean;
}

/** Options of a {@link StartQueue}. */
export interface StartQueueOptions {
  /**
   * The most of a spec that may run at the same time.
   *
   * @default {no limit}
   */
  readonly limit?: (spec: string) => number;
  /**
   * The most of all specs together.
   *
   * @default {no limit}
   */
  readonly maxRunning?: number;
  /** How many more may be started than run. */
  readonly ahead?: () => number;
  /** The units that there are of each limit. */
  readonly limits?: LimitUnits | undefined;
}

/** How many of a spec run, and may. */
interface SpecCount {
  readonly most: number;
  running: number;
}

/** A limit, and how much of it is taken. */
interface Limit {
  readonly name: string;
  readonly units: number;
  used: number;
  /** Whether anything takes of it. */
  isNeeded: boolean;
}

/** Those that are ready and alike in what they need: either the first of them may start, or none. */
interface Kind<N> {
  readonly spec: SpecCount;
  readonly needs: readonly (readonly [limit: Limit, units: number])[];
  readonly ready: BinaryHeap<N>;
  /** The limits of which there was too little since the last one started: what comes free is kept for it. */
  readonly waitsFor: Set<Limit>;
}

/**
 * What may start, by the spec and the units of limits that it needs, and how much of both is taken.
 *
 * What waits for units keeps nobody else waiting, but for these: what comes free of a limit that it has
 * waited for, those that rank behind it get only beside its share. So one that needs many units, or units of
 * several limits, is not passed by others for ever. Each call is O(log nodes + kinds).
 */
export class StartQueue<N extends Startable> {
  /** The number of nodes that run. */
  running = 0;
  readonly #options: StartQueueOptions;
  readonly #maxRunning: number;
  readonly #specs = new Map<string, SpecCount>();
  readonly #limits = new Map<string, Limit>();
  readonly #kinds = new Map<string, Kind<N>>();
  #begun: N[] = [];

  /** @throws {ValidationError} For a limit that is no integer of at least 1. */
  constructor(options: StartQueueOptions) {
    this.#options = options;
    this.#maxRunning = checked(options.maxRunning ?? Infinity, "nodes");
    for (const [name, units] of Object.entries(options.limits ?? NO_UNITS)) {
      this.#limits.set(name, {
        name,
        units: checked(units, `units of limit '${name}'`),
        used: 0,
        isNeeded: false,
      });
    }
  }

  /**
   * Makes sure that a node can be run.
   *
   * @returns Why it never could, as it would wait for units for ever: goes on from "as it".
   * @throws {ValidationError} For the limit of its spec.
   */
  open({ spec, limits }: Pick<N, "spec" | "limits">): string | undefined {
    this.#spec(spec);
    if (limits === NO_UNITS) return undefined;
    const fault = limitFault(limits, this.#options.limits ?? NO_UNITS);
    if (fault === undefined) { for (const [limit] of this.#needs(limits)) limit.isNeeded = true; }
    return fault;
  }

  /** The node may start. */
  push(node: N): void {
    if (node.begun) this.#begun.push(node);
    else this.#kindOf(node).ready.push(node);
  }

  /** Takes out the nodes that may start now, the best first; each counts as running. */
  *start(): Generator<N, void> {
    for (const node of this.#begun.splice(0).sort(byRank)) {
      node.begun = false;
      if (node.phase === "ready") yield this.#take(node);
    }
    if (this.#isFull || this.#kinds.size === 0) return;
    const heads = new BinaryHeap<Kind<N>>((a, b) => byRank(a.ready.peek()!, b.ready.peek()!));
    for (const [key, kind] of this.#kinds) {
      if (headOf(kind)) heads.push(kind);
      else this.#kinds.delete(key);
    }
    const kept = new Map<Limit, number>();
    for (let kind = heads.pop(); kind && !this.#isFull; kind = heads.pop()) {
      const { spec, needs, ready, waitsFor } = kind;
      if (spec.running >= spec.most) continue;
      const short = needs.filter(([limit, units]) =>
        limit.units - limit.used - (kept.get(limit) ?? 0) < units
      );
      if (short.length > 0) {
        for (const [limit] of short) waitsFor.add(limit);
        for (const [limit, units] of needs) {
          if (waitsFor.has(limit)) kept.set(limit, (kept.get(limit) ?? 0) + units);
        }
        continue;
      }
      waitsFor.clear();
      yield this.#take(ready.pop()!);
      if (headOf(kind)) heads.push(kind);
    }
  }

  /** The attempt of a running node ended. */
  ended({ spec, limits }: N): void {
    this.#spec(spec).running--;
    this.running--;
    for (const [limit, units] of this.#needs(limits)) limit.used -= units;
  }

  /** How much is taken of each limit that is needed, and how many that are ready wait for it. */
  limitUse(): LimitUse[] {
    const needed = [...this.#limits.values()].filter(({ isNeeded }) => isNeeded);
    if (needed.length === 0) return [];
    const kinds = [...this.#kinds.values()].filter((kind) => headOf(kind));
    const short = new Set(
      kinds.flatMap(({ needs }) =>
        needs.flatMap(([limit, units]) => limit.units - limit.used < units ? [limit] : [])
      ),
    );
    const waiting = new Map<Limit, number>();
    for (const { needs, ready } of kinds) {
      for (const [limit] of needs) {
        if (short.has(limit)) waiting.set(limit, (waiting.get(limit) ?? 0) + ready.length);
      }
    }
    return needed.map((limit) => {
      const { name, units, used } = limit;
      return { name, units, used, waiting: waiting.get(limit) ?? 0 };
    });
  }

  get #isFull(): boolean {
    return this.running >= this.#maxRunning + (this.#options.ahead?.() ?? 0);
  }

  #take(node: N): N {
    this.#spec(node.spec).running++;
    this.running++;
    for (const [limit, units] of this.#needs(node.limits)) limit.used += units;
    return node;
  }

  #kindOf({ spec, limits }: N): Kind<N> {
    const key = limits === NO_UNITS ? spec : `${spec} ${JSON.stringify(limits)}`;
    let kind = this.#kinds.get(key);
    if (!kind) {
      const ready = new BinaryHeap<N>(byRank);
      kind = { spec: this.#spec(spec), needs: this.#needs(limits), ready, waitsFor: new Set() };
      this.#kinds.set(key, kind);
    }
    return kind;
  }

  #needs(limits: LimitUnits): Kind<N>["needs"] {
    if (limits === NO_UNITS) return NOTHING;
    return Object.entries(limits).map(([name, units]) => [this.#limits.get(name)!, units]);
  }

  #spec(spec: string): SpecCount {
    let count = this.#specs.get(spec);
    if (!count) {
      const most = checked(this.#options.limit?.(spec) ?? Infinity, `nodes of spec '${spec}'`);
      this.#specs.set(spec, count = { most, running: 0 });
    }
    return count;
  }
}

const NOTHING: readonly [] = [];

/**
 * The turn of a node, where several that were started wait for somebody to begin them: those that take units
 * of limits come first among those of their priority, since nobody else can use these meanwhile.
 */
export function turnOf({ priority, limits }: Pick<Startable, "priority" | "limits">): number {
  return 2 * priority + (limits === NO_UNITS ? 0 : 1);
}

/** The best of a kind, without those that came to be done by somebody else while they were queued. */
function headOf<N extends Startable>({ ready }: Kind<N>): N | undefined {
  let head = ready.peek();
  while (head && head.phase !== "ready") {
    ready.pop();
    head = ready.peek();
  }
  return head;
}

function checked(limit: number, of: string): number {
  if (limit === Infinity || (Number.isSafeInteger(limit) && limit >= 1)) return limit;
  throw new ValidationError(
    `Cannot limit how many ${of} run at the same time as it must be an integer of at least 1: ` +
      `current value is ${Deno.inspect(limit)}`,
  );
}
