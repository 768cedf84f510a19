import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Rig } from "../rig.ts";
import { begun, creates, job, litter, printed } from "./job.ts";

describe("gets of one artifact in several processes", () => {
  it("two processes that get the same artifact compute it once and both have its value", async () => {
    await using rig = new Rig();
    const first = job(rig, ["get", "Wait"]);
    const second = job(rig, ["get", "Wait"]);
    await begun(rig);
    rig.touch("one.go");
    const ended = await Promise.all([first.ended(), second.ended()]);
    assertEquals(ended.map(({ code }) => code), [0, 0], ended.map(({ output }) => output).join("\n"));
    assertEquals([printed(first), printed(second)], [{ id: "one", attempt: 1 }, { id: "one", attempt: 1 }]);
    assertEquals(creates(rig).length, 1);
    assertEquals(litter(rig), []);
  });

  it("eight processes that start at the same moment compute a small artifact once", async () => {
    await using rig = new Rig();
    const scripts = Array.from({ length: 8 }, () => job(rig, ["get", "Plain"]));
    const ended = await Promise.all(scripts.map((script) => script.ended()));
    assertEquals(
      ended.map(({ code }) => code),
      Array(8).fill(0),
      ended.map(({ output }) => output).join("\n"),
    );
    assertEquals(scripts.map(printed), Array(8).fill({ id: "one", attempt: 1 }));
    assertEquals(creates(rig).length, 1);
    const usual = /^(layout\.json|owners|artifacts(\/e2e(\/Plain(\/\w+\.json)?)?)?)$/;
    assertEquals(rig.tree().filter((name) => !usual.test(name)), []);
  });

  it("an artifact and its dependency are computed once each when two processes race from both ends", async () => {
    await using rig = new Rig();
    const scripts = [
      job(rig, ["get", "Nested", "outer"]),
      job(rig, ["get", "Wait", "inner"]),
      job(rig, ["get", "Nested", "outer"]),
    ];
    await begun(rig, 1, "inner");
    rig.touch("inner.go");
    const ended = await Promise.all(scripts.map((script) => script.ended()));
    assertEquals(ended.map(({ code }) => code), [0, 0, 0], ended.map(({ output }) => output).join("\n"));
    assertEquals(printed(scripts[0]!), { id: "outer", of: { id: "inner", attempt: 1 } });
    assertEquals({ inner: creates(rig, "inner").length, outer: creates(rig, "outer").length }, {
      inner: 1,
      outer: 1,
    });
  });

  it("get inside a process and a run in another one compute an artifact once", async () => {
    await using rig = new Rig();
    const got = job(rig, ["get", "Wait"]);
    await begun(rig);
    const run = job(rig, ["run", "Wait"]);
    rig.touch("one.go");
    const [a, b] = await Promise.all([got.ended(), run.ended()]);
    assertEquals({ a: a.code, b: b.code }, { a: 0, b: 0 }, a.output + b.output);
    assertEquals(printed(run), { computed: 0, failures: 0 });
    assertEquals(creates(rig).length, 1);
  });

  it("a forced get replaces a result without a moment in which a reader finds none or a torn one", async () => {
    await using rig = new Rig();
    assertEquals((await job(rig, ["get", "Large"]).ended()).code, 0);
    const reader = job(rig, ["read", "Large"]);
    for (let attempt = 2; attempt <= 4; attempt++) {
      const forced = job(rig, ["force", "Large"]);
      assertEquals((await forced.ended()).code, 0, forced.stderr);
      assertEquals(printed(forced).attempt, attempt);
    }
    rig.touch("stop");
    const { code, output } = await reader.ended();
    assertEquals(code, 0, output);
    const { missing, seen, reads } = printed(reader);
    assertEquals(missing, 0);
    assert(seen.length > 1, `the reader saw only ${seen} in ${reads} reads`);
  });
});
