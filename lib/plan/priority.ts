import type { Hash } from "../core/hash.ts";

/** What a node is ordered by. */
export interface Ranked {
  /** How many nodes the longest chain up to a root has. */
  readonly priority: number;
  /** Decides among those of equal priority, so that the order is the same each time. */
  readonly hash: Hash;
}

/** Compares nodes for sorting: the one with the longest chain behind it first, then by hash. */
export function byPriority(a: Ranked, b: Ranked): number {
  return b.priority - a.priority || (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0);
}
