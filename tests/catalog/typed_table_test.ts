import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { assertType, type IsExact } from "@std/testing/types";
import { configure, defineTask, get, isArtifact, StoreError, table, z } from "@furu/furu";
import { Rig } from "../rig.ts";

const Data = defineTask({
  name: "table/Data",
  params: z.object({ rows: z.int() }),
  create: ({ params }) => new Map([["rows", params.rows]]),
});
const Train = defineTask({
  name: "table/Train",
  version: 3,
  params: z.object({ data: Data.schema, lr: z.number(), since: z.date() }),
  create: async ({ params: { lr, data } }) => {
    await get(data);
    if (lr > 1) throw new Error("diverged");
    return { score: lr * 2 };
  },
  load: ({ value: { score } }) => ({ score, loaded: true }),
});

/** A store with a sweep of which one failed; the configuration is put back in the end. */
async function withSweep(): Promise<Rig> {
  const rig = new Rig();
  configure({ root: rig.root, recordGit: "ignore" });
  for (const lr of [0.25, 0.5, 2]) {
    await get(Train({ data: Data({ rows: lr * 100 }), lr, since: new Date(5) })).catch(() => {});
  }
  return rig;
}

describe("table()", () => {
  it("gives rows with typed parameters, and values as get returns them", async () => {
    await using _ = await withSweep();
    const rows = await table(Train, { where: ({ lr, data }) => lr < 1 && data.params.rows > 25 });
    assertType<IsExact<typeof rows[0]["value"]["score"], number>>(true);
    assertType<IsExact<typeof rows[0]["params"]["lr"], number>>(true);
    assertEquals(rows.map(({ status, value, params }) => ({ status, value, since: params.since })), [
      { status: "DONE", value: { score: 1, loaded: true }, since: new Date(5) },
    ]);
    const [row] = rows;
    assertEquals(row!.hash, Train({ data: Data({ rows: 50 }), lr: 0.5, since: new Date(5) }).hash);
    assertEquals(isArtifact(row!.params.data) && row!.params.data.hash, Data({ rows: 50 }).hash);
    assertEquals(await get(row!.artifact), { score: 1, loaded: true });
    assertEquals(row!.createdAt instanceof Date && row!.durationMs >= 0, true);
    assertEquals(
      (await table(Data, { where: ({ rows }) => rows > 100 }))[0]!.value,
      new Map([["rows", 200]]),
    );
  });

  it("shows what failed where that is asked for", async () => {
    await using _ = await withSweep();
    const [failed, ...rest] = await table(Train, { status: "FAILED" });
    assertEquals({ lr: failed!.params.lr, value: failed!.value, rest }, {
      lr: 2,
      value: undefined,
      rest: [],
    });
    assertEquals(failed!.status === "FAILED" && failed!.error, "diverged");
    const all = await table(Train, { status: ["DONE", "FAILED"] });
    assertEquals(all.map(({ params }) => params.lr).sort(), [0.25, 0.5, 2]);
  });

  it("a damaged result is an error that names it, unless it is asked for", async () => {
    await using rig = await withSweep();
    const name = rig.tree().find((each) => /table\/Train\/[0-9a-f]{32}\.json$/.test(each))!;
    Deno.writeTextFileSync(join(rig.root, name), "{");
    const error = await assertRejects(() => table(Train), StoreError, "is damaged");
    assertEquals(error.message.includes(name.slice(-37, -5)), true);
    assertEquals((await table(Train, { status: ["DONE", "DAMAGED"] })).map(({ status }) => status), ["DONE"]);
  });
});
