import type { Hash } from "../core/hash.ts";
import { plural } from "../ui/text.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { dependents } from "./forced.ts";
import type { ForcedNodes, PlanNode, StatusSource } from "./node.ts";
import type { TaskListing } from "../store/store.ts";

/**
 * The artifacts that are computed again since their task is forced, and the stored results that depend on
 * them and stay.
 */
export interface KeptResults {
  /** The number of artifacts that are computed again, by their task's name. */
  readonly forced: Readonly<Record<string, number>>;
  /** The number of stored results that depend on them, by their task's name. */
  readonly kept: Readonly<Record<string, number>>;
}

/**
 * Looks for stored results that stay although they depend, over however many steps, on what is computed
 * again; also below what is stored, where a plan does not look.
 *
 * @returns Nothing where none stays.
 */
export async function keptResults(
  roots: Iterable<Artifact>,
  nodes: ReadonlyMap<Hash, PlanNode>,
  forced: ForcedNodes,
  source: Pick<StatusSource, "listTask">,
): Promise<KeptResults | undefined> {
  const again = new Set<Hash>();
  for (const { hash, artifact, status } of nodes.values()) {
    if (status === "TODO" && forced.has(artifact)) again.add(hash);
  }
  if (again.size === 0) return undefined;
  const kept = new Map<string, number>();
  const listings = new Map<string, TaskListing>();
  for (const artifact of dependents(roots, again)) {
    const { name, hash } = artifact;
    if (forced.has(artifact)) continue;
    const node = nodes.get(hash);
    let isStored = node?.status === "DONE";
    if (node === undefined) {
      let listing = listings.get(name);
      if (!listing) listings.set(name, listing = await source.listTask(name));
      isStored = listing.done.has(hash);
    }
    if (isStored) count(kept, name);
  }
  if (kept.size === 0) return undefined;
  const computed = new Map<string, number>();
  for (const hash of again) count(computed, nodes.get(hash)!.name);
  return { forced: Object.fromEntries(computed), kept: Object.fromEntries(kept) };
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** The most tasks that are named. */
const NAMED = 6;

/** Says which results stay although they depend on what is computed again. */
export function keptText({ forced, kept }: KeptResults): string {
  const again = sum(forced);
  const stay = sum(kept);
  const names = Object.keys(kept).sort((a, b) => kept[b]! - kept[a]! || (a < b ? -1 : 1));
  const rest = names.length - NAMED;
  const list = names.slice(0, NAMED).map((name) => `${name} (${kept[name]})`).join(", ");
  return `forced: ${plural(again, "artifact")} of ${Object.keys(forced).slice(0, NAMED).join(", ")} ` +
    `${again === 1 ? "is" : "are"} computed again, and ${plural(stay, "stored result")} that ` +
    `${
      stay === 1
        ? "depends on it stays as it is"
        : `depend on ${again === 1 ? "it" : "them"} stay as they are`
    }: ` +
    `${list}${rest > 0 ? `, and of ${plural(rest, "other task")}` : ""}; ` +
    `to compute ${stay === 1 ? "that" : "those"} again, too: --force-dependents (option forceDependents)`;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}
