import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { gone, type Node, Scene, until } from "./run_rig.ts";

/** Runs one bad artifact beside good ones: it fails alone, once per attempt, with this evidence. */
async function failsAlone(does: string[], evidence: RegExp, more: Partial<Node> = {}): Promise<void> {
  await using scene = await Scene.make();
  const good = Array.from({ length: 4 }, (_, i) => ({ id: `good${i}` }));
  const report = await scene.run([{ id: "bad", does, ...more }, ...good], {
    options: { keepGoing: true, maxComputeRetries: 1, maxWorkers: 2 },
    // The heap of the one that eats all memory; the others need far less.
    env: { DENO_V8_FLAGS: "--max-old-space-size=96" },
  });
  assertEquals(report.error?.name, "RunFailedError");
  const { failures, computed } = report.summary!;
  assertEquals({ failures: failures.length, computed }, { failures: 1, computed: 4 }, report.error?.message);
  assertMatch(failures[0]!.error, evidence);
  assertEquals({ kind: failures[0]!.kind, attempts: failures[0]!.attempts }, {
    kind: "compute",
    attempts: 2,
  });
  assertEquals((await scene.created()).filter((id) => id === "bad").length, 2);
  assertMatch(await Deno.readTextFile(failures[0]!.log!), evidence);
  assertEquals((await scene.ends()).map(({ kind }) => kind), ["failed", "failed"]);
}

describe("a task that kills its process is one compute failure per attempt, and the run goes on:", () => {
  it("Deno.exit(3)", () => failsAlone(["exit 3"], /exit code 3/));
  it("Deno.exit(0)", () => failsAlone(["exit 0"], /without an outcome.*exit code 0/));
  it("an error thrown outside of any promise", () => failsAlone(["throwOutside bang"], /bang/));
  it("a rejection that nobody handles", () => failsAlone(["rejectOutside bang"], /bang/));
  it("SIGKILL", () => failsAlone(["signal SIGKILL"], /killed by SIGKILL/));
  it("all memory eaten", () => failsAlone(["oom"], /exit 133.*heap/));
  it("a time limit exceeded without a turn of the event loop", () =>
    failsAlone(["block blocked"], /exceeded its time limit of 0.2 s/, { limit: 0.2 }));
});

describe("processes of a run", () => {
  it("die with it while they compute without a pause; the next run computes anew at once", async () => {
    await using scene = await Scene.make();
    const run = scene.start([{ id: "a", does: ["grandchild grandchild", "block blocked"] }]);
    const pids = [await scene.appeared("blocked"), await scene.appeared("grandchild")];
    run.kill("SIGKILL");
    await run.ended;
    for (const pid of pids) await gone(pid);
    await until("the workers' socket is removed", () => scene.temporary().length === 0);
    const report = await scene.run([{ id: "a" }]);
    assertEquals(
      { ok: report.ok, computed: report.summary?.computed },
      { ok: true, computed: 1 },
      report.error?.message,
    );
    const [end, ...others] = await scene.ends();
    assertEquals({ kind: end?.kind, others }, { kind: "crashed", others: [] });
    // By proof, not by a lease that was waited for.
    assertMatch(end?.error ?? "", /^its process .* is gone$/);
  });

  it("leave none behind that their tasks have started", async () => {
    await using scene = await Scene.make();
    const report = await scene.run([{ id: "a", does: ["grandchild pid"] }]);
    assertEquals(report.ok, true);
    await gone(await scene.appeared("pid"));
  });

  it("take one task after another, and another one takes over from one that died", async () => {
    await using scene = await Scene.make();
    const pid = (id: string, more: string[] = []) => ({ id, does: [`pid ${id}`, ...more] });
    const roots = [pid("a"), pid("b"), { id: "bad", does: ["failUntil 2", "pid bad"] }, pid("c")];
    await scene.run(roots, { options: { maxWorkers: 1, window: "dfs" } });
    const pids = await Promise.all(["a", "b", "bad", "c"].map((name) => scene.appeared(name)));
    assertEquals(new Set(pids).size, 1);
    await scene.run([pid("d", ["exit 1"]), pid("e")], {
      options: { maxWorkers: 1, window: "dfs", keepGoing: true, maxComputeRetries: 0 },
    });
    assert(await scene.appeared("d") !== await scene.appeared("e"), "another process");
  });
});

describe("what a task prints", () => {
  it("goes to the log of its attempt alone, and looks like no message", async () => {
    await using scene = await Scene.make();
    const fake = `{"type":"outcome","id":1,"outcome":{"kind":"success"},"marked":true,"replaceMe":false}`;
    const print = (id: string) => ({
      id,
      does: [`raw ${fake}`, `print from ${id}`, "run echo program", "fail x"],
    });
    const ended = await scene.start([print("a"), print("b")], {
      options: { maxWorkers: 1, keepGoing: true, maxComputeRetries: 0 },
    }).ended;
    assertEquals(ended.stdout.trimEnd().split("\n").length, 1, "only the report");
    assertEquals(ended.stderr, "");
    const { failures } = ended.report!.summary!;
    assertEquals(failures.length, 2);
    for (const { log, params } of failures) {
      const text = await Deno.readTextFile(log!);
      const id = /id: "(.)"/.exec(params)![1]!;
      assertStringIncludes(text, `${fake}from ${id}\nprogram\n`);
      assertEquals(text.match(/from/g)?.length, 1);
    }
  });

  it("and what it tells of its progress reaches the run's listener", async () => {
    await using scene = await Scene.make();
    await scene.run([{ id: "a", does: ["progress 0.5"] }]);
    await scene.appeared("progress 0.5 half way");
  });

  it("never floats in later: what goes on by itself ends with its process, and nobody else is blamed", async () => {
    await using scene = await Scene.make();
    const report = await scene.run([
      { id: "first", does: ["float go"] },
      { id: "second", does: ["touch go", "print second is well"] },
    ], { options: { maxWorkers: 1, window: "dfs", maxComputeRetries: 0 } });
    assertEquals(
      { ok: report.ok, computed: report.summary?.computed },
      { ok: true, computed: 2 },
      report.error?.message,
    );
    const logs = (await scene.stored()).filter((name) => name.endsWith(".log"));
    const texts = await Promise.all(logs.map((name) => Deno.readTextFile(`${scene.root}/${name}`)));
    assertEquals(texts.filter((text) => text.includes("floated from go")).length, 0, texts.join("---"));
    assertEquals(texts.filter((text) => /left behind: .*timer/.test(text)).length, 1, texts.join("---"));
    assertEquals(texts.filter((text) => text.includes("second is well")).length, 1);
    assert(!texts.some((text) => text.includes("left behind") && text.includes("second is well")));
  });
});
