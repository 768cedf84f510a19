/** So many bad starts in a row exclude a node. */
const BAD_IN_A_ROW = 2;

/** Which nodes cannot start tasks, so that no more workers are sent there by this run. */
export class NodeHealth {
  readonly #bad = new Map<string, number>();
  readonly #excluded = new Map<string, string>();
  readonly #onExclude: (node: string, why: string) => void;

  /** @param onExclude Told of each node when it is excluded, with the last reason. */
  constructor(onExclude: (node: string, why: string) => void) {
    this.#onExclude = onExclude;
  }

  /** Nodes on which workers or tasks could not start, twice in a row. */
  get excluded(): readonly string[] {
    return [...this.#excluded.keys()];
  }

  /** Which nodes are excluded and why, for people; `undefined` where none is. */
  get complaint(): string | undefined {
    if (this.#excluded.size === 0) return undefined;
    const lines = [...this.#excluded].map(([node, why]) => `  ${node}: ${why}`);
    return ["nodes that the run does not use any more, as nothing can start there:", ...lines].join("\n");
  }

  /** Is there a node that something could not start on? */
  get suspects(): boolean {
    return this.#bad.size > 0;
  }

  /** A worker, or a task, could not start on a node. */
  bad(node: string, why: string): void {
    const times = (this.#bad.get(node) ?? 0) + 1;
    this.#bad.set(node, times);
    if (times < BAD_IN_A_ROW || this.#excluded.has(node)) return;
    this.#excluded.set(node, why);
    this.#onExclude(node, why);
  }

  /** A task did start on a node. */
  good(node: string): void {
    this.#bad.delete(node);
  }

  /** All nodes may be used again; each is excluded after as many bad starts as the first time. */
  pardon(): void {
    this.#excluded.clear();
    this.#bad.clear();
  }
}
