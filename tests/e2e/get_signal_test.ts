import { assertEquals, assertLess, assertNotEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { join } from "@std/path/join";
import { Rig, until } from "../rig.ts";
import { begun, creates, ends, job, litter, printed } from "./job.ts";

describe("get and signals", () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    it(`${signal} during a computation ends it as preempted, with exit code ${code}, and the next get computes`, async () => {
      await using rig = new Rig();
      const interrupted = job(rig, ["get", "Nested", "outer"]);
      await begun(rig, 1, "inner");
      interrupted.kill(signal);
      const ended = await interrupted.ended();
      assertEquals(ended.code, code, ended.output);
      assertEquals(ends(rig).map(({ kind }) => kind), ["preempted", "preempted"]);
      assertStringIncludes(ends(rig)[0].error, signal);
      assertEquals(litter(rig), []);
      rig.touch("inner.go");
      const next = job(rig, ["get", "Nested", "outer"]);
      assertEquals((await next.ended()).code, 0, next.stderr);
      assertEquals(printed(next).of.attempt, 2);
      assertEquals(creates(rig, "inner").length, 2);
    });
  }

  it("SIGINT during a computation without a pause takes effect when that lets go: stored, exit code 130", async () => {
    await using rig = new Rig();
    const blocked = job(rig, ["get", "Block", "one", 1500]);
    await begun(rig);
    blocked.kill("SIGINT");
    const ended = await blocked.ended();
    assertEquals(ended.code, 130, ended.output);
    assertEquals(ends(rig), []);
    assertEquals(litter(rig), []);
    const next = job(rig, ["exists", "Block", "one", 1500]);
    assertEquals((await next.ended()).code, 0, next.stderr);
    assertEquals(printed(next), true);
  });

  it("SIGINT while waiting for another process ends the waiting one alone", async () => {
    await using rig = new Rig();
    const computing = job(rig, ["get", "Wait"]);
    await begun(rig);
    const waiting = job(rig, ["get", "Wait"]);
    await until(() => waiting.stderr.includes("waiting for"), "it waits");
    waiting.kill("SIGINT");
    const { code, signal } = await waiting.ended();
    assertEquals({ code, signal }, { code: 130, signal: "SIGINT" });
    rig.touch("one.go");
    assertEquals((await computing.ended()).code, 0);
    assertEquals(ends(rig), []);
  });

  it("SIGINT during a computation without a pause that goes on ends its process, and the attempt as preempted", async () => {
    await using rig = new Rig();
    const blocked = job(rig, ["get", "Block", "one", 25_000]);
    await begun(rig);
    const started = performance.now();
    const pressing = setInterval(() => blocked.kill("SIGINT"), 500); // as somebody does who sees nothing happen
    const ended = await blocked.ended();
    clearInterval(pressing);
    assertLess(performance.now() - started, 8000);
    assertNotEquals(ended.code, 0);
    // It could not end each of its attempts any more, but say what became of all of them.
    const [dead, ...others] = rig.tree().filter((path) => path.endsWith("/dead.json"));
    assertEquals(others, []);
    assertEquals(JSON.parse(Deno.readTextFileSync(join(rig.root, dead!))).kind, "preempted");
    const next = job(rig, ["plan", "Block", "one", 25_000]);
    assertEquals((await next.ended()).code, 0, next.stderr);
    assertEquals(printed(next).todo, 1);
  });

  it("SIGINT ends a script that blocks after a get has ended", async () => {
    await using rig = new Rig();
    const script = job(rig, ["get-then-block", "Plain", "one", 8000]);
    await until(() => script.stdout.includes("blocking"), "the get has ended");
    const started = performance.now();
    script.kill("SIGINT");
    const ended = await script.ended();
    assertLess(performance.now() - started, 5000);
    assertEquals(ended.stdout.includes("went on"), false);
  });

  it("SIGINT between two gets of a script is not lost", async () => {
    for (let turn = 0; turn < 3; turn++) {
      await using rig = new Rig();
      const script = job(rig, ["get-then-pause", "Plain"]);
      await until(() => script.stdout.includes("pausing"), "the first get has ended");
      script.kill("SIGINT");
      const ended = await script.ended();
      assertEquals(ended.stdout.includes("went on"), false, ended.output);
      assertEquals(ended.code, 130);
    }
  });
});
