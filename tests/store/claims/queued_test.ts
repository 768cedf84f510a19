import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { linkQueued, readQueued, removeQueued, writeQueuedId } from "../../../lib/store/claims/queued.ts";
import { storeStatus } from "../../../lib/schedule/status_source.ts";
import { osError, testMachine, testRuntime } from "../../rig.ts";
import { makeArtifact } from "../../../lib/task/artifact/make.ts";
import { defineTask } from "../../../lib/task/define.ts";
import { z } from "zod";
import { StoreRig } from "../rig.ts";

const first = { name: "furu-01234567-a", run: "run-1" };
const second = { name: "furu-01234567-b", run: "run-2" };

describe("a queued job", () => {
  it("is named by the first who links it; the others are told", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    assertEquals(await linkQueued(store, rig.paths, first), "ours");
    assertEquals(await linkQueued(store, rig.paths, second), "held");
    assertEquals((await readQueued(store, rig.paths))?.name, first.name);
    assertEquals(rig.names(), ["queued.json"]);
  });

  it("is ours when the answer to the link was lost", async () => {
    await using rig = new StoreRig();
    const real = testMachine().files;
    const store = rig.store({
      files: {
        link: async (from, to) => {
          await real.link(from, to);
          throw osError("EIO");
        },
      },
    });
    assertEquals(await linkQueued(store, rig.paths, first), "ours");
  });

  it("has its id from when that is known", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    await linkQueued(store, rig.paths, first);
    assertEquals((await readQueued(store, rig.paths))?.jobId, undefined);
    await writeQueuedId(store, rig.paths, { name: first.name, jobId: "12" });
    assertEquals((await readQueued(store, rig.paths))?.jobId, "12");
  });

  it("leaves no id behind when it has begun before that was known", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    await linkQueued(store, rig.paths, first);
    await removeQueued(store, rig.paths, first.name);
    await writeQueuedId(store, rig.paths, { name: first.name, jobId: "12" });
    assertEquals(rig.names(), []);
  });

  it("is removed by its name only, with its id and the empty folder", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    await linkQueued(store, rig.paths, first);
    await writeQueuedId(store, rig.paths, { name: first.name, jobId: "12" });
    assertEquals(await removeQueued(store, rig.paths, second.name), false);
    assertEquals(rig.names(), ["queued.id.json", "queued.json"]);
    assertEquals(await removeQueued(store, rig.paths, first.name), true);
    assertEquals(rig.names(), []);
    assertEquals(rig.tree().some((path) => path.endsWith(rig.paths.hash)), false);
  });

  it("does not inherit the id that another job left behind", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    await linkQueued(store, rig.paths, first);
    await writeQueuedId(store, rig.paths, { name: first.name, jobId: "12" });
    Deno.removeSync(`${rig.paths.home}/queued.json`);
    await linkQueued(store, rig.paths, second);
    const queued = await readQueued(store, rig.paths);
    assertEquals({ name: queued?.name, jobId: queued?.jobId }, { name: second.name, jobId: undefined });
  });

  it("that is torn (a power cut) names no job, and does not stand in the way", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    await linkQueued(store, rig.paths, first);
    Deno.writeTextFileSync(`${rig.paths.home}/queued.json`, '{"schema":1,"na');
    assertEquals(await linkQueued(store, rig.paths, second), "ours");
  });

  it("names the cluster it is submitted to, and the one that took it", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    await linkQueued(store, rig.paths, { ...first, cluster: "west" });
    assertEquals((await readQueued(store, rig.paths))?.cluster, "west");
    await writeQueuedId(store, rig.paths, { name: first.name, jobId: "12" });
    assertEquals((await readQueued(store, rig.paths))?.cluster, "west");
    await writeQueuedId(store, rig.paths, { name: first.name, jobId: "12", cluster: "east" });
    assertEquals((await readQueued(store, rig.paths))?.cluster, "east");
  });

  it("makes its artifact IN_PROGRESS until it is known to be over", async () => {
    await using rig = new StoreRig();
    const task = defineTask({ name: "queued/Task", params: z.object({}), create: () => 1 });
    const artifact = makeArtifact(task.definition, {});
    const runtime = testRuntime(rig.root);
    const paths = runtime.store.paths(artifact);
    await linkQueued(runtime.store, paths, first);
    const status = async (isOver?: boolean) => {
      const options = isOver === undefined ? {} : { isOver: () => Promise.resolve(isOver) };
      return (await storeStatus(runtime, options).inspect(artifact)).status;
    };
    assertEquals([await status(), await status(false), await status(true)], [
      "IN_PROGRESS",
      "IN_PROGRESS",
      "TODO",
    ]);
  });
});
