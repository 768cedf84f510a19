import { ProtocolError } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import type { QueuedTask } from "../../queue/queue.ts";
import { type CountsAs, endsOf, parseTaskName, type TaskName } from "../../queue/task_file.ts";

/** Where a task is, as far as the controller knows. */
export type TaskState =
  /** In no folder yet. */
  | { readonly at: "new" }
  /** In `todo`, or at a worker. */
  | { readonly at: "queued" }
  /** Given back, as somebody outside of the run computes it. */
  | { readonly at: "waiting" }
  /** `countsAs` is there once the scheduler was told, and decides the task's next name. */
  | { readonly at: "failed"; readonly countsAs?: CountsAs | undefined }
  | { readonly at: "done" }
  /** Taken back before a worker claimed it. */
  | { readonly at: "withdrawn" };

/** A task, as the controller knows it. Only {@link TaskTable.apply} changes it. */
export interface TaskEntry {
  /** The artifact's hash. */
  readonly hash: Hash;
  /** Which workers may take it: as its name says. */
  readonly spec: string;
  /** The name of its file, with its counters. */
  readonly name: TaskName;
  /** Where it is. */
  readonly state: TaskState;
  /** Whether the scheduler has started it and was not told yet how that ended. */
  readonly open: boolean;
  /** How often somebody outside of the run computed it. */
  readonly busy: number;
}

/** Something that happens to a task. */
export type TaskEvent =
  /** Its file was listed in a folder. */
  | { readonly type: "found"; readonly name: TaskName; readonly at: Exclude<TaskState["at"], "new"> }
  /** A listing of all folders did not show it. */
  | { readonly type: "missing"; readonly hash: Hash }
  /** The scheduler starts it, and waits for how that ends. `turn` is for a file that is not there yet. */
  | { readonly type: "started"; readonly hash: Hash; readonly turn?: number | undefined }
  /** It is about to be put into `todo`, which may take long: until `arrived` no folder need show it. */
  | { readonly type: "queued"; readonly name: TaskName }
  /** Putting it into `todo` has ended, well or not. */
  | { readonly type: "arrived"; readonly hash: Hash }
  /** Its result was read. */
  | { readonly type: "done"; readonly name: TaskName }
  /** How it failed was read. `countsAs` is missing where it is not tried again. */
  | { readonly type: "failed"; readonly name: TaskName; readonly countsAs?: CountsAs | undefined }
  /** A worker gave it back, as somebody outside of the run computes it. */
  | { readonly type: "busy"; readonly name: TaskName }
  /** It was taken out of `todo`. */
  | { readonly type: "withdrawn"; readonly name: TaskName }
  /** It will not be put into `todo`, as nothing new begins any more. */
  | { readonly type: "dropped"; readonly hash: Hash };

type Row = { -readonly [Key in keyof TaskEntry]: TaskEntry[Key] } & {
  /** So many listings in a row have not shown it. */
  missing: number;
  /** So many moves of it into `todo` are under way. */
  arriving: number;
};

/**
 * A task that is in none of the folders in so many listings in a row has vanished: one listing can be old.
 */
const LISTINGS = 2;

/**
 * All that the controller remembers of its tasks. Everything in it can be read again from the files.
 *
 * ```text
 *               queued                        done
 *   NEW ------------------> QUEUED --------------------------> DONE
 *                           ^ ^ ^ |
 *                    queued | | | |  busy
 *   WAITING ----------------' | | +--------------------------> WAITING
 *                      queued | | |  failed
 *   FAILED (next name) -------' | +--------------------------> FAILED
 *                        queued | |  withdrawn
 *   WITHDRAWN ------------------' '--------------------------> WITHDRAWN
 * ```
 *
 * Beside its state a task is open or not. `started` opens it; `done`, `failed`, `busy`, `withdrawn` and
 * `dropped` close it and are for open tasks only: the scheduler is told of each start once. What is listed
 * (`found`) moves a task that is not open; an open one only where somebody else withdrew it, since how it
 * ended is read first. What is done stays done. A name with fewer ends than the known one is of before, and
 * is refused.
 */
export class TaskTable {
  readonly #rows = new Map<Hash, Row>();
  readonly #specOf: (name: TaskName) => string | undefined;
  readonly #openBySpec = new Map<string, number>();
  readonly #queuedBySpec = new Map<string, number>();
  #open = 0;

  /**
   * @param listed What lay in the queue when the controller began.
   * @param specOf The spec of a task by its name; nothing for one that is not of the run.
   */
  constructor(listed: ReadonlyMap<Hash, QueuedTask>, specOf: (name: TaskName) => string | undefined) {
    this.#specOf = specOf;
    for (const { state, file } of listed.values()) {
      const name = parseTaskName(file);
      if (name) this.apply({ type: "found", name, at: stateOf(state) });
    }
  }

  /** How many tasks the scheduler waits for. */
  get open(): number {
    return this.#open;
  }

  /** How many of each spec the scheduler waits for: what its workers are needed for. */
  get openBySpec(): ReadonlyMap<string, number> {
    return this.#openBySpec;
  }

  /** How many of those are in the queue or at workers. */
  get queuedBySpec(): ReadonlyMap<string, number> {
    return this.#queuedBySpec;
  }

  /** A task, where it is known. */
  get(hash: Hash): TaskEntry | undefined {
    return this.#rows.get(hash);
  }

  /** Every task that is known. */
  tasks(): Iterable<TaskEntry> {
    return this.#rows.values();
  }

  /**
   * Changes a task: the only place where one is changed.
   *
   * @returns The task where the event had its effect; nothing where it is refused, since it comes too late.
   * @throws {ProtocolError} If a task is started that is open already, or is not of the run.
   */
  apply(event: TaskEvent): TaskEntry | undefined {
    const hash = "hash" in event ? event.hash : event.name.hash;
    const row = this.#rows.get(hash) ?? this.#learn(event, hash);
    if (!row) return undefined;
    const { spec, open } = row, queued = isQueued(row);
    const changed = this.#change(row, event);
    // Under another name it may be for workers of another spec.
    add(this.#openBySpec, spec, -Number(open));
    add(this.#openBySpec, row.spec, Number(row.open));
    add(this.#queuedBySpec, spec, -Number(queued));
    add(this.#queuedBySpec, row.spec, Number(isQueued(row)));
    this.#open += Number(row.open) - Number(open);
    return changed;
  }

  #change(row: Row, event: TaskEvent): TaskEntry | undefined {
    switch (event.type) {
      case "found":
        return this.#found(row, event);
      case "missing":
        if (!row.open || row.arriving > 0 || ++row.missing < LISTINGS) return undefined;
        row.missing = 0;
        return row;
      case "started":
        if (row.open) throw new ProtocolError(`Cannot start ${row.hash} again as it has not ended`);
        row.missing = 0;
        if (row.state.at === "new" && event.turn) row.name = { ...row.name, turn: event.turn };
        row.open = true;
        return row;
      case "queued":
        if (!row.open || endsOf(event.name) < endsOf(row.name)) return undefined;
        row.arriving++;
        return this.#move(row, event.name, { at: "queued" });
      case "arrived":
        row.arriving--;
        row.missing = 0;
        return row;
      case "done":
        return this.#close(row, event.name, { at: "done" });
      case "failed":
        if (isOld(row, event)) return undefined;
        return this.#close(row, event.name, { at: "failed", countsAs: event.countsAs });
      case "busy":
        if (isOld(row, event) || !this.#close(row, event.name, { at: "waiting" })) return undefined;
        row.busy++;
        return row;
      case "withdrawn":
        return this.#close(row, event.name, { at: "withdrawn" });
      case "dropped":
        return this.#close(row, row.name, row.state);
    }
  }

  /**
   * Whether a file that was listed in a folder tells nothing new: the listing is old, or the scheduler knows.
   */
  isOld(at: "done" | "failed" | "waiting", name: TaskName): boolean {
    const row = this.#rows.get(name.hash);
    if (!row || at === "done") return false;
    return isOld(row, { type: at === "failed" ? "failed" : "busy", name });
  }

  #found(row: Row, { name, at }: Extract<TaskEvent, { type: "found" }>): TaskEntry | undefined {
    row.missing = 0;
    const isBefore = endsOf(name) < endsOf(row.name);
    if (row.open) {
      if (at === "withdrawn") return this.#move(row, name, { at });
      if (at === "queued" && !isBefore) this.#rename(row, name);
      return undefined;
    }
    if (row.state.at === "done" || (at !== "done" && isBefore)) return undefined;
    const state = row.state.at === "failed" && at === "failed" ? row.state : { at };
    return this.#move(row, name, state);
  }

  #move(row: Row, name: TaskName, state: TaskState): TaskEntry {
    Object.assign(row, { state, missing: 0 });
    this.#rename(row, name);
    return row;
  }

  #rename(row: Row, name: TaskName): void {
    row.name = name;
    row.spec = this.#specOf(name) ?? row.spec;
  }

  #close(row: Row, name: TaskName, state: TaskState): TaskEntry | undefined {
    if (!row.open) return undefined;
    row.open = false;
    return this.#move(row, name, state);
  }

  /** A task that nobody knew of is learnt from a listing, or when the scheduler starts it. */
  #learn(event: TaskEvent, hash: Hash): Row | undefined {
    if (event.type !== "found" && event.type !== "started") return undefined;
    const name = event.type === "found" ? event.name : { hash, attempt: 1, lost: 0 };
    const spec = this.#specOf(name);
    if (spec === undefined) {
      if (event.type === "found") return undefined;
      throw new ProtocolError(`Cannot start ${hash} as it is no artifact of the run`);
    }
    const row: Row = {
      hash,
      spec,
      name,
      state: { at: "new" },
      open: false,
      missing: 0,
      arriving: 0,
      busy: 0,
    };
    this.#rows.set(hash, row);
    return row;
  }
}

function isQueued({ open, state }: Row): boolean {
  return open && state.at === "queued";
}

function add(counts: Map<string, number>, spec: string, count: number): void {
  if (count !== 0) counts.set(spec, (counts.get(spec) ?? 0) + count);
}

/** A failure that the scheduler was told of is as old as a name with fewer ends. */
function isOld({ name, state }: Row, event: { type: "failed" | "busy"; name: TaskName }): boolean {
  const isTold = event.type === "failed" && state.at === "failed" && state.countsAs !== undefined;
  return endsOf(event.name) < endsOf(name) + (isTold ? 1 : 0);
}

function stateOf(state: QueuedTask["state"]): Exclude<TaskState["at"], "new"> {
  return state === "todo" || state === "running" ? "queued" : state;
}
