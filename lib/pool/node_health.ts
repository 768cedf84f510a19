/** So many bad starts in a row exclude a node. */
const BAD_IN_A_ROW = 2;

/** Which nodes cannot start tasks, so that no more workers are sent there by this run. */
export class NodeHealth {
  readonly #bad = new Map<string, number>();
  readonly #excluded = new Set<string>();
  readonly #onExclude: (node: string, why: string) => void;

  /** @param onExclude Told once of each node that is excluded, with the last reason. */
  constructor(onExclude: (node: string, why: string) => void) {
    this.#onExclude = onExclude;
  }

  /** Nodes on which workers or tasks could not start, twice in a row. */
  get excluded(): readonly string[] {
    return [...this.#excluded];
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
    this.#excluded.add(node);
    this.#onExclude(node, why);
  }

  /** A task did start on a node. */
  good(node: string): void {
    this.#bad.delete(node);
  }
}
