import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { askToLeave, askToStop, readLeave, readStop } from "../../lib/queue/requests.ts";
import { workerFiles } from "../../lib/queue/layout.ts";
import { QueueRig } from "./rig.ts";

describe("requests to stop", () => {
  it("are kept: the first one stays, but for one to drain, which one to stop replaces", async () => {
    await using rig = new QueueRig();
    await rig.fill(0);
    const store = rig.store();
    const asked = async () => {
      const request = await readStop(store, rig.paths);
      return request && { how: request.how, why: request.why };
    };
    assertEquals(await asked(), undefined);
    await askToStop(store, rig.paths, "drain", "1");
    await askToStop(store, rig.paths, "drain", "2");
    assertEquals(await asked(), { how: "drain", why: "1" });
    await askToStop(store, rig.paths, "stop", "3");
    assertEquals(await asked(), { how: "stop", why: "3" });
    await askToStop(store, rig.paths, "drain", "4");
    await askToStop(store, rig.paths, "stop", "5");
    assertEquals(await asked(), { how: "stop", why: "3" });
    assertEquals(rig.run().filter((path) => path.includes(".tmp-")), []);
    Deno.writeTextFileSync(rig.paths.stop, "{");
    assertEquals((await asked())?.how, "stop", "a request that cannot be read is one");
  });
});

describe("a request to leave", () => {
  it("is of one worker, and one that cannot be read is one", async () => {
    await using rig = new QueueRig();
    await rig.fill(0);
    const store = rig.store();
    assertEquals(await readLeave(store, rig.paths, "w1"), undefined);
    await askToLeave(store, rig.paths, "w1", "too many");
    assertEquals(await readLeave(store, rig.paths, "w1"), "too many");
    assertEquals(await readLeave(store, rig.paths, "w2"), undefined);
    const { leave } = workerFiles(rig.paths, "w1");
    Deno.writeTextFileSync(leave, "");
    assertEquals(await readLeave(store, rig.paths, "w1"), `the request ${leave} cannot be read: it is empty`);
  });
});
