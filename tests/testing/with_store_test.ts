import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { exists, get, plan, runLocal } from "../../mod.ts";
import { runInline, withStore } from "../../lib/api/testing.ts";
import { resolveConfig } from "../../lib/core/config.ts";
import { ExecutionError, RunFailedError } from "../../lib/core/errors.ts";
import { defineTask } from "../../lib/task/define.ts";
import { exists as isThere } from "../rig.ts";

let creates = 0;
const Half = defineTask({
  name: "testing/Half",
  params: z.object({ n: z.number() }),
  create: ({ params, dir }) => {
    creates++;
    if (params.n < 0) throw new RangeError("below zero");
    Deno.writeTextFileSync(`${dir}/n`, `${params.n / 2}`);
    return params.n / 2;
  },
});
const Quarter = defineTask({
  name: "testing/Quarter",
  params: z.object({ of: Half.schema }),
  create: async ({ params }) => (await get(params.of)) / 2,
});

// Nothing may be left open: in older Denos the tests of users fail by that, too, without being asked to.
const STRICT = { sanitizeOps: true, sanitizeResources: true };

describe("withStore()", STRICT, () => {
  it("gives each call an empty store, and removes it", async () => {
    const roots: string[] = [];
    const before = resolveConfig().root;
    for (let i = 0; i < 2; i++) {
      creates = 0;
      const result = await withStore(async ({ root }) => {
        roots.push(root);
        assertEquals(resolveConfig().root, root);
        assertEquals(await exists(Half({ n: 3 })), false);
        assertEquals(await get(Half({ n: 3 })), 1.5);
        assertEquals(await get(Half({ n: 3 })), 1.5);
        assert(isThere(`${root}/artifacts/testing/Half/${Half({ n: 3 }).hash}.json`));
        return "result";
      });
      assertEquals(result, "result");
      assertEquals(creates, 1);
    }
    assertEquals(new Set(roots).size, 2);
    assertEquals(roots.filter(isThere), []);
    assertEquals(resolveConfig().root, before);
  });

  it("removes it, and gives the configuration back, when the test fails", async () => {
    let store = "";
    const before = resolveConfig().root;
    await assertRejects(
      () =>
        withStore(({ root }) => {
          store = root;
          throw new RangeError("oh");
        }),
      RangeError,
      "oh",
    );
    assertEquals(isThere(store), false);
    assertEquals(resolveConfig().root, before);
  });

  it("refuses a second one at the same time", async () => {
    await withStore(() => assertRejects(() => withStore(() => {}), ExecutionError, "one after the other"));
  });

  it("holds for runs with worker processes, too", async () => {
    await withStore(async ({ root }) => {
      const { computed } = await runLocal(Half({ n: 8 }), { progress: "none", entry: import.meta.url });
      assertEquals(computed, 1);
      assert(isThere(`${root}/artifacts/testing/Half/${Half({ n: 8 }).hash}.json`));
    });
  });
});

describe("runInline()", STRICT, () => {
  it("computes everything in this process", async () => {
    await withStore(async () => {
      creates = 0;
      const { computed } = await runInline([Quarter({ of: Half({ n: 4 }) }), Half({ n: 1 })]);
      assertEquals({ computed, creates }, { computed: 3, creates: 2 });
      assertEquals((await plan(Quarter({ of: Half({ n: 4 }) }))).counts.todo, 0);
      assertEquals(await get(Quarter({ of: Half({ n: 4 }) })), 1);
    });
  });

  it("does not try again what failed, and says what was thrown", async () => {
    await withStore(async () => {
      creates = 0;
      await assertRejects(() => runInline(Quarter({ of: Half({ n: -1 }) })), RunFailedError, "below zero");
      assertEquals(creates, 1);
    });
  });
});
