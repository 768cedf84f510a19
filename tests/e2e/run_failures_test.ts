import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { exists } from "@std/fs/exists";
import { describe, it } from "@std/testing/bdd";
import { type DriveOptions, Scene } from "./run_rig.ts";

/** Each behaviour holds wherever the tasks run. */
for (const isolation of ["process", "inline"] as const) {
  const options = (more: DriveOptions["options"] = {}): DriveOptions => ({ options: { isolation, ...more } });

  describe(`runLocal() with isolation ${isolation}`, () => {
    it("computes what is missing, dependencies first, also those in unhashed parameters", async () => {
      await using scene = await Scene.make();
      const roots = [{ id: "top", needs: [{ id: "a" }, { id: "b" }], beside: [{ id: "c" }] }];
      const first = await scene.run(roots, options());
      assertEquals(first.summary?.computed, 4);
      const created = await scene.created();
      assertEquals({ first: created.slice(0, 3).sort(), last: created[3] }, {
        first: ["a", "b", "c"],
        last: "top",
      });
      const second = await scene.run(roots, options());
      assertEquals({ computed: second.summary?.computed, cached: second.summary?.cached }, {
        computed: 0,
        cached: 1,
      });
      assertEquals((await scene.created()).length, 4);
      assertEquals(
        (await scene.stored()).filter((name) => !/\.json$|^artifacts\/run(\/Step)?$/.test(name)),
        [],
      );
    });

    it("tries a failing task N times after the first attempt", async () => {
      for (const [retries, attempts] of [[0, 1], [2, 3]] as const) {
        await using scene = await Scene.make();
        const report = await scene.run(
          [{ id: "a", does: ["fail boom"] }],
          options({ maxComputeRetries: retries }),
        );
        assertEquals(report.error?.name, "RunFailedError");
        assertEquals((await scene.created()).length, attempts);
        assertEquals(report.summary?.failures[0]?.attempts, attempts);
        assertEquals(report.summary?.retries, retries);
        assertEquals((await scene.ends()).map(({ kind }) => kind), Array(attempts).fill("failed"));
      }
    });

    it("tries 3 times again by default, and each run anew", async () => {
      await using scene = await Scene.make();
      const roots = [{ id: "a", does: ["fail boom"] }];
      await scene.run(roots, options());
      assertEquals((await scene.created()).length, 4);
      await scene.run(roots, options());
      assertEquals((await scene.created()).length, 8);
    });

    it("goes on when a flaky task succeeds at the third attempt", async () => {
      await using scene = await Scene.make();
      const report = await scene.run([{ id: "top", needs: [{ id: "a", does: ["failUntil 3"] }] }], options());
      assertEquals(report.ok, true, report.error?.message);
      assertEquals(await scene.created(), ["a", "a", "a", "top"]);
      assertEquals(report.summary?.retries, 2);
    });

    it("does not try again what trying again cannot help, and says so", async () => {
      const causes = {
        "permanent no such column": "wrapped",
        "return Model": "Cannot store value.model of run/Step(",
        "program no-such-program": "no folder of PATH has a program 'no-such-program'",
      };
      for (const [does, text] of Object.entries(causes)) {
        await using scene = await Scene.make();
        const report = await scene.run(
          [{ id: "a", does: [does] }, { id: "b" }],
          options({ keepGoing: true }),
        );
        assertEquals((await scene.created()).sort(), ["a", "b"], does);
        const [failure] = report.summary!.failures;
        assertEquals({ kind: failure?.kind, lasting: failure?.lasting, attempts: failure?.attempts }, {
          kind: "compute",
          lasting: true,
          attempts: 1,
        });
        assertStringIncludes(failure!.error, text);
        assertStringIncludes(
          report.error!.message,
          "after 1 attempt (trying again cannot help, never retried)",
        );
        assertEquals((await scene.ends()).map((end) => (end as { lasting?: true }).lasting), [true]);
      }
    });

    it("names the line of the task whose value cannot be stored, not furu's own code", async () => {
      await using scene = await Scene.make();
      const report = await scene.run([{ id: "a", does: ["return Model"] }], options());
      const { message } = report.error!;
      assertMatch(message, /\n {3}at +create of run\/Step \(file:.*\/fixtures_run\/step\.ts:\d+:\d+\)\n/);
      assertMatch(
        message,
        /only plain data is allowed; 'create' returned it, of the task at file:.*step\.ts:\d+:\d+\n/,
      );
      assertEquals(/lib\/(run|core|store)\//.test(message), false, message);
    });

    it("tells an error by what it is, not by its name or by its having a code", async () => {
      for (const name of ["ProtocolError", "ExecutionError", "StoreError", "PermanentError"]) {
        await using scene = await Scene.make();
        const report = await scene.run(
          [{ id: "a", does: [`pretend ${name}`] }],
          options({ maxComputeRetries: 1 }),
        );
        const [failure] = report.summary!.failures;
        assertEquals({ kind: failure?.kind, attempts: failure?.attempts, lasting: failure?.lasting }, {
          kind: "compute",
          attempts: 2,
          lasting: undefined,
        }, name);
        assertEquals(failure?.error, `${name}: pretended`);
      }
    });

    it("does not try again with retryFailed off, and refuses what failed in an earlier run", async () => {
      await using scene = await Scene.make();
      const roots = [{ id: "a", does: ["fail boom"] }];
      await scene.run(roots, options({ retryFailed: false }));
      assertEquals(await scene.created(), ["a"]);
      const second = await scene.run(roots, options({ retryFailed: false }));
      assertEquals(await scene.created(), ["a"]);
      assertStringIncludes(second.error?.message ?? "", "boom");
      assertEquals(second.summary?.failures[0]?.attempts, 0);
    });

    it("stops at once on a dependency that was not declared, naming who asked and what to do", async () => {
      await using scene = await Scene.make();
      const report = await scene.run([{ id: "a", does: ["get b"] }], options());
      assertEquals(await scene.created(), ["a"]);
      assertEquals(report.summary?.failures[0]?.kind, "protocol");
      assertMatch(
        report.error!.message,
        /MissingArtifactError: .*run\/Step\(\w{8}\).*asked for by run\/Step/,
      );
      assertStringIncludes(report.error!.message, "declare");
    });

    it("stops at once when a task forces another artifact or starts a run", async () => {
      for (const does of ["forceSelf", "runLocal"]) {
        await using scene = await Scene.make();
        const report = await scene.run([{ id: "a", does: [does] }], options());
        assertEquals(await scene.created(), ["a"]);
        assertEquals(report.summary?.failures[0]?.kind, "protocol", report.error?.message);
        assertStringIncludes(report.error!.message, "ExecutionError");
      }
    });

    it("lets running tasks finish after a failure and starts nothing new", async () => {
      await using scene = await Scene.make();
      const running = scene.start([
        { id: "slow", does: ["touch slow", "await go"] },
        { id: "bad", does: ["await slow", "fail boom"] },
        { id: "late", needs: [{ id: "later" }] },
      ], options({ maxWorkers: 2, maxComputeRetries: 0, window: 2 }));
      await scene.appeared("slow");
      await untilEnd(scene, 1);
      await scene.touch("go");
      const { report } = await running.ended;
      assertEquals({ computed: report?.summary?.computed, notRun: report?.summary?.notRun }, {
        computed: 1,
        notRun: 2,
      }, report?.error?.message);
      assertEquals(await scene.lines("returned"), ["slow"]);
      assertEquals((await scene.created()).sort(), ["bad", "slow"]);
      assertStringIncludes(report!.error!.message, "--keep-going");
    });

    it("does all that does not depend on a failure first with keepGoing", async () => {
      await using scene = await Scene.make();
      const bad = { id: "bad", does: ["fail boom"] };
      const report = await scene.run([
        { id: "above", needs: [bad] },
        { id: "b", needs: [{ id: "c" }] },
        { id: "worse", does: ["fail bang"] },
      ], options({ keepGoing: true, maxWorkers: 1, maxComputeRetries: 0, window: "dfs" }));
      assertEquals(await scene.lines("returned"), ["c", "b"]);
      assertEquals(report.summary?.failures.map(({ error }) => error), ["boom", "bang"]);
      assertEquals({ computed: report.summary?.computed, notRun: report.summary?.notRun }, {
        computed: 2,
        notRun: 1,
      });
    });

    it("tells of a failure its task, hash, parameters, attempts, error, log and the log's last lines", async () => {
      await using scene = await Scene.make();
      const does = ["print first words", "printError last words", "fail boom"];
      const report = await scene.run([{ id: "a", does }], options({ maxComputeRetries: 1 }));
      const failure = report.summary!.failures[0]!;
      assertEquals({ name: failure.name, kind: failure.kind, attempts: failure.attempts }, {
        name: "run/Step",
        kind: "compute",
        attempts: 2,
      });
      const text = report.error!.message;
      for (const part of [`run/Step(${failure.hash.slice(0, 8)})`, 'id: "a"', "2 attempts", "boom"]) {
        assertStringIncludes(text, part);
      }
      if (isolation === "process") {
        assertStringIncludes(text, "last words");
        assertStringIncludes(await Deno.readTextFile(failure.log!), "first words\nlast words\n");
      }
      assertStringIncludes(text, failure.log!);
      assertStringIncludes(await Deno.readTextFile(failure.log!), "Error: boom");
    });

    it("has a log that says why also when nothing was printed", async () => {
      await using scene = await Scene.make();
      const report = await scene.run([{ id: "a", does: ["throw words"] }], options({ maxComputeRetries: 0 }));
      const { log, error } = report.summary!.failures[0]!;
      assertStringIncludes(error, "words");
      assert(await exists(log!), "the log exists");
      assertStringIncludes(await Deno.readTextFile(log!), "words");
    });

    it("tells of whatever is thrown, and cuts what is endless", async () => {
      await using scene = await Scene.make();
      const script = await scene.write("odd.ts", ODD);
      const { code, stdout, stderr } = await scene.spawn([script, isolation]).ended;
      assertEquals(
        { code, stdout },
        { code: 0, stdout: "compute compute compute compute compute\n" },
        stderr,
      );
    });

    it("goes by what a task says of retries itself, unless the run was asked for none", async () => {
      await using scene = await Scene.make();
      const script = await scene.write("own.ts", OWN);
      for (
        const [retries, told] of [["1", "own 3 code 1 denied 1 plain 2\n"], [
          "0",
          "own 1 code 1 denied 1 plain 1\n",
        ]]
      ) {
        const { stdout, stderr } = await scene.spawn([script, isolation, retries!]).ended;
        assertEquals(stdout, told, stderr);
      }
    });

    it("passes large values on", async () => {
      await using scene = await Scene.make();
      const report = await scene.run([{ id: "top", needs: [{ id: "a", size: 3_000_000 }] }], options());
      assertEquals(report.ok, true, report.error?.message);
    });

    it("ends a task that exceeds its time limit", async () => {
      await using scene = await Scene.make();
      const report = await scene.run([{ id: "a", limit: 0.1, does: ["heed a"] }, { id: "b" }], {
        ...options({ keepGoing: true, maxComputeRetries: 1 }),
      });
      assertMatch(report.summary?.failures[0]?.error ?? "", /time limit of 0\.1 s/);
      assertEquals(report.summary?.failures[0]?.kind, "compute");
      assertEquals((await scene.created()).toSorted(), ["a", "a", "b"]);
      await scene.appeared("a.aborted");
    });

    it("computes 1,000 tiny artifacts, and none of them again", async () => {
      await using scene = await Scene.make();
      const roots = Array.from({ length: 1000 }, (_, i) => ({ id: `${i}` }));
      const first = await scene.run(roots, options());
      assertEquals(
        { ok: first.ok, computed: first.summary?.computed },
        { ok: true, computed: 1000 },
        first.error?.message,
      );
      const second = await scene.run(roots, options());
      assertEquals({ computed: second.summary?.computed, cached: second.summary?.cached }, {
        computed: 0,
        cached: 1000,
      });
      assertEquals((await scene.created()).length, 1000);
    });
  });
}

const OWN = `
import { defineTask, runLocal, z } from "@furu/furu";
const params = z.object({});
const create = () => { throw new Error("busy"); };
const own = { retries: 2, retryDelaySec: (attempt) => attempt / 1000 };
const TASKS = {
  own: defineTask({ name: "own/own", params, ...own, create }),
  code: defineTask({ name: "own/code", params, ...own, create: async () => await Promise.reject(nothing.at) }),
  denied: defineTask({ name: "own/denied", params, ...own, retryable: (error) => error.message !== "busy", create }),
  plain: defineTask({ name: "own/plain", params, create }),
};
if (import.meta.main) {
  const [isolation, retries] = Deno.args;
  const options = { progress: "none", isolation, keepGoing: true, maxComputeRetries: Number(retries) };
  const failed = await runLocal(Object.values(TASKS).map((task) => task()), options).catch((error) => error.failures);
  console.log(Object.keys(TASKS).map((name) => name + " " + failed.find((each) => each.name === "own/" + name).attempts).join(" "));
}
`;

const ODD = `
import { defineTask, RunFailedError, runLocal, z } from "@furu/furu";
const ACTS: (() => unknown)[] = [
  () => { throw null; },
  () => { throw { get message() { throw new Error("inner"); } }; },
  () => { throw new Proxy({}, { get() { throw new Error("trap"); } }); },
  () => { throw new Error("x".repeat(3_000_000)); },
  () => () => "a function is no value",
];
const A = defineTask({ name: "odd/A", params: z.object({ k: z.int() }), create: ({ params }) => ACTS[params.k]!() });
if (import.meta.main) {
  try {
    const isolation = Deno.args[0] as "inline";
    await runLocal(ACTS.map((_, k) => A({ k })), { progress: "none", isolation, keepGoing: true, maxComputeRetries: 0 });
  } catch (error) {
    const { failures, message } = error as RunFailedError;
    if (message.length > 100_000) throw new Error("a message of " + message.length + " characters");
    console.log(failures.map(({ kind, error }) => error === "" ? "none" : kind).join(" "));
  }
}
`;

/** Until so many attempts have ended without success. */
async function untilEnd(scene: Scene, count: number): Promise<void> {
  while ((await scene.ends()).length < count) await new Promise((resolve) => setTimeout(resolve, 5));
}
