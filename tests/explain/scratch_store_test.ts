import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { defineTask, settle, z } from "@furu/furu";
import { ExecutionError } from "../../lib/core/errors.ts";
import { computeBeside, linkDependencies, storedRecord } from "../../lib/explain/scratch_store.ts";
import { currentContext } from "../../lib/run/context.ts";
import { getWith } from "../../lib/run/get/get.ts";
import { Store } from "../../lib/store/store.ts";
import { Rig, testRuntime } from "../rig.ts";

const computed: string[] = [];

const Prep = defineTask({
  name: "replay/Prep",
  params: z.object({ seed: z.int() }),
  create: async ({ params, dir }) => {
    computed.push("Prep");
    await Deno.writeTextFile(`${dir}/rows.txt`, `${params.seed}`);
    return { rows: `${dir}/rows.txt` };
  },
});

const Train = defineTask({
  name: "replay/Train",
  params: z.object({ seed: z.int() }),
  create: async ({ params }) => {
    computed.push("Train");
    // Nothing tells that it needs this one.
    const context = currentContext()!;
    const { rows } = await getWith(context.runtime, context, Prep(params)) as { rows: string };
    return await Deno.readTextFile(rows);
  },
});

describe("computing again beside a store", () => {
  it("loads what is stored though it is not declared, and computes nothing else", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const { store } = runtime;
    const artifact = Train({ seed: 7 });
    assertEquals(await getWith(runtime, undefined, artifact), "7");
    assertEquals(computed.splice(0), ["Train", "Prep"]);
    const before = rig.tree();
    const replay = async (name: string) => {
      const folder = join(rig.folder, name);
      Deno.mkdirSync(folder);
      await linkDependencies(store, artifact, folder);
      await computeBeside(store, artifact, folder);
      return await storedRecord(
        new Store(store.machine, { root: folder, leaseSec: 120, heartbeatSec: 40 }),
        artifact,
      );
    };
    assertEquals((await replay("one"))?.value, "7");
    assertEquals(computed.splice(0), ["Train"]);
    assertEquals(rig.tree(), before);

    Deno.removeSync(store.paths(Prep({ seed: 7 })).record);
    const error = await assertRejects(() => replay("other"), ExecutionError, "it gets what is not stored");
    assert(error.message.includes(`${Prep({ seed: 7 })}`), error.message);
    assertEquals(computed.splice(0), ["Train"]);
  });

  it("goes without what failed, as its task tolerates, and is told why", async () => {
    const Bad = defineTask({
      name: "replay/Bad",
      params: z.object({}),
      create: () => {
        computed.push("Bad");
        throw new Error("no data");
      },
    });
    const Any = defineTask({
      name: "replay/Any",
      params: z.object({ of: Bad.schema }),
      tolerate: ["of"],
      create: async ({ params }) => {
        const settled = await settle(params.of);
        return settled.status === "rejected" ? settled.reason.message.split(";")[0] : "whole";
      },
    });
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const artifact = Any({ of: Bad({}) });
    const text = `${Bad({})} failed in attempt 1: no data`;
    assertEquals(await getWith(runtime, undefined, artifact), text);
    const folder = join(rig.folder, "beside");
    Deno.mkdirSync(folder);
    await linkDependencies(runtime.store, artifact, folder);
    await computeBeside(runtime.store, artifact, folder);
    const beside = new Store(runtime.machine, { root: folder, leaseSec: 120, heartbeatSec: 40 });
    assertEquals((await storedRecord(beside, artifact))?.value, text);
    assertEquals(computed.splice(0), ["Bad"]);
  });
});
