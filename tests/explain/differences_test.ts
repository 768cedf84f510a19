import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { differences, type StoredIdentity } from "../../lib/explain/differences.ts";
import { leafDifferences, leafPath } from "../../lib/explain/leaf_differences.ts";

const reference = (name: string, hash: string) => ({ $artifact: [name, hash] });
const none = () => Promise.resolve(undefined);
const params = (params: unknown): StoredIdentity => ({ task: "toy/Train", params });

/** Identities by hash. */
function known(all: Record<string, StoredIdentity>) {
  const asked: string[] = [];
  return {
    asked,
    load: ({ hash }: { hash: string }) => Promise.resolve((asked.push(hash), all[hash])),
  };
}

describe("differences()", () => {
  it("tells parameters field by field, also within objects and lists, and those of one side only", async () => {
    const old = params({ lr: 0.1, opt: { name: "sgd", steps: 1 }, layers: [1, 2, 3], gone: null, same: [1] });
    const now = params({ lr: 0.2, opt: { name: "sgd", steps: 2 }, layers: [1, 5], $$new: 1, same: [1] });
    assertEquals(await differences(old, now, none), [
      { path: "lr", of: "params", old: 0.1, new: 0.2 },
      { path: "opt.steps", of: "params", old: 1, new: 2 },
      { path: "layers[1]", of: "params", old: 2, new: 5 },
      { path: "layers[2]", of: "params", old: 3 },
      { path: "gone", of: "params", old: null },
      { path: "$new", of: "params", new: 1 },
    ]);
    assertEquals(await differences(old, old, none), []);
  });

  it("takes a tagged value, and a list of which most differs, as a whole", async () => {
    const long = (from: number) => Array.from({ length: 20 }, (_, i) => from + i);
    assertEquals(
      await differences(
        params({ at: { $date: "2026" }, many: long(0) }),
        params({ at: { $date: "2027" }, many: long(1) }),
        none,
      ),
      [
        { path: "at", of: "params", old: { $date: "2026" }, new: { $date: "2027" } },
        { path: "many", of: "params", old: long(0), new: long(1) },
      ],
    );
  });

  it("tells the version, and another task", async () => {
    assertEquals(await differences({ task: "a", version: 1 }, { task: "b" }, none), [
      { path: "task", of: "task", old: "a", new: "b" },
      { path: "version", of: "version", old: 1 },
    ]);
  });

  it("looks into dependencies that differ, each pair once, and says where one is not known", async () => {
    const { load, asked } = known({
      p1: { task: "toy/Prep", params: { seed: 1, raw: reference("toy/Raw", "r1") } },
      p2: { task: "toy/Prep", params: { seed: 1, raw: reference("toy/Raw", "r2") } },
      r1: { task: "toy/Raw", version: 1, params: {} },
      r2: { task: "toy/Raw", version: 2, params: {} },
    });
    const [a, b] = [reference("toy/Prep", "p1"), reference("toy/Prep", "p2")];
    const found = await differences(
      params({ data: a, test: a, lost: reference("toy/X", "x1") }),
      params({ data: b, test: b, lost: reference("toy/X", "x2") }),
      load,
    );
    assertEquals(found.map(({ path }) => path), ["data", "test", "lost"]);
    assert(found[0]?.below && found[0].below === found[1]?.below);
    assertEquals(found[0].below.fields?.[0]?.below?.fields, [{
      path: "version",
      of: "version",
      old: 1,
      new: 2,
    }]);
    assertEquals("fields" in found[2]!.below!, false);
    assertEquals(asked.toSorted(), ["p1", "p2", "r1", "r2", "x1", "x2"]);
    assertEquals(leafDifferences(found).map(leafPath), [
      "data (toy/Prep) raw (toy/Raw) version",
      "lost",
    ]);
  });

  it("compares declared dependencies of one task in their order, without those that both have", async () => {
    const [a, b, c, d] = ["a", "b", "c", "d"].map((hash) => reference("toy/Prep", hash));
    const found = await differences(
      { task: "t", params: {}, dependencies: [a, b] },
      { task: "t", params: {}, dependencies: [c, a, d] },
      none,
    );
    assertEquals(found.map(({ old, new: now }) => [old, now]), [[b, c], [undefined, d]]);
  });

  it("goes down a chain of any length without nesting calls, and stops looking far below", async () => {
    const LENGTH = 5000;
    const node = (side: string, i: number): StoredIdentity => ({
      task: "toy/Step",
      params: i === 0 ? { seed: side } : { below: reference("toy/Step", `${side}${i - 1}`) },
    });
    const load = ({ hash }: { hash: string }) => Promise.resolve(node(hash[0]!, Number(hash.slice(1))));
    const found = await differences(node("a", LENGTH), node("b", LENGTH), load);
    const [leaf] = leafDifferences(found);
    assertEquals(leaf?.through.length, 100);
  });
});
