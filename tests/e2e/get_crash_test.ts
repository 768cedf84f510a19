import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { systemMachine } from "../../lib/core/system/system_machine.ts";
import { privateName } from "../../lib/store/layout.ts";
import { exists, Rig, until } from "../rig.ts";
import { begun, creates, ends, job, litter, printed } from "./job.ts";

describe("get and processes that die", () => {
  it("a process killed while it computes is taken over at once by one that waits for it on the same host", async () => {
    await using rig = new Rig();
    const killed = job(rig, ["get", "Wait"]);
    await begun(rig);
    const waiting = job(rig, ["get", "Wait"]);
    await until(() => waiting.stderr.includes("waiting for e2e/Wait("), "the other one says that it waits");
    assertMatch(waiting.stderr, new RegExp(`computed by pid ${killed.pid} on ${Deno.hostname()}`));
    killed.kill("SIGKILL");
    const started = performance.now();
    await begun(rig, 2);
    assertLess(performance.now() - started, 5000); // far below the lease of 120 s
    rig.touch("one.go");
    const { code, output } = await waiting.ended();
    assertEquals(code, 0, output);
    assertEquals(printed(waiting), { id: "one", attempt: 2 });
    const [end, ...others] = ends(rig);
    assertEquals(others, []);
    assertEquals({ kind: end.kind, attempt: end.attempt }, { kind: "crashed", attempt: 1 });
    assertEquals(litter(rig), []);
  });

  it("a process killed while nobody looks is taken over by the next get", async () => {
    await using rig = new Rig();
    const killed = job(rig, ["get", "Wait"]);
    await begun(rig);
    killed.kill("SIGKILL");
    await killed.ended();
    assert(litter(rig).some((name) => name.endsWith(".claim")));
    rig.touch("one.go");
    const next = job(rig, ["get", "Wait"]);
    assertEquals((await next.ended()).code, 0, next.stderr);
    assertEquals(creates(rig).map(({ attempt }) => attempt), [1, 2]);
    assertEquals(litter(rig), []);
  });

  it("what an attempt saved in its checkpoint folder is there for the next one, and gone after a success", async () => {
    await using rig = new Rig();
    for (const attempt of [1, 2]) {
      const killed = job(rig, ["get", "Checkpointed"]);
      await begun(rig, attempt);
      killed.kill("SIGKILL");
      await killed.ended();
    }
    assertEquals(rig.tree().filter((name) => name.endsWith(".checkpoint")).length, 1);
    rig.touch("one.go");
    const last = job(rig, ["get", "Checkpointed"]);
    assertEquals((await last.ended()).code, 0, last.stderr);
    assertEquals(printed(last), "1 2 3");
    assertEquals(litter(rig), []);
  });

  it("names that a dead process left in the folder are swept by the next one that computes", async () => {
    await using rig = new Rig();
    const killed = job(rig, ["get", "Wait"]);
    await begun(rig);
    killed.kill("SIGKILL");
    await killed.ended();
    const claim = rig.tree().find((name) => name.endsWith(".claim"))!;
    const home = join(rig.root, claim.replace(/\.claim$/, ""));
    // A name as the dead process would have left it: taken from its own way of naming.
    const probe = job(rig, ["get", "Wait"]);
    await begun(rig, 2);
    const { owner } = JSON.parse(Deno.readTextFileSync(`${home}.claim`));
    assertEquals(owner.pid, probe.pid);
    probe.kill("SIGKILL");
    await probe.ended();
    const machine = systemMachine();
    for (const kind of ["tmp", "trash"] as const) {
      Deno.writeTextFileSync(privateName(home, kind, { ...machine, self: owner }), "{}");
    }
    const mine = privateName(home, "tmp", machine);
    Deno.writeTextFileSync(mine, "{}");
    assertEquals(litter(rig).filter((name) => /\.(tmp|trash)-/.test(name)).length, 3);
    rig.touch("one.go");
    const last = job(rig, ["get", "Wait"]);
    assertEquals((await last.ended()).code, 0, last.stderr);
    assertEquals(litter(rig), [mine.slice(rig.root.length + 1)], "only what a living process left may stay");
    assert(exists(mine));
  });

  it("a computation without a pause, longer than its lease, stays alive to an observer in another process", async () => {
    await using rig = new Rig();
    const env = { FURU_LEASE_SECS: "2" };
    const blocked = job(rig, ["get", "Block", "one", 5000], env);
    await begun(rig);
    const observer = job(rig, ["get", "Block", "one", 5000], env);
    const [a, b] = await Promise.all([blocked.ended(), observer.ended()]);
    assertEquals({ a: a.code, b: b.code }, { a: 0, b: 0 }, a.output + b.output);
    assertEquals(creates(rig), [{ pid: blocked.pid, attempt: 1 }]);
    assertEquals(printed(observer), { id: "one", attempt: 1 });
    assertStringIncludes(observer.stderr, `computed by pid ${blocked.pid}`);
  });

  it("a suspended process is declared dead after its lease, and does no harm when it wakes up", async () => {
    await using rig = new Rig();
    const env = { FURU_LEASE_SECS: "1" };
    const suspended = job(rig, ["get", "Wait"], env);
    await begun(rig);
    suspended.kill("SIGSTOP");
    const next = job(rig, ["get", "Wait"], env);
    await begun(rig, 2);
    rig.touch("one.go");
    assertEquals((await next.ended()).code, 0, next.stderr);
    assertEquals(printed(next).attempt, 2);
    suspended.kill("SIGCONT");
    const { code, output } = await suspended.ended();
    assertEquals(code, 0, output);
    assertEquals(printed(suspended), { id: "one", attempt: 2 }, "the first result counts for everybody");
    assertEquals(litter(rig), []);
  });
});
