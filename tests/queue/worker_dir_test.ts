import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { basename } from "@std/path/basename";
import { dirname } from "@std/path/dirname";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { ProtocolError, StoreError } from "../../lib/core/errors.ts";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { readFailure } from "../../lib/queue/failure.ts";
import { fenceWorker, listFenced, removeFenced } from "../../lib/queue/fence.ts";
import { workerDir } from "../../lib/queue/layout.ts";
import { moveFile } from "../../lib/store/file_steps.ts";
import { exists, osError } from "../rig.ts";
import { QueueRig } from "./rig.ts";

const DEAD = { kind: "lost", why: "said so" } as const;

/** A store whose next `rename` does what it is told. */
function renaming(rig: QueueRig) {
  const how: { next: ((from: string, to: string) => Promise<void>) | undefined } = { next: undefined };
  const store = rig.store({
    files: {
      rename: (from, to) => {
        const next = how.next ?? systemFiles.rename;
        how.next = undefined;
        return next(from, to);
      },
    },
  });
  return { store, how };
}

describe("worker dir", () => {
  it("a worker claims a task, and ends it as done, waiting, put back or failed, each time by its name", async () => {
    await using rig = new QueueRig();
    const [a = "", b = "", c = "", d = ""] = await rig.fill(4);
    const worker = await rig.enter();
    assertEquals((await worker.listTodo()).sort(), [a, b, c, d]);
    for (const file of [a, b, c, d]) assertEquals(await worker.claim(file), "claimed");
    assertEquals(await worker.listTodo(), []);
    assertEquals((await worker.read(a))?.name, "t");
    assert(await worker.done(a));
    assert(await worker.wait(b));
    assert(await worker.putBack(c));
    assert(await worker.fail(d, { kind: "compute", error: "broke", storeAttempt: 2 }));
    assert(exists(join(rig.paths.done, a)) && exists(join(rig.paths.waiting, b)) && exists(rig.todo(c)));
    assert(exists(join(rig.paths.failed, d)));
    const { at: _at, ...failure } = (await readFailure(rig.store(), rig.paths, d))!;
    const expected = {
      schema: 1,
      kind: "compute",
      error: "broke",
      storeAttempt: 2,
      worker: worker.id,
      node: "n1",
    };
    assertEquals<unknown>(failure, expected);
  });

  it("of two workers one gets a task, the other has lost", async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    const workers = [await rig.enter(), await rig.enter()];
    assertEquals((await Promise.all(workers.map((worker) => worker.claim(file)))).sort(), [
      "claimed",
      "lost",
    ]);
  });

  it("a claim whose answer was lost is a claim", async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    const { store, how } = renaming(rig);
    const worker = await rig.enter(store);
    how.next = async (from, to) => {
      await systemFiles.rename(from, to);
      throw osError("ENOENT");
    };
    assertEquals(await worker.claim(file), "claimed");
  });

  it("a claim of which nothing can be told is listed again, and claimed then", async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    let broken = false;
    const store = rig.store({
      files: {
        rename: async (from, to) => {
          await systemFiles.rename(from, to);
          if (broken) throw osError("EIO");
        },
        list: (path) => broken ? Promise.reject(osError("EIO")) : systemFiles.list(path),
      },
    });
    const worker = await rig.enter(store);
    broken = true;
    await assertRejects(() => worker.claim(file), StoreError, "EIO");
    broken = false;
    assertEquals(await worker.listTodo(), [file]);
    assertEquals(await worker.claim(file), "claimed");
    assertEquals(await worker.listTodo(), []);
  });

  it("a task that a controller made twice is not claimed while the worker has it", async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    const worker = await rig.enter();
    assertEquals(await worker.claim(file), "claimed");
    await rig.fill(1);
    assertEquals(await worker.listTodo(), []);
    assertEquals(await worker.claim(file), "lost");
    await worker.done(file);
    assertEquals(await worker.claim(file), "claimed");
  });

  it("after the fence every move of the worker fails, and its tasks are where the controller finds them", async () => {
    await using rig = new QueueRig();
    const [a = "", b = ""] = await rig.fill(2);
    const worker = await rig.enter();
    await worker.claim(a);
    await fenceWorker(rig.store(), rig.paths, { spec: "default", id: worker.id }, DEAD);
    assertEquals(await worker.claim(b), "fenced");
    assert(worker.lost.aborted);
    assertStringIncludes(`${worker.lost.reason}`, "declared dead");
    assertEquals(await worker.done(a), false);
    assertEquals(await worker.putBack(a), false);
    assertEquals(await worker.wait(a), false);
    assertEquals(await worker.fail(a, { kind: "compute", error: "too late" }), false);
    assertEquals(await worker.read(a), undefined);
    assertEquals(await worker.stillThere(), false);
    await worker.leave();
    assertEquals((await listFenced(rig.store(), rig.paths)).map(({ id, files }) => [id, files]), [[
      worker.id,
      [
        a,
      ],
    ]]);
    assertEquals(rig.run("queue/failed/"), [], "nor does it say how its tasks failed");
    assert(!exists(workerDir(rig.paths, "default", worker.id)), "the folder is never made anew");
  });

  it("a claim that meets the fence lands in the fenced folder, or the file stays", async () => {
    await using rig = new QueueRig();
    const [a = "", b = ""] = await rig.fill(2);
    const { store, how } = renaming(rig);
    const worker = await rig.enter(store);
    how.next = async (from, to) => {
      await systemFiles.rename(from, to);
      await fenceWorker(rig.store(), rig.paths, { spec: "default", id: worker.id }, DEAD);
      throw osError("ENOENT");
    };
    assertEquals(await worker.claim(a), "fenced");
    const [fenced] = await listFenced(rig.store(), rig.paths);
    assertEquals(fenced?.files, [a]);
    assertEquals(await worker.claim(b), "fenced");
    assert(exists(rig.todo(b)));
  });

  it("a file that somebody takes out of the worker's folder is no reason to end", async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    const worker = await rig.enter();
    await worker.claim(file);
    await moveFile(
      rig.store(),
      join(workerDir(rig.paths, "default", worker.id), file),
      join(rig.folder, "taken"),
    );
    assertEquals(await worker.read(file), undefined);
    assert(await worker.done(file));
    assert(await worker.stillThere());
  });

  it("leave() puts back what is in the folder, and leaves nothing of the worker", async () => {
    await using rig = new QueueRig();
    const [a = "", b = ""] = await rig.fill(2);
    const worker = await rig.enter();
    await worker.claim(a);
    await worker.claim(b);
    Deno.writeTextFileSync(worker.files.now, "{}");
    await worker.leave();
    assert(exists(rig.todo(a)) && exists(rig.todo(b)));
    assertEquals(rig.run("workers/"), []);
    assertEquals(rig.run("queue/running/default/"), []);
  });

  it("a controller that died while it refreshed a worker's folder is in the way of nobody", async () => {
    await using rig = new QueueRig();
    await rig.fill(1);
    const store = rig.store();
    const dir = (id: string): string => workerDir(rig.paths, "default", id);
    const [leaving, dead] = [await rig.enter(), await rig.enter()];
    for (const { id } of [leaving, dead]) await store.writePrivate(dir(id), "");
    await leaving.leave();
    assertEquals([exists(dir(leaving.id)), exists(leaving.files.record)], [false, false]);
    await fenceWorker(store, rig.paths, { spec: "default", id: dead.id }, DEAD);
    const [folder] = await listFenced(store, rig.paths);
    assertEquals({ files: folder?.files, removeFenced: await removeFenced(store, folder!) }, {
      files: [],
      removeFenced: true,
    });
  });

  it("leave() keeps the record when its folder cannot be removed, so that it is found dead", async () => {
    await using rig = new QueueRig();
    await rig.fill(0);
    const worker = await rig.enter();
    Deno.writeTextFileSync(join(workerDir(rig.paths, "default", worker.id), "strange"), "");
    await worker.leave();
    assert(exists(worker.files.record));
  });

  it("what is no task in todo is not listed; a foreign, truncated or strange task cannot be read", async () => {
    await using rig = new QueueRig();
    const [a = "", b = "", c = "", d = ""] = await rig.fill(4);
    Deno.writeTextFileSync(rig.todo(".tmp-left"), "");
    Deno.writeTextFileSync(rig.todo("README"), "");
    Deno.mkdirSync(rig.todo(a.replace(".1.0.", ".9.0.")));
    const good = JSON.parse(Deno.readTextFileSync(rig.todo(d)));
    Deno.writeTextFileSync(rig.todo(a), '{"schema":1,"ha');
    Deno.writeTextFileSync(rig.todo(b), JSON.stringify({ ...good, hash: d.slice(0, 32) }));
    Deno.writeTextFileSync(rig.todo(c), JSON.stringify({ ...good, hash: c.slice(0, 32), spec: "gpu" }));
    Deno.writeTextFileSync(rig.todo(d), JSON.stringify({ ...good, schema: 2 }));
    const worker = await rig.enter();
    assertEquals((await worker.listTodo()).sort(), [a, b, c, d]);
    for (
      const [file, fault] of [[a, "truncated"], [b, "not of the one"], [c, "'gpu'"], [d, "schema"]] as const
    ) {
      assertEquals(await worker.claim(file), "claimed");
      const error = await assertRejects(() => worker.read(file), ProtocolError);
      for (const part of [fault, file]) assertStringIncludes(error.message, part);
      assert(await worker.fail(file, { kind: "protocol", error: error.message }));
      assertEquals((await readFailure(rig.store(), rig.paths, file))?.kind, "protocol");
    }
  });

  it("how a task failed that cannot be read is a failure that says so; none is none", async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    assertEquals(await readFailure(rig.store(), rig.paths, file), undefined);
    const worker = await rig.enter();
    await worker.claim(file);
    await worker.fail(file, { kind: "lost", error: "x" });
    const path = join(rig.paths.failed, file.replace(/json$/, "error.json"));
    assertEquals((await readFailure(rig.store(), rig.paths, file))?.kind, "lost");
    Deno.writeTextFileSync(path, "");
    const failure = await readFailure(rig.store(), rig.paths, file);
    assertEquals(failure?.kind, "compute");
    assertStringIncludes(failure?.error ?? "", path);
  });

  it("a worker that was declared dead while it entered has no folder and claims nothing", async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    const store = rig.store({
      files: {
        mkdir: async (path, options) => {
          const id = basename(path);
          await fenceWorker(rig.store(), rig.paths, { spec: "default", id }, DEAD);
          await systemFiles.mkdir(path, options);
        },
      },
    });
    const worker = await rig.enter(store);
    assert(worker.lost.aborted);
    assertEquals(await worker.claim(file), "fenced");
    assertEquals(await worker.stillThere(), false);
    await worker.leave();
    assertEquals(rig.run("queue/running/default/"), []);
  });

  it("a worker that cannot make its folder says why, and leaves no record", async () => {
    await using rig = new QueueRig();
    await rig.fill(0);
    const error = await assertRejects(() => rig.enter(rig.store(), { spec: "other" }), StoreError);
    assertStringIncludes(error.message, join("running", "other"));
    assertEquals(rig.run("workers/"), []);
    assert(!exists(dirname(workerDir(rig.paths, "other", "x"))), "nobody's folder is made on the way");
  });

  it("a mkdir whose answer was lost has made the worker's folder", async () => {
    await using rig = new QueueRig();
    const [file = ""] = await rig.fill(1);
    for (const code of ["EEXIST", "EIO"]) {
      const store = rig.store({
        files: {
          mkdir: async (path) => {
            await systemFiles.mkdir(path);
            throw osError(code);
          },
        },
      });
      const worker = await rig.enter(store);
      assertEquals(await worker.claim(file), "claimed");
      await worker.leave();
    }
  });

  it("a disk error on the way in is told, and leaves neither record nor folder", async () => {
    await using rig = new QueueRig();
    await rig.fill(0);
    const broken = (part: string) => (path: string) => path.includes(part);
    const stores = [
      rig.store({ files: { mkdir: () => Promise.reject(osError("EIO")) } }),
      rig.store({ files: { link: () => Promise.reject(osError("EIO")) } }),
      rig.store({
        files: {
          list: (path) => broken("workers")(path) ? Promise.reject(osError("EIO")) : systemFiles.list(path),
        },
      }),
    ];
    for (const store of stores) {
      await assertRejects(() => rig.enter(store), StoreError, "EIO");
      assertEquals(rig.run("workers/"), []);
      assertEquals(rig.run("queue/running/default/"), []);
    }
  });
});
