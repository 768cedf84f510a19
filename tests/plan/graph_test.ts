import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { StoreError, ValidationError } from "../../lib/core/errors.ts";
import { makePlan, type Plan } from "../../lib/plan/graph.ts";
import { lostWith } from "../../lib/plan/lost.ts";
import type { ForcedNodes } from "../../lib/plan/node.ts";
import { ARTIFACT, type Artifact, type SpecAttempt } from "../../lib/task/artifact/artifact.ts";
import { osError } from "../rig.ts";
import { fakeArtifact, FakeSource, layeredGraph } from "./fake_graph.ts";

function status(made: Plan, artifact: Artifact): string | undefined {
  return made.nodes.get(artifact.hash)?.status;
}

function forceName(name: string, done: (artifact: Artifact) => boolean = () => false): ForcedNodes {
  return { has: (artifact) => artifact.name === name, done };
}

describe("makePlan(), of what can do without some", () => {
  it("says which dependencies are tolerated, and that a node is ready where these are FAILED", async () => {
    const [a, b, c] = ["a", "b", "c"].map((label) => fakeArtifact(label)) as [Artifact, Artifact, Artifact];
    const root = fakeArtifact("root", [a, b], { tolerated: [a] });
    const strict = fakeArtifact("strict", [a, c]);
    const failed = { status: "FAILED", error: "no" } as const;
    const made = await makePlan([root, strict], new FakeSource().set(a, failed).done(b, c));
    assertEquals(made.nodes.get(root.hash)?.tolerates, new Set([a.hash]));
    assertEquals(made.nodes.get(strict.hash)?.tolerates, undefined);
    assertEquals(made.ready().map(({ hash }) => hash), [root.hash]);
    assertEquals([...lostWith(made.nodes, [a.hash])], [a.hash, strict.hash]);
  });

  it("opens what lies below one that is partial, since it may be from there", async () => {
    const lacking = fakeArtifact("lacking"), middle = fakeArtifact("middle", [lacking]);
    const root = fakeArtifact("root", [middle]);
    const partial = { status: "TODO", reason: "partial", detail: "x has succeeded since" } as const;
    const source = new FakeSource().stored(root, partial).stored(middle, partial).done(lacking);
    const made = await makePlan([root], source);
    assertEquals(source.inspected, ["root", "middle", "lacking"]);
    assertEquals(made.counts, { done: 1, inProgress: 0, todo: 2, failed: 0 });
    assertEquals(made.nodes.get(middle.hash)?.state, partial);
  });
});

describe("makePlan()", () => {
  it("marks all as TODO when nothing is stored, and only the leaves are ready", async () => {
    const leaf = fakeArtifact("leaf"), middle = fakeArtifact("middle", [leaf]);
    const root = fakeArtifact("root", [middle, leaf]);
    const made = await makePlan([root], new FakeSource());
    assertEquals(made.counts, { done: 0, inProgress: 0, todo: 3, failed: 0 });
    assertEquals(made.roots, [root.hash]);
    assertEquals(made.ready().map((node) => node.hash), [leaf.hash]);
    assertEquals(made.order().map((node) => node.hash), [leaf.hash, middle.hash, root.hash]);
    assertEquals(made.nodes.get(leaf.hash)?.dependents.toSorted(), [middle.hash, root.hash].toSorted());
    assertEquals(made.nodes.get(root.hash)?.dependencies, [middle.hash, leaf.hash]);
    assertEquals(made.order().map((node) => node.height), [2, 1, 0]);
  });

  it("gives what says nothing the highest priority of what needs it, and a root 0", async () => {
    const shared = fakeArtifact("shared"), low = fakeArtifact("low", [shared]);
    const own = fakeArtifact("own", [], { priority: (params: { label: string }) => params.label.length });
    const late = fakeArtifact("late", [low, own], { priority: -5 });
    const urgent = fakeArtifact("urgent", [shared], { priority: 7 });
    const plain = fakeArtifact("plain", [fakeArtifact("below plain")]);
    const priorities = async (priority?: (root: Artifact) => number | undefined) => {
      const made = await makePlan([late, plain, urgent], new FakeSource(), { priority });
      return Object.fromEntries(
        made.order().map((
          { artifact, priority },
        ) => [(artifact.params as { label: string }).label, priority]),
      );
    };
    const all = { shared: 7, urgent: 7, own: 3, "below plain": 0, plain: 0, low: -5, late: -5 };
    assertEquals(await priorities(), all);
    assertEquals(Object.keys(await priorities()), Object.keys(all), "and that is the order");
    // Of a root, the run's own word counts.
    const ofRun = await priorities((root) => root === late ? 9 : undefined);
    assertEquals(ofRun, { ...all, late: 9, low: 9, own: 9, shared: 9 });
  });

  it("refuses a priority, and limits, that a task's function does not give", async () => {
    for (const bad of [0.5, NaN, "high", 1e9]) {
      const artifact = fakeArtifact("a", [], { priority: () => bad as number });
      await assertRejects(() => makePlan([artifact], new FakeSource()), ValidationError, "'priority'");
    }
    for (const bad of [3, { "a b": 1 }, ["x", "x"], { x: -1 }]) {
      const artifact = fakeArtifact("a", [], { limits: () => bad as never });
      await assertRejects(() => makePlan([artifact], new FakeSource()), ValidationError, "'limits'");
    }
    const throwing = fakeArtifact("a", [], {
      limits: () => {
        throw new Error("no idea");
      },
    });
    await assertRejects(() => makePlan([throwing], new FakeSource()), ValidationError, "threw: no idea");
  });

  it("stops below what is DONE, IN_PROGRESS or FAILED", async () => {
    const below = ["a", "b", "c"].map((label) => fakeArtifact(`below ${label}`));
    const done = fakeArtifact("done", [below[0]!]);
    const busy = fakeArtifact("busy", [below[1]!]);
    const failed = fakeArtifact("failed", [below[2]!]);
    const root = fakeArtifact("root", [done, busy, failed]);
    const source = new FakeSource().done(done).set(busy, { status: "IN_PROGRESS", owner: "pid 1" })
      .set(failed, { status: "FAILED", error: "no" });
    const made = await makePlan([root], source);
    assertEquals(made.counts, { done: 1, inProgress: 1, todo: 1, failed: 1 });
    assertEquals(made.nodes.size, 4);
    assertEquals(made.ready(), []);
    assertEquals(made.nodes.get(busy.hash)?.state, { status: "IN_PROGRESS", owner: "pid 1" });
    assertEquals(made.nodes.get(done.hash)?.dependencies, []);
  });

  it("lists each task name once and opens only what has a folder or must be validated", async () => {
    const leaves = Array.from({ length: 100 }, (_, i) => fakeArtifact(`${i}`, [], { name: `leaf/${i % 3}` }));
    const root = fakeArtifact("root", leaves, { name: "root" });
    const source = new FakeSource().done(...leaves.slice(0, 50))
      .set(leaves[60]!, { status: "TODO", reason: "missing" })
      .stored(leaves[70]!, { status: "TODO", reason: "invalid", detail: "validate() returned false" })
      .stored(leaves[71]!, { status: "DONE" });
    const made = await makePlan([root, root], source);
    assertEquals(source.listed.toSorted(), ["leaf/0", "leaf/1", "leaf/2", "root"]);
    assertEquals(source.inspected.toSorted(), ["60", "70", "71"]);
    assertEquals(made.counts.done, 51);
    assertEquals(made.nodes.get(leaves[70]!.hash)?.state, {
      status: "TODO",
      reason: "invalid",
      detail: "validate() returned false",
    });
  });

  it("inspects concurrently, within the bound", async () => {
    const leaves = Array.from({ length: 50 }, (_, i) => fakeArtifact(`${i}`));
    const source = new FakeSource();
    for (const leaf of leaves) source.set(leaf, { status: "TODO", reason: "missing" });
    await makePlan(leaves, source, { concurrency: 5 });
    assertEquals(source.inspected.length, 50);
    assert(source.mostAtOnce > 1 && source.mostAtOnce <= 5, `${source.mostAtOnce} at once`);
  });

  it("counts artifacts with one hash once, also among the roots", async () => {
    const one = fakeArtifact("same"), other = fakeArtifact("same");
    const made = await makePlan([fakeArtifact("root", [one]), one, other], new FakeSource());
    assertEquals(made.nodes.size, 2);
    assertEquals(made.roots.length, 2);
    assertEquals(made.nodes.get(one.hash)?.artifact === one, true);
  });

  it("makes an empty plan of nothing", async () => {
    const made = await makePlan([], new FakeSource());
    assertEquals({ nodes: made.nodes.size, order: made.order(), ready: made.ready() }, {
      nodes: 0,
      order: [],
      ready: [],
    });
  });

  it("refuses a root that is no artifact, naming which", async () => {
    const roots = [fakeArtifact("a"), { hash: "x" }] as Artifact[];
    const error = await assertRejects(() => makePlan(roots, new FakeSource()), ValidationError);
    assertStringIncludes(error.message, "roots[1]");
  });

  it("rethrows a bug of the source, as it was, and asks no further", async () => {
    const leaves = Array.from({ length: 1000 }, (_, i) => fakeArtifact(`${i}`));
    const source = new FakeSource();
    for (const leaf of leaves) source.set(leaf, { status: "TODO", reason: "missing" });
    let asked = 0;
    source.inspect = () => {
      if (++asked < 10) return Promise.resolve({ status: "TODO", reason: "missing" });
      return Promise.reject(new RangeError("off by one"));
    };
    await assertRejects(() => makePlan(leaves, source), RangeError, "off by one");
    assert(asked < 100, `${asked} were asked`);
  });

  it("makes a node that cannot be read FAILED, with the reason, and plans the rest", async () => {
    const [bad, good, below] = ["bad", "good", "below"].map((name) => fakeArtifact(name));
    const root = fakeArtifact("root", [bad!, good!]);
    for (const error of [new StoreError("Cannot read x.json"), osError("EIO", "x.json")]) {
      const source = new FakeSource();
      source.set(bad!, { status: "IN_PROGRESS", owner: "somebody" });
      source.inspect = () => Promise.reject(error);
      const { nodes, counts } = await makePlan([root, below!], source);
      assertEquals(counts, { done: 0, inProgress: 0, todo: 3, failed: 1 });
      const { status, ...state } = nodes.get(bad!.hash)!.state;
      assertEquals(status, "FAILED");
      assertStringIncludes((state as { error: string }).error, "x.json");
    }
  });

  it("fails only the nodes of a task whose folder cannot be listed", async () => {
    const bad = [1, 2].map((i) => fakeArtifact(`bad${i}`, [], { name: "toy/Bad" }));
    const good = fakeArtifact("good", [], { name: "toy/Good" });
    const source = new FakeSource();
    const listTask = source.listTask.bind(source);
    source.listTask = (name) =>
      name === "toy/Bad" ? Promise.reject(osError("EACCES", "toy/Bad")) : listTask(name);
    const { nodes } = await makePlan([...bad, good], source);
    assertEquals([...nodes.values()].map(({ status }) => status), ["FAILED", "FAILED", "TODO"]);
  });

  it("asks again for those that a listing says nothing of", async () => {
    const low = fakeArtifact("low", [], { name: "toy/One" });
    const middle = fakeArtifact("middle", [low], { name: "toy/One" });
    const top = fakeArtifact("top", [middle], { name: "toy/One" });
    const source = new FakeSource().done(low);
    const asked: string[][] = [];
    source.listTask = (_, wanted = []) => {
      asked.push([...wanted]);
      const only = new Set<string>(wanted);
      return Promise.resolve({ done: only.has(low.hash) ? only : new Set(), open: new Set(), only });
    };
    const { nodes } = await makePlan([top], source);
    assertEquals(asked, [[top.hash], [middle.hash], [low.hash]]);
    assertEquals([top, middle, low].map(({ hash }) => nodes.get(hash)?.status), ["TODO", "TODO", "DONE"]);
  });

  it("opens stored roots, up to 1,000 of them, and takes what lies below by its name", async () => {
    const below = fakeArtifact("below");
    const roots = Array.from({ length: 1500 }, (_, i) => fakeArtifact(`${i}`));
    const todo = fakeArtifact("todo", [below]);
    const source = new FakeSource();
    for (const each of [...roots, below]) source.set(each, { status: "DONE" });
    const asked = new Set<string>();
    const inspect = source.inspect.bind(source);
    source.inspect = (artifact) => (asked.add(artifact.hash), inspect(artifact));
    await makePlan([...roots, todo], source);
    assertEquals(asked.size, 1000);
    assertEquals(asked.has(below.hash), false);
  });

  it("ends with the reason of its signal", async () => {
    const reason = new Error("enough");
    const error = await assertRejects(() =>
      makePlan([fakeArtifact("a")], new FakeSource(), { signal: AbortSignal.abort(reason) })
    );
    assertEquals(error, reason);
  });

  it("names a cycle", async () => {
    const a: Artifact = fakeArtifact("a", () => [b], { name: "toy/A" });
    const b: Artifact = fakeArtifact("b", () => [c], { name: "toy/B" });
    const c: Artifact = fakeArtifact("c", () => [a], { name: "toy/C" });
    const root = fakeArtifact("root", [a, fakeArtifact("harmless")]);
    const error = await assertRejects(() => makePlan([root], new FakeSource()), ValidationError);
    assertStringIncludes(error.message, `${a} -> ${b} -> ${c} -> ${a}`);
  });

  it("names an artifact that depends on itself", async () => {
    const a: Artifact = fakeArtifact("a", () => [a]);
    await assertRejects(() => makePlan([a], new FakeSource()), ValidationError, `${a} -> ${a}`);
  });

  it("shortens the report of a long cycle", async () => {
    const ring: Artifact[] = Array.from(
      { length: 50_000 },
      (_, i) => fakeArtifact(`${i}`, () => [ring[(i + 1) % 50_000]!]),
    );
    const error = await assertRejects(() => makePlan([ring[0]!], new FakeSource()), ValidationError);
    assertStringIncludes(error.message, "... 49991 more ...");
    assert(error.message.length < 500, error.message);
  });

  it("copes with chains of 100,000 and with 200,000 roots", async () => {
    let last = fakeArtifact("0");
    for (let i = 1; i < 100_000; i++) last = fakeArtifact(`${i}`, [last]);
    const chain = await makePlan([last], new FakeSource());
    assertEquals(chain.order().length, 100_000);
    assertEquals(chain.order()[0]?.height, 99_999);
    const wide = await makePlan(
      Array.from({ length: 200_000 }, (_, i) => fakeArtifact(`${i}`)),
      new FakeSource(),
    );
    assertEquals(wide.ready().length, 200_000);
  });

  it("computes forced nodes again below stored nodes, and nothing else", async () => {
    const data = fakeArtifact("data", [], { name: "data" });
    const other = fakeArtifact("other", [], { name: "other" });
    const model = fakeArtifact("model", [data, other], { name: "model" });
    const report = fakeArtifact("report", [model], { name: "report" });
    const source = new FakeSource().done(data, model, report);
    const made = await makePlan([report], source, { forced: forceName("data") });
    assertEquals(status(made, report), "DONE");
    assertEquals(status(made, data), "TODO");
    assertEquals(status(made, model), undefined, "only lies between");
    assertEquals(status(made, other), undefined, "missing, but nobody needs it");
    assertEquals(made.ready().map((node) => node.hash), [data.hash]);
    assertEquals(made.nodes.get(report.hash)?.dependencies, [data.hash]);
    assertEquals(source.listed, ["report", "data"]);
  });

  it("computes what a forced node needs, and looks for forced ones below forced ones", async () => {
    const leaf = fakeArtifact("leaf", [], { name: "forced" });
    const missing = fakeArtifact("missing", [], { name: "missing" });
    const stored = fakeArtifact("stored", [leaf], { name: "stored" });
    const top = fakeArtifact("top", [missing, stored], { name: "forced" });
    const root = fakeArtifact("root", [top], { name: "root" });
    const source = new FakeSource().done(leaf, stored, top, root);
    const made = await makePlan([root], source, { forced: forceName("forced") });
    assertEquals([leaf, missing, stored, top, root].map((artifact) => status(made, artifact)), [
      "TODO",
      "TODO",
      "DONE",
      "TODO",
      "DONE",
    ]);
  });

  it("takes a forced node that this run computed as DONE, and goes on searching below", async () => {
    const lower = fakeArtifact("lower", [], { name: "forced" });
    const upper = fakeArtifact("upper", [lower], { name: "forced" });
    const source = new FakeSource().done(lower, upper);
    const made = await makePlan([upper], source, { forced: forceName("forced", (a) => a === upper) });
    assertEquals({ upper: status(made, upper), lower: status(made, lower) }, {
      upper: "DONE",
      lower: "TODO",
    });
  });

  it("makes forced nodes TODO also where they failed or a stranger computes them", async () => {
    const failed = fakeArtifact("failed", [], { name: "forced" });
    const busy = fakeArtifact("busy", [], { name: "forced" });
    const source = new FakeSource().set(failed, { status: "FAILED", error: "no" })
      .set(busy, { status: "IN_PROGRESS", owner: "pid 1" });
    const made = await makePlan([failed, busy], source, { forced: forceName("forced") });
    assertEquals(made.counts.todo, 2);
  });

  it("begins with the spec after those that were too little, and keeps all that the task names", async () => {
    const spec = ["small", "big", "huge"];
    const [fresh, tried, other, top] = ["fresh", "tried", "other", "top"].map((label) =>
      fakeArtifact(label, [], { spec })
    ) as [Artifact, Artifact, Artifact, Artifact];
    const plain = fakeArtifact("plain", [fresh, tried, other, top]);
    const state = { status: "TODO", reason: "retry" } as const;
    const lack = (each: string) => ({ ...state, tooLittle: [{ spec: each, lack: "memory" as const }] });
    const source = new FakeSource().set(tried, lack("small")).set(other, lack("elsewhere")).done(top);
    const plan = await makePlan([plain], source);
    const specs = [fresh, tried, other, top, plain].map(({ hash }) => plan.nodes.get(hash)!.spec);
    assertEquals(specs, ["small", "big", "small", "small", "default"]);
    assertEquals(plan.nodes.get(tried.hash)?.specs?.spec, "small");
    assertEquals(plan.nodes.get(plain.hash)?.specs, undefined);
  });

  it("reads what earlier artifacts took once for a task, and only where one to be computed asks for it", async () => {
    const spec = (_: never, { usage }: SpecAttempt) => usage().count > 2 ? "big" : "small";
    const [a, b] = ["a", "b"].map((label) => fakeArtifact(label, [], { name: "asks", spec }));
    const stored = fakeArtifact("stored", [], { name: "asks/stored", spec });
    const asked: string[] = [];
    const source = Object.assign(new FakeSource().done(stored), {
      usage: (name: string) => {
        asked.push(name);
        return Promise.resolve({ count: 3 });
      },
    });
    const plan = await makePlan([fakeArtifact("top", [a!, b!, stored])], source);
    assertEquals([a, b].map((each) => plan.nodes.get(each!.hash)?.spec), ["big", "big"]);
    assertEquals(asked, ["asks"]);
  });

  it("reports a task's spec that throws or is no name", async () => {
    const thrown = fakeArtifact("thrown", [], {
      spec: () => {
        throw new Error("no spec for this");
      },
    });
    const empty = fakeArtifact("empty", [], { spec: () => undefined as never });
    await assertRejects(() => makePlan([thrown], new FakeSource()), ValidationError, "no spec for this");
    await assertRejects(() => makePlan([empty], new FakeSource()), ValidationError, "undefined");
    const given = await makePlan([fakeArtifact("given", [], { spec: () => "gpu" })], new FakeSource());
    assertEquals(given.order()[0]?.spec, "gpu");
  });

  it("looks at each edge a constant number of times", async () => {
    for (const count of [1_000, 10_000]) {
      let reads = 0;
      const { roots } = layeredGraph(count);
      const all = new Map<string, Artifact>();
      const counted = (artifact: Artifact): Artifact => {
        const known = all.get(artifact.hash);
        if (known) return known;
        const dependencies = artifact[ARTIFACT].dependencies.map(counted);
        const made = fakeArtifact("", () => (reads++, dependencies), { hash: artifact.hash });
        all.set(artifact.hash, made);
        return made;
      };
      await makePlan(roots.map(counted), new FakeSource());
      assertEquals(reads, all.size);
    }
  });
});

describe("kept()", () => {
  it("counts stored results that depend on forced ones, also where the plan does not look", async () => {
    const data = ["1", "2"].map((label) => fakeArtifact(label, [], { name: "data" }));
    const model = fakeArtifact("model", [data[0]!], { name: "model" });
    const lost = fakeArtifact("lost", [data[1]!], { name: "model" });
    const report = fakeArtifact("report", [model, lost], { name: "report" });
    const other = fakeArtifact("other", [], { name: "other" });
    const missing = fakeArtifact("missing", [data[1]!], { name: "missing" });
    const above = fakeArtifact("above", [missing], { name: "above" });
    const source = () => new FakeSource().done(...data, model, report, other, above);
    const kept = async (...names: string[]) =>
      await (await makePlan([report, other, missing, above], source(), {
        forced: { has: ({ name }) => names.includes(name), done: () => false },
      })).kept();
    assertEquals(await kept("data"), { forced: { data: 2 }, kept: { model: 1, report: 1, above: 1 } });
    assertEquals(await kept("data", "report", "above"), {
      forced: { data: 2, report: 1, above: 1 },
      kept: { model: 1 },
    });
    assertEquals(await kept("other"), undefined, "nothing depends on it");
    assertEquals(await kept("report", "above"), undefined);
    assertEquals(await kept("data", "model", "report", "above"), undefined);
    assertEquals(await (await makePlan([report], source())).kept(), undefined, "nothing is forced");
    const done = await makePlan([report], source(), { forced: forceName("data", () => true) });
    assertEquals(await done.kept(), undefined, "this run has computed them already");
  });

  it("looks through a chain as deep as one likes", async () => {
    let artifact = fakeArtifact("bottom", [], { name: "bottom" });
    const chain = [artifact];
    for (let i = 0; i < 50_000; i++) chain.push(artifact = fakeArtifact(`${i}`, [artifact]));
    const made = await makePlan([artifact], new FakeSource().done(...chain), { forced: forceName("bottom") });
    assertEquals(await made.kept(), { forced: { bottom: 1 }, kept: { t: 50_000 } });
  });
});

describe("order()", () => {
  it("is topological, prefers long chains, and is the same whatever the order of the roots", async () => {
    const graph = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(graph, fc.array(fc.nat(), { maxLength: 6 }), async (edges, stored) => {
        const all: Artifact[] = [];
        edges.forEach((below, i) => {
          const picked = i === 0 ? [] : [...new Set(below.map((n) => n % i))].map((n) => all[n]!);
          all.push(fakeArtifact(`${i}`, picked));
        });
        const source = new FakeSource().done(...stored.map((n) => all[n % all.length]!));
        const made = await makePlan(all, source);
        const again = await makePlan(all.toReversed(), source);
        const order = made.order();
        assertEquals(again.order().map((node) => node.hash), order.map((node) => node.hash));
        const place = new Map(order.map((node, i) => [node.hash, i]));
        for (const node of order) {
          for (const hash of node.dependencies) assert(place.get(hash)! < place.get(node.hash)!);
          const above = node.dependents.map((hash) => made.nodes.get(hash)!.height + 1);
          assertEquals(node.height, Math.max(0, ...above));
        }
        const heights = order.map((node) => node.height);
        assertEquals(heights, heights.toSorted((a, b) => b - a));
      }),
      { numRuns: 200 },
    );
  });
});
