import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path/posix/join";
import { describe, it } from "@std/testing/bdd";
import { readFailure, writeFailure } from "../../lib/queue/failure.ts";
import { listNew, listQueue } from "../../lib/queue/queue.ts";
import { isIn, moveOut, placeDirs, shelfOf, shelve } from "../../lib/queue/shelf.ts";
import { formatTaskName, parseTaskName } from "../../lib/queue/task_file.ts";
import { moveFile } from "../../lib/store/file_steps.ts";
import { exists } from "../rig.ts";
import { QueueRig } from "./rig.ts";

describe("the shelf", () => {
  it("takes what was read out of the folder that is listed, and the queue knows it still", async () => {
    await using rig = new QueueRig();
    const [a, b] = await rig.fill(2) as [string, string];
    const store = rig.store();
    const name = parseTaskName(a)!;
    for (const file of [a, b]) await moveFile(store, rig.todo(file), join(rig.paths.done, file));
    await shelve(store, rig.paths, "done", name, true);
    await shelve(store, rig.paths, "done", name, true);
    assertEquals(await listNew(store, rig.paths.done, new Set()), [b]);
    assert(exists(join(shelfOf(rig.paths, "done", name), a)));
    assert(await isIn(store, rig.paths, "done", name));
    const states = (found: Awaited<ReturnType<typeof listQueue>>) =>
      [...found.values()].map((at) => at.state);
    assertEquals(states(await listQueue(store, rig.paths)), ["done", "done"]);
    assertEquals(states(await listQueue(store, rig.paths, { withDone: false })), ["done"], "the news alone");
  });

  it("gives a task back, from wherever it is, and only once", async () => {
    await using rig = new QueueRig();
    const files = await rig.fill(2);
    const store = rig.store();
    for (const [at, file] of files.entries()) {
      const name = parseTaskName(file)!;
      await moveFile(store, rig.todo(file), join(rig.paths.waiting, file));
      if (at === 0) await shelve(store, rig.paths, "waiting", name, true);
      assert(await moveOut(store, rig.paths, "waiting", name, rig.todo(file)));
      assert(exists(rig.todo(file)));
      assert(!await isIn(store, rig.paths, "waiting", name));
    }
    assertEquals((await placeDirs(store, rig.paths, "waiting")).length, 2, "the shelf stays");
  });

  it("keeps how a task failed, also of one that is tried again", async () => {
    await using rig = new QueueRig();
    const [file] = await rig.fill(1) as [string];
    const store = rig.store();
    const name = parseTaskName(file)!;
    await writeFailure(store, rig.paths, file, { kind: "compute", error: "it broke" });
    await shelve(store, rig.paths, "failed", name, false);
    assertEquals((await readFailure(store, rig.paths, file))?.error, "it broke");
    assertEquals((await store.list(rig.paths.failed)).map((entry) => entry.name), ["read"]);
    assert(exists(rig.todo(formatTaskName(name))), "the task itself is where it was");
  });
});
