import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { gone, Scene } from "./run_rig.ts";

const SIGNALS = [["SIGINT", 130], ["SIGTERM", 143]] as const;

for (const isolation of ["process", "inline"] as const) {
  describe(`a run with isolation ${isolation}`, () => {
    for (const [signal, code] of SIGNALS) {
      it(`ends on ${signal}: tasks get their signal, attempts end as preempted, exit ${code}`, async () => {
        await using scene = await Scene.make();
        const wait = (id: string) => ({ id, does: [`heed ${id}`] });
        const run = scene.start([wait("a"), wait("b"), { id: "c", needs: [wait("a")] }], {
          options: { isolation, maxWorkers: 2 },
        });
        const pids = [await scene.appeared("a"), await scene.appeared("b")];
        run.kill(signal);
        const ended = await run.ended;
        assertEquals({ code: ended.code, report: ended.report }, { code, report: undefined }, ended.stderr);
        await scene.appeared("a.aborted", "b.aborted");
        for (const pid of pids) await gone(pid);
        assertEquals(scene.temporary(), []);
        assertEquals((await scene.ends()).map(({ kind }) => kind), ["preempted", "preempted"]);
        assert(!(await scene.stored()).some((name) => name.endsWith(".claim")));
        const again = await scene.run([{ id: "a" }, { id: "b" }], { options: { isolation } });
        assertEquals(again.summary?.computed, 2);
      });
    }

    it("rejects with the reason of the caller's signal, its attempts preempted", async () => {
      await using scene = await Scene.make();
      const run = scene.start([{ id: "a", does: ["heed a"] }], { options: { isolation }, abortOn: "stop" });
      const pid = await scene.appeared("a");
      await scene.touch("stop");
      const { report, code } = await run.ended;
      assertEquals({ code, message: report?.error?.message }, { code: 0, message: "the caller had enough" });
      assertEquals((await scene.ends()).map(({ kind }) => kind), ["preempted"]);
      if (isolation === "process") await gone(pid);
    });
  });
}

describe("Ctrl-C of a run that only watches", () => {
  it("ends it at once and leaves the other run alone", async () => {
    await using scene = await Scene.make();
    const node = { id: "a", does: ["pid a", "await go"] };
    const first = scene.start([node]);
    await scene.appeared("a");
    const second = scene.start([node]);
    await scene.appeared("watched");
    second.kill("SIGINT");
    assertEquals((await second.ended).code, 130);
    await scene.touch("go");
    assertEquals((await first.ended).report?.summary?.computed, 1);
    assertEquals(await scene.ends(), []);
  });
});

describe("Ctrl-C", () => {
  it("is answered while tasks still run", async () => {
    await using scene = await Scene.make();
    const script = await scene.write(
      "plain.ts",
      `import { runLocal } from "@furu/furu";
       import { Step } from "${new URL("./fixtures_run/step.ts", import.meta.url)}";
       if (import.meta.main) await runLocal(Step({ id: "a", does: ["ignore a"] }), { progress: "plain" });`,
    );
    const program = scene.spawn([script]);
    await scene.appeared("a");
    program.kill("SIGINT");
    const { code, stderr } = await program.ended;
    assertEquals(code, 130, stderr);
    const lines = stderr.split("\n").map((line) => line.trim());
    const [told, end] = ["interrupted: tasks that run", "interrupted: 0 computed"].map((words) =>
      lines.findIndex((line) => line.includes(words))
    );
    assert(0 <= told! && told! < end!, stderr);
  });
});

describe("Ctrl-C twice", () => {
  it("kills at once what heeds no signal", async () => {
    await using scene = await Scene.make();
    const run = scene.start([{ id: "a", does: ["ignore a"] }, { id: "b", does: ["block b"] }], {
      options: { maxWorkers: 2 },
    });
    const pids = [await scene.appeared("a"), await scene.appeared("b")];
    const started = Date.now();
    run.kill("SIGINT");
    const timer = setInterval(() => run.kill("SIGINT"), 100);
    const { code } = await run.ended;
    clearInterval(timer);
    assertEquals(code, 130);
    // The grace of the first signal alone is 5 s.
    assert(Date.now() - started < 4000, `took ${Date.now() - started} ms`);
    for (const pid of pids) await gone(pid);
    assertEquals(scene.temporary(), []);
    const again = await scene.run([{ id: "a" }, { id: "b" }]);
    assertEquals(again.summary?.computed, 2);
  });
});

describe("Ctrl-C of a process with several runs", () => {
  it("ends the attempts of all of them as preempted", async () => {
    await using scene = await Scene.make();
    const script = await scene.write(
      "several.ts",
      `import { runLocal } from "@furu/furu";
       import { Step } from "${new URL("./fixtures_run/step.ts", import.meta.url)}";
       const run = (id: string) => runLocal(Step({ id, does: ["heed " + id] }), { progress: "none" });
       if (import.meta.main) await Promise.all([run("a"), run("b")]);`,
    );
    const program = scene.spawn([script]);
    await scene.appeared("a", "b");
    program.kill("SIGINT");
    assertEquals((await program.ended).code, 130);
    assertEquals((await scene.ends()).map(({ kind }) => kind), ["preempted", "preempted"]);
  });
});

describe("a signal that aborted before the run", () => {
  it("rejects it before anything starts", async () => {
    await using scene = await Scene.make();
    const script = await scene.write(
      "aborted.ts",
      `import { runLocal } from "@furu/furu";
       import { Step } from "${new URL("./fixtures_run/step.ts", import.meta.url)}";
       await runLocal([Step({ id: "a" })], { signal: AbortSignal.abort(new Error("never mind")) });`,
    );
    const { code, stderr } = await scene.spawn([script]).ended;
    assertEquals(code, 1);
    assertStringIncludes(stderr, "never mind");
    assertEquals(await scene.created(), []);
  });
});
