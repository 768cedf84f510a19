import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Rig, until } from "../rig.ts";
import { begun, creates, ends, job, litter, printed } from "./job.ts";

describe("get that waits for another process", () => {
  it("waiting longer than FURU_MAX_WAIT_SECS is a WaitTimeoutError that names owner, host and claim", async () => {
    await using rig = new Rig();
    const computing = job(rig, ["get", "Wait"]);
    await begun(rig);
    const impatient = job(rig, ["get", "Wait"], { FURU_MAX_WAIT_SECS: "0.5" });
    const { code } = await impatient.ended();
    assertEquals(code, 1);
    const { error, message, furu } = printed(impatient);
    assertEquals({ error, furu }, { error: "WaitTimeoutError", furu: true });
    assertMatch(message, /e2e\/Wait\([0-9a-f]{8}\)/);
    assertStringIncludes(message, `pid ${computing.pid} on ${Deno.hostname()}`);
    assertMatch(message, /since \d{4}-\d\d-\d\dT/);
    assertMatch(message, /claim is \/.*\.claim/);
    assertStringIncludes(message, "maxWaitSec 0.5");
    rig.touch("one.go");
    assertEquals((await computing.ended()).code, 0);
    assertEquals(creates(rig).length, 1);
  });

  it("exists and plan look without waiting, and change nothing", async () => {
    await using rig = new Rig();
    const computing = job(rig, ["get", "Wait"]);
    await begun(rig);
    await until(() => !litter(rig).some((name) => name.includes(".tmp-")), "its thread has begun to beat");
    const before = rig.tree();
    const looks = [
      job(rig, ["exists", "Wait"]),
      job(rig, ["plan", "Nested", "outer"]),
      job(rig, ["plan", "Wait"]),
    ];
    for (const look of looks) assertEquals((await look.ended()).code, 0, look.stderr);
    assertEquals(printed(looks[0]!), false);
    assertEquals(printed(looks[1]!), { done: 0, inProgress: 0, todo: 2, failed: 0 });
    assertEquals(printed(looks[2]!), { done: 0, inProgress: 1, todo: 0, failed: 0 });
    assertEquals(rig.tree(), before);
    rig.touch("one.go");
    assertEquals((await computing.ended()).code, 0);
    assertEquals(ends(rig), []);
  });

  it("configure() in a script stands above FURU_PATH", async () => {
    await using rig = new Rig();
    const script = job(rig, ["configured", "Plain"]);
    assertEquals((await script.ended()).code, 0, script.stderr);
    assertEquals(rig.tree(), []);
    assertEquals(Deno.statSync(`${rig.folder}/configured/artifacts/e2e/Plain`).isDirectory, true);
  });
});
