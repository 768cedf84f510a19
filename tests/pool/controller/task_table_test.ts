import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ProtocolError } from "../../../lib/core/errors.ts";
import type { Hash } from "../../../lib/core/hash.ts";
import { type TaskEntry, type TaskEvent, TaskTable } from "../../../lib/pool/controller/task_table.ts";
import type { TaskName } from "../../../lib/queue/task_file.ts";

const hash = "a".repeat(32) as Hash;
const foreign = "b".repeat(32) as Hash;
/** The name after so many lost attempts. */
const name = (lost = 1): TaskName => ({ hash, attempt: 1, lost });

const found = (at: Extract<TaskEvent, { type: "found" }>["at"], lost = 1): TaskEvent => ({
  type: "found",
  name: name(lost),
  at,
});
const started: TaskEvent = { type: "started", hash };
const queued = (lost = 1): TaskEvent => ({ type: "queued", name: name(lost) });
const failed = (lost = 1): TaskEvent => ({ type: "failed", name: name(lost), countsAs: "lost" });
const done: TaskEvent = { type: "done", name: name() };
const busy: TaskEvent = { type: "busy", name: name() };
const withdrawn: TaskEvent = { type: "withdrawn", name: name() };
const arrived: TaskEvent = { type: "arrived", hash };
const dropped: TaskEvent = { type: "dropped", hash };
const missing: TaskEvent = { type: "missing", hash };

function table(events: readonly TaskEvent[]): TaskTable {
  const tasks = new TaskTable(new Map(), (each) => {
    if (each.hash === foreign) return undefined;
    return each.lacked === undefined ? "default" : "big";
  });
  for (const event of events) tasks.apply(event);
  return tasks;
}

/** `queued, open`: where a task is, what its failure counts as, and whether the scheduler waits for it. */
function text({ state, open }: TaskEntry): string {
  const told = state.at === "failed" && state.countsAs !== undefined ? " (told)" : "";
  return `${state.at}${told}${open ? ", open" : ""}`;
}

/** Every state, and how a task comes to be in it. Names have one lost attempt. */
const STATES: Readonly<Record<string, readonly TaskEvent[]>> = {
  "queued": [found("queued")],
  "queued, open": [found("queued"), started],
  "waiting": [found("queued"), started, busy],
  "waiting, open": [found("queued"), started, busy, started],
  "failed": [found("failed")],
  "failed, open": [found("failed"), started],
  "failed (told)": [found("queued"), started, failed()],
  "failed (told), open": [found("queued"), started, failed(), started],
  "done": [found("done")],
  "done, open": [found("done"), started],
  "withdrawn": [found("withdrawn")],
  "withdrawn, open": [found("withdrawn"), started],
};

/** The state after an event; `-` where it is refused, `throws` where it cannot happen. */
type Row = Readonly<Record<keyof typeof EVENTS, string>>;

const EVENTS = {
  started,
  queued: queued(),
  done,
  failed: failed(),
  busy,
  withdrawn,
  dropped,
  missing,
  foundQueued: found("queued"),
  foundWaiting: found("waiting"),
  foundFailed: found("failed"),
  foundDone: found("done"),
  foundWithdrawn: found("withdrawn"),
} as const;

/** What a task that is not open does: it is started, or listed somewhere. */
const closed = (at: string, change: Partial<Row> = {}): Row => ({
  started: `${at}, open`,
  queued: "-",
  done: "-",
  failed: "-",
  busy: "-",
  withdrawn: "-",
  dropped: "-",
  missing: "-",
  foundQueued: "queued",
  foundWaiting: "waiting",
  foundFailed: "failed",
  foundDone: "done",
  foundWithdrawn: "withdrawn",
  ...change,
});
/** What an open one does: it is queued, or ends; listings do not move it, but for one that somebody withdrew. */
const open = (at: string, change: Partial<Row> = {}): Row => ({
  started: "throws",
  queued: "queued, open",
  done: "done",
  failed: "failed (told)",
  busy: "waiting",
  withdrawn: "withdrawn",
  dropped: at,
  missing: "-",
  foundQueued: "-",
  foundWaiting: "-",
  foundFailed: "-",
  foundDone: "-",
  foundWithdrawn: "withdrawn, open",
  ...change,
});
const staysDone = {
  foundQueued: "-",
  foundWaiting: "-",
  foundFailed: "-",
  foundDone: "-",
  foundWithdrawn: "-",
};

const TRANSITIONS: Readonly<Record<string, Row>> = {
  "queued": closed("queued"),
  "queued, open": open("queued"),
  "waiting": closed("waiting"),
  "waiting, open": open("waiting"),
  "failed": closed("failed"),
  "failed, open": open("failed"),
  "failed (told)": closed("failed (told)", { foundFailed: "failed (told)" }),
  // The scheduler knows of that failure: it is told of the next one only.
  "failed (told), open": open("failed (told)", { failed: "-" }),
  "done": closed("done", staysDone),
  "done, open": open("done"),
  "withdrawn": closed("withdrawn"),
  "withdrawn, open": open("withdrawn"),
};

describe("TaskTable.apply()", () => {
  for (const [state, events] of Object.entries(STATES)) {
    it(`does to a task that is ${state} what the table of transitions says`, () => {
      assertEquals(text(table(events).get(hash)!), state, "the way to that state");
      const results = Object.entries(EVENTS).map(([key, event]) => {
        const tasks = table(events);
        try {
          const after = tasks.apply(event);
          if (!after) assertEquals(text(tasks.get(hash)!), state, `${key} is refused and changes nothing`);
          return [key, after ? text(after) : "-"];
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          return [key, "throws"];
        }
      });
      assertEquals(Object.fromEntries(results), TRANSITIONS[state]);
    });
  }

  it("opens a task that nobody has seen, which is in no folder yet", () => {
    const tasks = table([]);
    assertEquals(text(tasks.apply(started)!), "new, open");
    assertEquals(text(tasks.apply(queued())!), "queued, open");
  });

  it("refuses names of before, but for what is done or withdrawn", () => {
    const events = [found("queued", 2), started];
    for (const event of [queued(1), failed(1), busy]) {
      assertEquals(table(events).apply(event), undefined, event.type);
    }
    for (const event of [done, withdrawn]) assertEquals(table(events).apply(event)?.open, false, event.type);
    assertEquals(table([found("failed", 2)]).apply(found("waiting", 1)), undefined);
  });

  it("takes over a later name of an open task from a listing, and moves it nowhere", () => {
    const tasks = table([found("queued"), started]);
    tasks.apply(found("queued", 3));
    assertEquals(tasks.get(hash)?.name, name(3));
  });

  it("says that an open task has vanished after two listings in a row without it", () => {
    const tasks = table([found("queued"), started]);
    const looks = [missing, found("queued"), missing, missing, missing].map((event) =>
      tasks.apply(event) !== undefined
    );
    assertEquals(looks, [false, false, false, true, false]);
  });

  it("never says so of a task that is being put into the queue, however long that takes", () => {
    const tasks = table([started, queued()]);
    const looks = [missing, missing, missing, arrived, missing, missing].map((event) =>
      tasks.apply(event) !== undefined
    );
    assertEquals(looks, [false, false, false, true, false, true]);
  });

  it("counts how often a task was busy elsewhere", () => {
    const tasks = table([found("queued"), started, busy, started, queued(), busy]);
    assertEquals(tasks.get(hash)?.busy, 2);
  });

  it("knows how many tasks of each spec are open", () => {
    const tasks = table([found("queued"), started]);
    const before = { open: tasks.open, bySpec: Object.fromEntries(tasks.openBySpec) };
    tasks.apply(done);
    const after = { open: tasks.open, bySpec: Object.fromEntries(tasks.openBySpec) };
    assertEquals(before, { open: 1, bySpec: { default: 1 } });
    assertEquals(after, { open: 0, bySpec: { default: 0 } });
  });

  it("counts a task for the workers of the spec that its next name tells, also after too little", () => {
    const tooLittle: TaskEvent = { type: "failed", name: name(), countsAs: "memory" };
    const again: TaskEvent = { type: "queued", name: { ...name(), lacked: "m" } };
    const tasks = table([found("queued"), started, tooLittle, started, again]);
    assertEquals([tasks.get(hash)?.spec, tasks.open], ["big", 1]);
    assertEquals(Object.fromEntries(tasks.openBySpec), { default: 0, big: 1 });
    assertEquals(Object.fromEntries(tasks.queuedBySpec), { default: 0, big: 1 });
    assertEquals(tasks.apply({ ...tooLittle, name: name() }), undefined, "the listing is of before");
    tasks.apply({ type: "done", name: { ...name(), lacked: "m" } });
    assertEquals(Object.fromEntries(tasks.openBySpec), { default: 0, big: 0 });
    assertEquals(Object.fromEntries(tasks.queuedBySpec), { default: 0, big: 0 });
  });

  it("learns no task that is not of the run, and refuses to start one", () => {
    const tasks = table([]);
    const at = { hash: foreign, attempt: 1, lost: 0 };
    assertEquals(tasks.apply({ type: "found", name: at, at: "done" }), undefined);
    assertThrows(
      () => tasks.apply({ type: "started", hash: foreign }),
      ProtocolError,
      "no artifact of the run",
    );
  });
});
