import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { servedByMigrations } from "../../lib/migrate/served.ts";
import { Rig, testRuntime } from "../rig.ts";
import { getFrom } from "../run/rig.ts";
import { define, forget } from "./rig.ts";

/** A store with two results of a task that is called otherwise now, and one of what is made of the first. */
async function stored(name: string) {
  const rig = new Rig();
  const runtime = testRuntime(rig.root);
  const Old = define(`${name}/Old`);
  const above = (Data: ReturnType<typeof define>) =>
    define(`${name}/Train`, { params: z.object({ data: Data.schema }) });
  const train = above(Old)({ data: Old({ n: 1 }) });
  for (const each of [Old({ n: 1 }), Old({ n: 2 }), train]) await getFrom(runtime, each);
  forget(`${name}/Old`);
  const New = define(`${name}/New`, { migrations: [{ from: { name: `${name}/Old` } }] });
  const Train = above(New);
  return { rig, runtime, New, root: Train({ data: New({ n: 1 }) }), old: train };
}

describe("servedByMigrations()", () => {
  it("finds the results for what is to be computed, those made of migrated ones too, and no others", async () => {
    const { rig, runtime, New, root, old } = await stored("ms1");
    await using _ = rig;
    const wanted: string[] = [root.hash, New({ n: 1 }).hash];
    const isWanted = (hash: string): boolean => wanted.includes(hash);
    const { served, unread } = await servedByMigrations(runtime.store, [root], isWanted);
    assertEquals([...served.keys()].sort(), wanted.sort());
    assertEquals(served.get(root.hash)?.hash, old.hash);
    assertEquals(unread, 0);
  });

  it("looks at nothing where no task that is to be computed has migrations", async () => {
    const { rig, runtime, New, root } = await stored("ms2");
    await using _ = rig;
    let lists = 0;
    const { list } = runtime.machine.files;
    const counting = testRuntime(rig.root, { files: { list: (path) => (lists++, list(path)) } });
    const found = await servedByMigrations(counting.store, [root], (hash) => hash === root.hash);
    assertEquals({ size: found.served.size, lists }, { size: 0, lists: 0 });
    assertEquals((await servedByMigrations(runtime.store, [New({ n: 9 })], () => true)).served.size, 0);
  });

  it("reads none of very many results, and says how many there are", async () => {
    const { rig, root } = await stored("ms3");
    await using _ = rig;
    let reads = 0;
    const { readText } = testRuntime(rig.root).machine.files;
    const { store } = testRuntime(rig.root, { files: { readText: (path) => (reads++, readText(path)) } });
    const many = await servedByMigrations(store, [root], () => true, { most: 2 });
    assertEquals({ size: many.served.size, unread: many.unread, reads }, { size: 0, unread: 2, reads: 0 });
    assertEquals((await servedByMigrations(store, [root], () => true, { most: 3 })).served.size, 2);
  });
});
