import { ProtocolError } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import type { QueuedTask } from "../../queue/list_queue.ts";
import { parseTaskName, type TaskName } from "../../queue/task_name.ts";

/** Where a task is, as far as the controller knows; `new`: in no folder yet. */
export type Place = "new" | "queued" | "waiting" | "done" | "failed" | "withdrawn";

/** What the controller knows of a task. */
export interface TaskEntry {
  /** The artifact's hash. */
  readonly hash: Hash;
  /** Which workers may take it. */
  readonly spec: string;
  /** The name under which it is, with its counters. */
  name: TaskName;
  /** Where it is. */
  place: Place;
  /** Has the scheduler started it, and was not told yet how that ended? */
  open: boolean;
  /** As what its last failure counted, when the scheduler was told of it: decides its next name. */
  countsAs?: "compute" | "lost";
  /** How many listings in a row did not show it. */
  missing: number;
  /** How often somebody outside of the run computed it. */
  busy: number;
}

/** All that the controller remembers of its tasks. Everything in it can be read again from the files. */
export class TaskBook {
  readonly #entries = new Map<Hash, TaskEntry>();
  readonly #specOf: (hash: Hash) => string | undefined;
  readonly #open = new Map<string, number>();
  #opened = 0;

  /**
   * @param listed What lay in the queue when the controller began.
   * @param specOf The spec of a task; nothing for one that is not of the run.
   */
  constructor(listed: ReadonlyMap<Hash, QueuedTask>, specOf: (hash: Hash) => string | undefined) {
    this.#specOf = specOf;
    for (const { state, file } of listed.values()) {
      const name = parseTaskName(file);
      if (name) this.learn(name, state === "todo" || state === "running" ? "queued" : state);
    }
  }

  /** How many tasks the scheduler waits for. */
  get opened(): number {
    return this.#opened;
  }

  /** How many of a spec the scheduler waits for: what its workers are needed for. */
  openOf(spec: string): number {
    return this.#open.get(spec) ?? 0;
  }

  /** What is known of a task. */
  get(hash: Hash): TaskEntry | undefined {
    return this.#entries.get(hash);
  }

  /** Every task that is known. */
  entries(): Iterable<TaskEntry> {
    return this.#entries.values();
  }

  /** A task was seen that nobody knew of. Returns nothing for one that is not of the run. */
  learn(name: TaskName, place: Place): TaskEntry | undefined {
    const { hash } = name;
    const spec = this.#specOf(hash);
    if (spec === undefined) return undefined;
    const entry: TaskEntry = { hash, spec, name, place, open: false, missing: 0, busy: 0 };
    this.#entries.set(hash, entry);
    return entry;
  }

  /**
   * The scheduler has started a task.
   *
   * @throws {ProtocolError} for one that is not of the run.
   */
  open(hash: Hash): TaskEntry {
    const entry = this.#entries.get(hash) ?? this.learn({ hash, attempt: 1, lost: 0 }, "new");
    if (!entry) throw new ProtocolError(`Cannot start ${hash} as it is no artifact of the run`);
    if (!entry.open) this.#count(entry, 1);
    entry.open = true;
    entry.missing = 0;
    return entry;
  }

  /** The scheduler is told how that ended. Returns whether it waited for it. */
  close(entry: TaskEntry): boolean {
    if (!entry.open) return false;
    entry.open = false;
    this.#count(entry, -1);
    return true;
  }

  #count({ spec }: TaskEntry, by: 1 | -1): void {
    this.#opened += by;
    this.#open.set(spec, this.openOf(spec) + by);
  }
}

/** How often a task came back: the later of two names of one task has more of them. */
export function endsOf({ attempt, lost }: TaskName): number {
  return attempt - 1 + lost;
}
