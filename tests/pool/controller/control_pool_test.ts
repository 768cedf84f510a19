import type { RunLog } from "../../../lib/core/run_log.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { readEnded } from "../../../lib/pool/ended.ts";
import { getFrom } from "../../run/rig.ts";
import { textOf } from "../../rig.ts";
import { artifact, PoolRig } from "../rig.ts";

describe("controlPool()", () => {
  it("computes a chain and a diamond, each artifact once, and says so in ended.json", async () => {
    await using rig = new PoolRig();
    const created: string[] = [];
    const make = (name: string) => (): string => (created.push(name), name);
    const base = artifact(make("base"));
    const sides = [artifact(make("left"), [base]), artifact(make("right"), [base])];
    const top = artifact(make("top"), sides);
    await rig.begin([top]);
    const result = await rig.control();
    assertEquals(created.toSorted(), ["base", "left", "right", "top"]);
    assertEquals({ created0: created[0], createdLast: created.at(-1) }, {
      created0: "base",
      createdLast: "top",
    });
    assertEquals({
      computed: result?.summary.computed,
      notRun: result?.summary.notRun,
      failures: result?.summary.failures,
    }, { computed: 4, notRun: 0, failures: [] });
    assertEquals(rig.files("done").length, 4);
    assertEquals([...rig.files("todo"), ...rig.files("running"), ...rig.files("failed")], []);
    const ended = await readEnded(rig.process().store, rig.paths);
    assertEquals({ computed: ended?.summary?.computed, interrupted: ended?.interrupted, term: ended?.term }, {
      computed: 4,
      interrupted: false,
      term: 1,
    });
    assertEquals(rig.rig.tree().filter((name) => name.includes("/controller/")), []);
  });

  it("tells all who follow the run what trouble its launcher has", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    Object.defineProperty(rig.launcher, "log", {
      set: (log: RunLog) => log.warn("no more workers for now"),
    });
    await rig.control();
    assertEquals(rig.messages[0], "no more workers for now");
    assertStringIncludes(textOf(join(rig.paths.events, "1.jsonl")), "no more workers for now");
  });

  it("gives each task to a worker of its spec", async () => {
    await using rig = new PoolRig();
    const base = artifact(() => 1);
    const top = artifact(() => 2, [base], { spec: "gpu" });
    await rig.begin([top]);
    await rig.control();
    assertEquals(rig.launcher.submitted.map(({ spec, count }) => [spec, count]), [["default", 1], [
      "gpu",
      1,
    ]]);
    assertEquals(await getFrom(rig.process(), top), 2);
  });
});
