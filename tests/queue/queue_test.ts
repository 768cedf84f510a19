import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { StoreError, ValidationError } from "../../lib/core/errors.ts";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { fenceWorker } from "../../lib/queue/fence.ts";
import { enqueue, listNew, listQueue, makeQueue } from "../../lib/queue/queue.ts";
import { moveFile } from "../../lib/store/file_steps.ts";
import { exists, osError } from "../rig.ts";
import { firstName, hashNumber, QueueRig } from "./rig.ts";

describe("listQueue()", () => {
  it("tells of each task where it is, also in the folder of a dead worker", async () => {
    await using rig = new QueueRig();
    const files = await rig.fill(7);
    const store = rig.store();
    const [worker, dead] = [await rig.enter(), await rig.enter()];
    for (const file of files.slice(1, 6)) await worker.claim(file);
    await worker.done(files[2]!);
    await worker.fail(files[3]!, { kind: "lost", error: "x" });
    await worker.wait(files[4]!);
    await moveFile(store, rig.todo(files[6]!), join(rig.paths.withdrawn, files[6]!));
    await worker.putBack(files[5]!);
    await dead.claim(files[5]!);
    await fenceWorker(store, rig.paths, { spec: "default", id: dead.id }, { kind: "lost", why: "x" });
    for (const dir of [rig.paths.done, rig.paths.waiting]) Deno.writeTextFileSync(join(dir, ".tmp-x"), "");
    const found = await listQueue(store, rig.paths);
    assertEquals(
      files.map((_, i) => found.get(hashNumber(i))?.state),
      ["todo", "running", "done", "failed", "waiting", "running", "withdrawn"],
    );
    assertEquals(found.size, 7);
    assertEquals(found.get(hashNumber(1))?.worker, worker.id);
    assertEquals(found.get(hashNumber(5))?.worker, dead.id);
    assertStringIncludes(found.get(hashNumber(5))?.dir ?? "", ".dead-");
  });

  it("finds a task that moves while it looks", async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    const worker = await rig.enter();
    await worker.claim(file);
    const next = file.replace(".1.0.", ".2.0.");
    // It fails after `running` was listed, and is queued again after `todo` was listed for the first time.
    const store = rig.store({
      files: {
        list: async (path) => {
          const names = await systemFiles.list(path);
          if (path === rig.paths.waiting) {
            await worker.fail(file, { kind: "compute", error: "x" });
            await moveFile(rig.store(), join(rig.paths.failed, file), rig.todo(next));
          }
          return names;
        },
      },
    });
    const task = (await listQueue(store, rig.paths)).get(hashNumber(0));
    assertEquals({ state: task?.state, file: task?.file }, { state: "todo", file: next });
  });

  it("believes the name that more has happened to, but what is done stays done", async () => {
    await using rig = new QueueRig();
    const [a = "", b = ""] = await rig.fill(2);
    const later = (file: string) => file.replace(".1.0.", ".1.1.");
    Deno.copyFileSync(rig.todo(a), join(rig.paths.failed, a));
    Deno.copyFileSync(rig.todo(a), rig.todo(later(a)));
    Deno.copyFileSync(rig.todo(b), join(rig.paths.done, b));
    Deno.copyFileSync(rig.todo(b), rig.todo(later(b)));
    const found = await listQueue(rig.store(), rig.paths);
    assertEquals({ state: found.get(hashNumber(0))?.state, file: found.get(hashNumber(0))?.file }, {
      state: "todo",
      file: later(a),
    });
    assertEquals(found.get(hashNumber(1))?.state, "done");
  });
});

describe("listNew()", () => {
  it("gives each task once, and again when it was taken out of what was seen", async () => {
    await using rig = new QueueRig();
    const [a = "", b = ""] = await rig.fill(2);
    const seen = new Set<string>();
    const todo = join(rig.paths.todo, "default");
    Deno.writeTextFileSync(join(todo, `${a.slice(0, 32)}.1.0.error.json`), "");
    assertEquals((await listNew(rig.store(), todo, seen)).sort(), [a, b]);
    assertEquals(await listNew(rig.store(), todo, seen), []);
    seen.delete(a);
    assertEquals(await listNew(rig.store(), todo, seen), [a]);
    assertEquals(await listNew(rig.store(), join(todo, "none"), seen), []);
  });
});

describe("queue", () => {
  it("a folder that cannot be listed is named", async () => {
    await using rig = new QueueRig();
    await rig.fill(1);
    const store = rig.store({ files: { list: () => Promise.reject(osError("EACCES")) } });
    for (const look of [() => listQueue(store, rig.paths), () => listNew(store, rig.paths.done, new Set())]) {
      const error = await assertRejects(look, StoreError);
      assertStringIncludes(error.message, rig.paths.run);
    }
  });
});

describe("makeQueue()", () => {
  it("can be repeated, and refuses a spec that cannot be a folder", async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    await rig.fill(0);
    assertEquals((await listQueue(rig.store(), rig.paths)).get(hashNumber(0))?.file, file);
    await assertRejects(
      () => makeQueue(rig.store(), rig.paths, ["default", "../x"]),
      ValidationError,
      "../x",
    );
  });
});

describe("enqueue()", () => {
  it("over the same task changes nothing, and leaves no private name", async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    const before = Deno.readTextFileSync(rig.todo(file));
    const name = firstName(0);
    const task = { schema: 1, hash: name.hash, name: "t", spec: "default" } as const;
    await enqueue(rig.store(), rig.paths, task, name);
    assertEquals(Deno.readTextFileSync(rig.todo(file)), before);
    assertEquals(rig.run().filter((path) => path.includes(".tmp-")), []);
  });

  it("makes a task once when the answer is lost and a worker has taken it already", async () => {
    await using rig = new QueueRig();
    await rig.fill(0);
    const name = firstName(1);
    const elsewhere = join(rig.paths.done, "taken");
    let renames = 0;
    const store = rig.store({
      files: {
        rename: async (from, to) => {
          if (renames++ > 0) return await systemFiles.rename(from, to);
          await systemFiles.rename(from, to);
          await systemFiles.rename(to, elsewhere);
          throw osError("EIO");
        },
      },
    });
    await enqueue(store, rig.paths, { schema: 1, hash: name.hash, name: "t", spec: "default" }, name);
    assert(exists(elsewhere));
    assertEquals(rig.run("queue/todo/default/"), []);
  });

  it("names the file when the spec has no queue, and leaves no private name", async () => {
    await using rig = new QueueRig();
    await rig.fill(0);
    const name = firstName(1);
    const task = { schema: 1, hash: name.hash, name: "t", spec: "other" } as const;
    const error = await assertRejects(() => enqueue(rig.store(), rig.paths, task, name), StoreError);
    assert(error.message.includes(join("todo", "other")), error.message);
    assertEquals(rig.run().filter((path) => path.includes(".tmp-")), []);
  });
});
