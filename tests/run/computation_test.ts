import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ComputeError, ConfigError } from "../../lib/core/errors.ts";
import { get } from "../../lib/api/get.ts";
import { readEnds } from "../../lib/store/results/ends.ts";
import { tryClaim } from "../../lib/store/claims/claim.ts";
import { endAttempt } from "../../lib/store/claims/attempt_end.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { exists, Rig, testRuntime, until } from "../rig.ts";
import { artifactOf, getFrom } from "./rig.ts";
import { z } from "zod";

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const aborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

/** What a test lets go on by hand. */
function gate(): { open: () => void; opened: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, opened: promise };
}

describe("computations of gets", () => {
  it("gets of one artifact in one process wait for one computation however long it takes, by any runtime", async () => {
    await using rig = new Rig();
    const go = gate();
    let creates = 0;
    const artifact = artifactOf({
      create: async () => {
        creates++;
        await go.opened;
        return creates;
      },
    });
    const lines: string[] = [];
    const runtimes = [0, 1].map(() => testRuntime(rig.root, { config: { maxWaitSec: 0.05 }, lines }));
    const gets = runtimes.flatMap((runtime) => [getFrom(runtime, artifact), getFrom(runtime, artifact)]);
    await until(() => creates === 1, "it computes");
    await pause(200); // several times maxWaitSec
    go.open();
    assertEquals({ got: await Promise.all(gets), creates, lines }, {
      got: [1, 1, 1, 1],
      creates: 1,
      lines: [],
    });
  });

  it("a claim that this process holds otherwise is waited for longer than maxWaitSec", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root, { config: { maxWaitSec: 0.05, pollIntervalSec: 0.02 } });
    const artifact = artifactOf({ create: () => "ours" });
    const result = await tryClaim(runtime.store, runtime.store.paths(artifact), { backend: "local" });
    assert(result.kind === "claimed");
    const got = getFrom(runtime, artifact);
    await pause(300);
    await endAttempt(runtime.store, result.claim, { kind: "preempted", error: "made up" });
    assertEquals(await got, "ours");
  });

  it("all that wait for a computation that fails get its error; the next get computes anew", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    let creates = 0;
    const artifact = artifactOf({
      create: async () => {
        await pause(10);
        if (++creates === 1) throw new Error("bad luck");
        return creates;
      },
    });
    const [one, two] = await Promise.allSettled([getFrom(runtime, artifact), getFrom(runtime, artifact)]);
    assert(one.status === "rejected" && two.status === "rejected");
    assertEquals(one.reason, two.reason);
    assertEquals(await getFrom(runtime, artifact), 2);
  });

  it("a computation goes on while one caller wants it; the last one to leave ends it, as preempted", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const go = gate();
    let creates = 0;
    const artifact = artifactOf({
      create: async ({ signal }) => {
        creates++;
        await Promise.race([go.opened, aborted(signal)]);
        return creates;
      },
    });
    const [first, second] = [new AbortController(), new AbortController()];
    const gets = [first, second].map(({ signal }) => getFrom(runtime, artifact, { signal }));
    await until(() => creates === 1, "it computes");
    first.abort(new Error("the first left"));
    await assertRejects(() => gets[0]!, Error, "the first left");
    assertEquals(await readEnds(runtime.store, runtime.store.paths(artifact)), []);
    second.abort(new Error("the second left"));
    await assertRejects(() => gets[1]!, Error, "the second left");
    const [end] = await readEnds(runtime.store, runtime.store.paths(artifact));
    assertEquals({ kind: end?.kind, error: end?.error }, { kind: "preempted", error: "the second left" });
    go.open();
    assertEquals(await getFrom(runtime, artifact), 2);
  });

  it("who comes while a computation that nobody wants any more ends gets the next one", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const abort = new AbortController();
    const artifact = artifactOf({
      create: async ({ signal, attempt }) => {
        if (attempt > 1) return attempt;
        await aborted(signal).catch(() => pause(50));
        throw signal.reason;
      },
    });
    const left = getFrom(runtime, artifact, { signal: abort.signal });
    await until(() => rig.tree().some((name) => name.endsWith(".claim")), "it computes");
    abort.abort(new Error("left"));
    await pause(5);
    const later = getFrom(runtime, artifact);
    await assertRejects(() => left, Error, "left");
    assertEquals(await later, 2);
  });

  it("a caller that leaves ends what is computed below for it alone, not what others want", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const go = gate();
    let begun = 0;
    const waits = (...others: Promise<void>[]): Artifact =>
      artifactOf({
        create: async ({ signal }) => {
          begun++;
          await Promise.race([...others, aborted(signal)]);
          return "done";
        },
      });
    const [own, shared] = [waits(), waits(go.opened)];
    const top = artifactOf({ create: () => Promise.all([get(own), get(shared)]) });
    const abort = new AbortController();
    const left = getFrom(runtime, top, { signal: abort.signal });
    const other = getFrom(runtime, shared);
    await until(() => begun === 2, "both compute");
    abort.abort(new Error("left"));
    await assertRejects(() => left, Error, "left");
    go.open();
    assertEquals(await other, "done");
    // Whoever leaves does not wait for the end of what nobody wants any more.
    const ownEnds = async () =>
      (await readEnds(runtime.store, runtime.store.paths(own))).map(({ kind }) => kind);
    const deadline = performance.now() + 10_000;
    let kinds = await ownEnds();
    while (kinds.length === 0 && performance.now() < deadline) kinds = await ownEnds();
    assertEquals(kinds, ["preempted"]);
    assertEquals(await readEnds(runtime.store, runtime.store.paths(shared)), []);
  });

  it("forced gets at once compute once; one that is not forced takes what is stored", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    let creates = 0;
    const artifact = artifactOf({ create: () => pause(20).then(() => ++creates) });
    await getFrom(runtime, artifact);
    const forced = { force: true };
    const gets = [
      getFrom(runtime, artifact, forced),
      getFrom(runtime, artifact, forced),
      getFrom(runtime, artifact),
    ];
    assertEquals({ got: await Promise.all(gets), creates }, { got: [2, 2, 1], creates: 2 });
  });

  it("two computations that wait for each other, begun by two calls, are an error that names the way", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const both = gate();
    let begun = 0;
    const Other = defineTask({
      name: "test/Other",
      params: z.object({ n: z.int() }),
      create: async ({ params }): Promise<unknown> => {
        if (++begun === 2) both.open();
        await both.opened;
        return await get(Other({ n: (params.n + 1) % 3 }));
      },
    });
    const ends = await Promise.allSettled([0, 1].map((n) => getFrom(runtime, Other({ n }))));
    for (const end of ends) {
      assert(end.status === "rejected" && end.reason instanceof ComputeError);
      assertStringIncludes(end.reason.message, "ExecutionError: Cannot get test/Other");
      assertEquals(end.reason.message.match(/test\/Other\(\w+\) -> /g)?.length, 3, end.reason.message);
    }
  });

  it("no more creates than maxCreates run at once, and one that waits for another does not count", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root, { config: { maxCreates: 2 } });
    let [now, most, open, mostOpen] = [0, 0, 0, 0];
    const work = async () => {
      most = Math.max(most, ++now);
      // Long beside the files of a node, so that a slot is not free because all that wait are still at theirs.
      await pause(20);
      now--;
    };
    const Node = defineTask({
      name: "test/Bounded",
      params: z.object({ n: z.int(), level: z.int() }),
      create: async ({ params: { n, level } }): Promise<number> => {
        mostOpen = Math.max(mostOpen, ++open);
        await work();
        if (level > 0) {
          await Promise.all([0, 1].map((side) => get(Node({ n: 2 * n + side, level: level - 1 }))));
        }
        await work();
        open--;
        return n;
      },
    });
    const roots = Array.from({ length: 20 }, (_, n) => n);
    assertEquals(
      await Promise.all(roots.map((n) => getFrom(runtime, Node({ n: n + 64, level: 2 })))),
      roots.map((n) => n + 64),
    );
    assertEquals(most, 2);
    assertLess(mostOpen, 10, "what is begun is finished before more is begun");
  });

  it("no more units of limits are taken at once than there are, and none by one that waits for another", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root, { config: { maxCreates: 3, limits: { api: 3, license: 1 } } });
    const now = { api: 0, license: 0 }, most = { api: 0, license: 0 };
    const work = async (takes: Partial<typeof now>) => {
      for (const name of ["api", "license"] as const) {
        now[name] += takes[name] ?? 0;
        most[name] = Math.max(most[name], now[name]);
      }
      await pause(5);
      for (const name of ["api", "license"] as const) now[name] -= takes[name] ?? 0;
    };
    const kinds = [{ license: 1 }, { api: 2 }, { api: 1, license: 1 }, { api: 1 }, {}, { api: 3 }];
    const Node = defineTask({
      name: "test/Limited",
      params: z.object({ n: z.int(), level: z.int() }),
      limits: ({ n }) => kinds[n % kinds.length]!,
      create: async ({ params: { n, level } }): Promise<number> => {
        await work(kinds[n % kinds.length]!);
        // Below it there is what takes units that it has taken itself.
        if (level > 0) {
          await Promise.all([0, 1].map((side) => get(Node({ n: 7 * n + side, level: level - 1 }))));
        }
        await work(kinds[n % kinds.length]!);
        return n;
      },
    });
    const roots = Array.from({ length: 12 }, (_, n) => n);
    assertEquals(
      await Promise.all(roots.map((n) => getFrom(runtime, Node({ n: n + 600, level: 2 })))),
      roots.map((n) => n + 600),
    );
    assertEquals(most, { api: 3, license: 1 });
  });

  it("what could never begin by its limits is refused", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root, { config: { limits: { license: 1 } } });
    for (const limits of ["licence", { license: 2 }]) {
      const artifact = artifactOf({ limits, create: () => 1 });
      await assertRejects(() => getFrom(runtime, artifact), ConfigError, "of limit 'lic");
    }
  });

  it("validate that gets something while its artifact is claimed does not wait for a slot of its own", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root, { config: { maxCreates: 1 } });
    const limits = artifactOf({ create: () => 3 });
    const artifact = artifactOf({
      create: ({ attempt }) => attempt + 2,
      validate: async ({ value }) => value as number >= await get(limits),
    });
    assertEquals(await getFrom(runtime, artifact), 3);
  });

  it("the time limit of a task does not pass while it waits for another one, nor end that", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root, { config: { maxCreates: 1 } });
    let signal: AbortSignal | undefined;
    const data = artifactOf({ create: () => pause(1200).then(() => "rows") });
    const train = artifactOf({
      timeLimit: 1,
      create: async (ctx) => {
        signal = ctx.signal;
        return [await get(data), await get(artifactOf({ create: () => pause(300) })), ctx.signal.aborted];
      },
    });
    assertEquals(await getFrom(runtime, train), ["rows", undefined, false]);
    assertEquals(signal?.aborted, false);
  });

  it("the time before and after waiting counts together", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const data = artifactOf({ create: () => pause(100) });
    const train = artifactOf({
      timeLimit: 0.3,
      create: async ({ signal }) => {
        await pause(200);
        await get(data);
        await Promise.race([pause(2000), aborted(signal)]);
      },
    });
    const started = performance.now();
    await assertRejects(() => getFrom(runtime, train), ComputeError, "time limit of 0.3 s");
    assertLess(performance.now() - started, 1500);
    assertEquals(await readEnds(runtime.store, runtime.store.paths(data)), []);
  });

  it("what a create returns after its attempt was ended without it is not stored", async () => {
    await using rig = new Rig();
    const go = gate();
    let returned = false;
    const real = testRuntime(rig.root);
    // The grace of five seconds passes at once.
    const clock = {
      ...real.machine.clock,
      sleep: (ms: number, signal?: AbortSignal) => real.machine.clock.sleep(ms === 5000 ? 20 : ms, signal),
    };
    const runtime = testRuntime(rig.root, { machine: { clock } });
    const artifact = artifactOf({
      timeLimit: 0.05,
      create: async ({ attempt }) => {
        if (attempt > 1) return "the next one's";
        await go.opened;
        queueMicrotask(() => returned = true);
        return "the zombie's";
      },
    });
    await assertRejects(() => getFrom(runtime, artifact), ComputeError, "time limit");
    go.open();
    await until(() => returned, "create has returned");
    await pause(50);
    assertEquals(exists(runtime.store.paths(artifact).record), false);
    assertEquals(await getFrom(runtime, artifact), "the next one's");
  });

  it("an error's text does not grow with the depth: it tells what was asked for and what failed", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const Deep = defineTask({
      name: "test/Deep",
      params: z.object({ n: z.int() }),
      create: async ({ params: { n } }): Promise<number> => {
        if (n === 0) throw new Error("the bottom");
        return await get(Deep({ n: n - 1 }));
      },
    });
    const error = await assertRejects(() => getFrom(runtime, Deep({ n: 50 })), ComputeError, "the bottom");
    const [top, bottom] = [`${Deep({ n: 50 })}`, `${Deep({ n: 0 })}`];
    assertEquals(
      error.message,
      `${top} failed in attempt 1, as it needs what failed: ${bottom} failed in attempt 1: the bottom; its log is ${error.log}`,
    );
    assertStringIncludes(error.log!, Deep({ n: 0 }).hash);
    assertEquals((error.cause as Error).message.startsWith(bottom), true);
    const [end] = await readEnds(runtime.store, runtime.store.paths(Deep({ n: 50 })));
    assertLess(end!.error.length, 1000);
  });

  it("a chain longer than calls can be nested is computed; only so many of its creates wait at once", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    let [open, mostOpen] = [0, 0];
    const Link = defineTask({
      name: "test/Link",
      params: z.object({ n: z.int(), below: z.unknown() }),
      create: async ({ params: { n, below } }): Promise<number> => {
        mostOpen = Math.max(mostOpen, ++open);
        const value = n === 0 ? 0 : await get(below as Artifact<number>) + 1;
        open--;
        return value;
      },
    });
    let chain: Artifact<number> = Link({ n: 0, below: null });
    for (let n = 1; n <= 500; n++) chain = Link({ n, below: chain });
    assertEquals(await getFrom(runtime, chain), 500);
    assertLess(mostOpen, 250);
  });

  it("a signal that lives long is left as it was by each get, whatever that did", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    const any = AbortSignal.any;
    AbortSignal.any = () => {
      throw new Error("it stays with each of its signals");
    };
    try {
      const inner = artifactOf({ create: () => pause(5) });
      const outer = artifactOf({ create: () => get(inner, { signal }) });
      const failing = artifactOf({ create: () => Promise.reject(new Error("bad luck")) });
      for (let turn = 0; turn < 2; turn++) {
        await Promise.all([outer, outer, inner].map((artifact) => getFrom(runtime, artifact, { signal })));
        await assertRejects(() => getFrom(runtime, failing, { signal }), ComputeError);
      }
      assertEquals(listeners, 0);
    } finally {
      AbortSignal.any = any;
    }
  });
});
