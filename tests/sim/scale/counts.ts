/** What is done with files. A look at a file that is open asks no server and stands for itself. */
export const KINDS = [
  ...["read", "write", "link", "rename", "remove", "mkdir", "list", "stat", "open", "beat", "handle"],
] as const;

/** Where files are, as far as it matters who goes there how often. */
export const PLACES = [
  ...["todo", "running", "done", "failed", "waiting", "workers", "orders", "stop", "events", "role", "run"],
  "store",
] as const;

/** One of the {@link KINDS}. */
export type Kind = typeof KINDS[number];

/** Parts of the names in a run's folder, by which {@link placeOf} knows them. */
const PARTS: readonly [string, string][] = [
  ["queue/todo", "todo"],
  ["queue/running", "running"],
  ["queue/done", "done"],
  ["queue/failed", "failed"],
  ["queue/waiting", "waiting"],
  ["workers", "workers"],
  ["orders", "orders"],
  ["stop", "stop"],
  ["events", "events"],
  ["controller", "role"],
  ["ended", "role"],
];

/** Where a path is. @param run The run's folder, with a slash. */
export function placeOf(path: string, run: string): string {
  if (!path.startsWith(run)) return "store";
  if (path.endsWith(".leave.json")) return "orders";
  return PARTS.find(([part]) => path.startsWith(part, run.length))?.[1] ?? "run";
}

/** How often one process did what where. */
export class Counts {
  readonly #counts = new Map<string, number>();
  /** How many names listings showed. */
  names = 0;

  /** Counts one. */
  add(kind: string, place: string, times = 1): void {
    const key = `${kind} ${place}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + times);
  }

  /** Adds what another one counted. */
  addAll(other: Counts): void {
    for (const [key, times] of other.#counts) this.#counts.set(key, (this.#counts.get(key) ?? 0) + times);
    this.names += other.names;
  }

  /** What came since an earlier state of these. */
  since(before: Counts): Counts {
    const more = new Counts();
    for (const [key, times] of this.#counts) more.#counts.set(key, times - (before.#counts.get(key) ?? 0));
    more.names = this.names - before.names;
    return more;
  }

  /** All of them that are of some kinds or places; looks at what is open count only where they are asked for. */
  sum(which: (kind: string, place: string) => boolean = (kind) => kind !== "handle"): number {
    let sum = 0;
    for (const [key, times] of this.#counts) {
      const [kind = "", place = ""] = key.split(" ");
      if (which(kind, place)) sum += times;
    }
    return sum;
  }

  /** The most frequent ones first, each through a number. */
  text(per: number, least = 0.005): string {
    return [...this.#counts].map(([key, times]) => [key, times / per] as const)
      .filter(([, each]) => each >= least).sort(([, one], [, other]) => other - one)
      .map(([key, each]) => `${key} ${each.toFixed(2)}`).join(", ");
  }
}
