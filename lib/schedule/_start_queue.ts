import { BinaryHeap } from "@std/data-structures/binary-heap";
import { ValidationError } from "../core/errors.ts";
import { byPriority } from "../plan/node.ts";
import type { WorkNode } from "./_work_graph.ts";

interface SpecQueue {
  readonly limit: number;
  readonly ready: BinaryHeap<WorkNode>;
  running: number;
}

/** The nodes that may start, by spec, and how many of each spec run. Every call is O(log nodes + specs). */
export class StartQueue {
  /** How many nodes run. */
  running = 0;
  readonly #queues = new Map<string, SpecQueue>();
  readonly #limit: (spec: string) => number;
  readonly #maxRunning: number;

  /** @throws ValidationError for a limit that is no integer of at least 1. */
  constructor(limit: (spec: string) => number, maxRunning: number) {
    this.#limit = limit;
    this.#maxRunning = checked(maxRunning, "nodes");
  }

  /** Makes sure that a spec can be run. @throws ValidationError for its limit. */
  open(spec: string): void {
    this.#queue(spec);
  }

  /** The node may start. */
  push(node: WorkNode): void {
    node.phase = "ready";
    this.#queue(node.spec).ready.push(node);
  }

  /** Takes out the best node that may run now; it counts as running. */
  start(): WorkNode | undefined {
    if (this.running >= this.#maxRunning) return undefined;
    let best: SpecQueue | undefined, first: WorkNode | undefined;
    for (const queue of this.#queues.values()) {
      if (queue.running >= queue.limit) continue;
      const head = headOf(queue);
      if (head && (!first || byPriority(head, first) < 0)) {
        best = queue;
        first = head;
      }
    }
    if (!best || !first) return undefined;
    best.ready.pop();
    best.running++;
    this.running++;
    first.phase = "running";
    return first;
  }

  /** The attempt of a running node ended. */
  ended(node: WorkNode): void {
    this.#queue(node.spec).running--;
    this.running--;
  }

  #queue(spec: string): SpecQueue {
    let queue = this.#queues.get(spec);
    if (!queue) {
      const limit = checked(this.#limit(spec), `nodes of spec '${spec}'`);
      queue = { limit, ready: new BinaryHeap<WorkNode>(byPriority), running: 0 };
      this.#queues.set(spec, queue);
    }
    return queue;
  }
}

/** The best node of a queue, without those that came to be done by somebody else while they were queued. */
function headOf({ ready }: SpecQueue): WorkNode | undefined {
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
