import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Clock } from "../../lib/core/system/clock.ts";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { fenceWorker, listFenced, readEnd, removeFenced } from "../../lib/queue/fence.ts";
import { workerDir, workerFiles } from "../../lib/queue/layout.ts";
import { listWorkers, WorkerWatch } from "../../lib/queue/worker_liveness.ts";
import { exists, osError } from "../rig.ts";
import { QueueRig } from "./rig.ts";

/** A clock that goes on when it is told. */
class HandClock implements Clock {
  ms = 0;
  now = () => 0;
  monotonic = () => this.ms;
  sleep = () => Promise.resolve();
}

async function watched(rig: QueueRig) {
  await rig.fill(2);
  const worker = await rig.enter(rig.store({}, 30));
  const clock = new HandClock();
  const broken = { open: false };
  const store = rig.store({
    machine: { clock, isGone: () => false },
    files: { open: (path) => broken.open ? Promise.reject(osError("EIO")) : systemFiles.open(path) },
  }, 30);
  const watch = new WorkerWatch(store, rig.paths, worker.id);
  const lookAt = (seconds: number) => {
    clock.ms = seconds * 1000;
    return watch.look();
  };
  const beat = (seconds: number) => {
    const at = Date.parse(worker.record.startedAt) / 1000 + seconds;
    Deno.utimeSync(worker.files.record, at, at);
  };
  return { worker, store, watch, lookAt, beat, broken, key: { spec: "default", id: worker.id } };
}

describe("worker liveness", () => {
  it("a worker is dead when its heartbeat did not change for a lease of the observer's clock", async () => {
    await using rig = new QueueRig();
    const { lookAt, watch } = await watched(rig);
    for (const at of [0, 8, 16, 24]) assertEquals((await lookAt(at)).state, "alive");
    const look = await lookAt(31);
    assert(look.state === "dead");
    assertStringIncludes(look.why, "no heartbeat");
    assertEquals(look.everBeat, false);
    assertEquals(watch.longestPauseMs, 7500);
  });

  it("a heartbeat that changes begins the lease again, and is remembered", async () => {
    await using rig = new QueueRig();
    const { lookAt, beat } = await watched(rig);
    for (const at of [0, 8, 16]) {
      assertEquals(await lookAt(at).then((look) => "everBeat" in look && look.everBeat), false);
    }
    beat(1);
    for (const at of [24, 32, 40, 48]) assertEquals((await lookAt(at)).state, "alive");
    const look = await lookAt(55);
    assert(look.state === "dead" && look.everBeat);
  });

  it("an observer that comes late sees that a worker has beaten before", async () => {
    await using rig = new QueueRig();
    const { lookAt, beat } = await watched(rig);
    beat(600);
    const look = await lookAt(0);
    assert(look.state === "alive" && look.everBeat);
  });

  it("a file server whose clock is ahead makes no worker look as if it had beaten", async () => {
    await using rig = new QueueRig();
    await rig.fill(0);
    const ahead = Date.now() / 1000 + 3600;
    const store = rig.store({
      files: {
        write: async (path, data, options) => {
          await systemFiles.write(path, data, options);
          Deno.utimeSync(path, ahead, ahead);
        },
      },
    });
    const { id } = await rig.enter(store);
    const look = await new WorkerWatch(store, rig.paths, id).look();
    assert(look.state === "alive");
    assertEquals(look.everBeat, false);
  });

  it("a worker whose process is gone is dead at once; one that left is gone", async () => {
    await using rig = new QueueRig();
    const { worker } = await watched(rig);
    const watch = new WorkerWatch(rig.store({ machine: { isGone: () => true } }), rig.paths, worker.id);
    const look = await watch.look();
    assert(look.state === "dead");
    assertStringIncludes(look.why, "is gone");
    assertEquals(look.record.node, "n1");
    await worker.leave();
    assertEquals(await watch.look(), { state: "gone" });
  });

  it("a file server that does not answer says nothing of the worker", async () => {
    await using rig = new QueueRig();
    const { lookAt, broken } = await watched(rig);
    assertEquals((await lookAt(0)).state, "alive");
    broken.open = true;
    for (const at of [8, 16, 24, 32]) assertEquals((await lookAt(at)).state, "unknown");
    broken.open = false;
    assertEquals((await lookAt(40)).state, "alive");
  });

  it("a worker whose record was removed is unknown for a lease, then dead, and then forgotten", async () => {
    await using rig = new QueueRig();
    const { worker, lookAt, store, key } = await watched(rig);
    Deno.removeSync(worker.files.record);
    for (const at of [0, 8, 16, 24]) assertEquals((await lookAt(at)).state, "unknown");
    const look = await lookAt(31);
    assert(look.state === "dead");
    assertEquals(look.record.spec, "default");
    await fenceWorker(store, rig.paths, key, { kind: "compute", why: look.why });
    assertEquals((await lookAt(32)).state, "gone");
  });

  it("a record that cannot be read stands for nobody: the lease decides", async () => {
    await using rig = new QueueRig();
    const { worker, lookAt } = await watched(rig);
    for (const text of ["", "{}"]) {
      Deno.writeTextFileSync(worker.files.record, text);
      assertEquals((await lookAt(0)).state, "alive");
    }
    for (const at of [8, 16, 24]) assertEquals((await lookAt(at)).state, "alive");
    const look = await lookAt(31);
    assert(look.state === "dead");
    assertEquals({ id: look.record.id, node: look.record.node }, { id: worker.id, node: "unknown" });
  });

  it("who judges a worker first is right; a fence that was interrupted is finished by the next", async () => {
    await using rig = new QueueRig();
    const { worker, lookAt, store, key } = await watched(rig);
    await worker.claim((await worker.listTodo())[0]!);
    let renames = 0;
    const crashing = rig.store({
      files: { rename: () => (renames++, Promise.reject(osError("EACCES", "killed here"))) },
    });
    await fenceWorker(crashing, rig.paths, key, { kind: "silent", why: "first" }).catch(() => {});
    assertEquals(renames, 1);
    const look = await lookAt(0);
    assert(look.state === "dead");
    assertEquals(look.why, "first");
    const end = await fenceWorker(store, rig.paths, key, { kind: "compute", why: "second" });
    assertEquals({ kind: end.kind, why: end.why, node: end.worker?.node }, {
      kind: "silent",
      why: "first",
      node: "n1",
    });
    assertEquals((await readEnd(store, rig.paths, worker.id))?.kind, "silent");
    const [fenced] = await listFenced(store, rig.paths);
    assertEquals({ id: fenced?.id, filesCount: fenced?.files.length, why: fenced?.end?.why }, {
      id: worker.id,
      filesCount: 1,
      why: "first",
    });
    assertEquals(await removeFenced(store, fenced!), false, "it holds a task");
    assertEquals((await lookAt(1)).state, "gone");
  });

  it("a fence whose rename worked and reported otherwise is a fence", async () => {
    await using rig = new QueueRig();
    const { key, worker } = await watched(rig);
    const store = rig.store({
      files: {
        rename: async (from, to) => {
          await systemFiles.rename(from, to);
          throw osError("EIO");
        },
      },
    });
    await fenceWorker(store, rig.paths, key, { kind: "lost", why: "x" });
    const fenced = await listFenced(rig.store(), rig.paths);
    assertEquals(fenced.map(({ id, files }) => [id, files]), [[worker.id, []]]);
    assert(await removeFenced(rig.store(), fenced[0]!));
    assertEquals(await listFenced(rig.store(), rig.paths), []);
  });

  it("a folder that a judged worker made late is fenced when the dead are listed", async () => {
    await using rig = new QueueRig();
    await rig.fill(0);
    await fenceWorker(rig.store(), rig.paths, { spec: "default", id: "w-1" }, { kind: "lost", why: "x" });
    Deno.mkdirSync(workerDir(rig.paths, "default", "w-1"));
    assertEquals((await listFenced(rig.store(), rig.paths)).map(({ id }) => id), ["w-1"]);
    assert(!exists(workerDir(rig.paths, "default", "w-1")));
  });

  it("listWorkers() knows workers by their records, ends and folders", async () => {
    await using rig = new QueueRig();
    const { worker } = await watched(rig);
    const store = rig.store();
    Deno.mkdirSync(workerDir(rig.paths, "gpu", "w-2"));
    Deno.writeTextFileSync(workerFiles(rig.paths, "w-3").unfit, "{}");
    Deno.writeTextFileSync(workerFiles(rig.paths, "w-3").now, "{}");
    await fenceWorker(store, rig.paths, { spec: "gpu", id: "w-4" }, { kind: "lost", why: "x" });
    assertEquals(Object.fromEntries(await listWorkers(store, rig.paths)), {
      [worker.id]: { record: true, end: false, unfit: false, leave: false, folder: "default" },
      "w-2": { record: false, end: false, unfit: false, leave: false, folder: "gpu" },
      "w-3": { record: false, end: false, unfit: true, leave: false, now: true },
      "w-4": { record: false, end: true, unfit: false, leave: false },
    });
  });
});
