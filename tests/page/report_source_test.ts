import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { runLocal } from "../../lib/api/run_local.ts";
import { findArtifacts, taskPattern } from "../../lib/catalog/find_artifacts.ts";
import { configure } from "../../lib/core/config.ts";
import { RunFailedError, UsageError } from "../../lib/core/errors.ts";
import type { Hash } from "../../lib/core/hash.ts";
import { reportCounts, ReportSource, type ReportSubject } from "../../lib/page/report_source.ts";
import type { ReportNode } from "../../lib/page/report_model.ts";
import { nodesOf } from "../../lib/page/run_nodes.ts";
import { runIds } from "../../lib/status/run_ids.ts";
import { artifactPaths } from "../../lib/store/layout.ts";
import type { Store } from "../../lib/store/store.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { artifact, PoolRig } from "../pool/rig.ts";
import { Rig, testRuntime } from "../rig.ts";
import { All, Part, pipeline } from "./fixtures/pipeline.ts";

/** Runs the pipeline, in which one part fails. */
async function ran(rig: Rig): Promise<{ store: Store; roots: Artifact[]; runId: string }> {
  configure({ root: rig.root, recordGit: "ignore" });
  const roots = pipeline();
  const options = { isolation: "inline", keepGoing: true, progress: "none", maxComputeRetries: 1 } as const;
  const failed = await runLocal(roots, options).catch((error) => error);
  assert(failed instanceof RunFailedError, String(failed));
  const { store } = testRuntime(rig.root);
  return { store, roots, runId: (await runIds(store))[0]! };
}

const named = (nodes: readonly ReportNode[], name: string): ReportNode[] =>
  nodes.filter((node) => node.name === name);

describe("ReportSource", () => {
  it("reads a run on this machine: what is stored, failed, and what was never begun", async () => {
    await using rig = new Rig();
    const { store, roots, runId } = await ran(rig);
    const before = rig.tree();
    const report = await new ReportSource(store, { kind: "run", runId }).read();
    assertEquals(reportCounts(report), "5 artifacts: 3 done, 1 failed, 1 not computed");
    assertEquals(report.run?.state, "failed");
    assertEquals(report.roots, roots.map(({ hash }) => hash));
    const [all] = named(report.nodes, All.name);
    assertEquals([all?.status, all?.needs.length], ["TODO", 3]);
    assertStringIncludes(all?.paramsText ?? "", "parts=[");
    const parts = named(report.nodes, Part.name);
    const failed = parts.find(({ status }) => status === "FAILED")!;
    assertEquals([failed.error, failed.attempts.map(({ outcome }) => outcome)], ["part 2 is bad", [
      "failed",
      "failed",
    ]]);
    assertStringIncludes(failed.stack ?? "", "pipeline.ts");
    assertEquals(failed.logEnd?.slice(0, 1), ["Error: part 2 is bad"]);
    assertEquals(failed.params?.n, 2);
    const done = parts.find(({ status }) => status === "DONE")!;
    assertEquals(done.value?.["value.double"], 2 * Number(done.params?.n));
    assertMatch(`${done.params?.base}`, /^page\/Base\([0-9a-f]{8}\)$/);
    assertEquals(done.files, { "part.txt": 4 });
    assertEquals(done.attempts[0]?.run, runId);
    assertEquals(report.origins[done.origin!]?.furu, report.furu);
    // It only reads.
    assertEquals(rig.tree(), before);
  });

  it("makes do without what the run wrote down of its graph", async () => {
    await using rig = new Rig();
    const { store, runId } = await ran(rig);
    await Deno.remove(`${rig.root}/runs/${runId}/graph.json`);
    const report = await new ReportSource(store, { kind: "run", runId }).read();
    assertEquals(reportCounts(report), "5 artifacts: 3 done, 1 failed, 1 not computed");
    assertStringIncludes(report.notes.join(), "not written down");
  });

  it("reads a pipeline, whichever run computed it, and tasks of a store", async () => {
    await using rig = new Rig();
    const { store, roots, runId } = await ran(rig);
    const module: ReportSubject = {
      kind: "module",
      title: "pipeline.ts",
      entry: Deno.mainModule,
      nodes: nodesOf(roots),
      roots: roots.map(({ hash }) => hash),
    };
    const report = await new ReportSource(store, module).read();
    assertEquals([report.title, report.run?.runId, report.nodes.length], ["pipeline.ts", runId, 5]);
    assertMatch(`${named(report.nodes, All.name)[0]?.params?.parts}`, /^\[page\/Part\([0-9a-f]{8}\), /);
    const find = () => findArtifacts(store, taskPattern(Part.name));
    const tasks = await new ReportSource(store, { kind: "tasks", title: "parts", find }).read();
    assertEquals(reportCounts(tasks), "3 artifacts: 2 done, 1 failed");
    // What they need is no part of it.
    assertEquals(tasks.nodes.flatMap(({ needs }) => needs), []);
  });

  it("reads what is stored once, and again when it was replaced or removed", async () => {
    await using rig = new Rig();
    const { store, runId } = await ran(rig);
    let reads = 0;
    const files = Object.assign(Object.create(store.machine.files), {
      readText: (path: string) => {
        if (/artifacts\/.*[0-9a-f]{32}\.json$/.test(path)) reads++;
        return store.machine.files.readText(path);
      },
    });
    const counting = Object.assign(Object.create(store), {
      machine: { ...store.machine, files },
      read: store.read,
    });
    const source = new ReportSource(counting, { kind: "run", runId });
    const first = await source.read();
    assertEquals(reads, 3);
    const second = await source.read();
    assertEquals(reads, 3);
    const [base] = named(first.nodes, "page/Base");
    assert(second.nodes.includes(base!), "what is the same is the same object");
    const { record } = artifactPaths(rig.root, { name: "page/Base", hash: base!.hash as Hash });
    await Deno.utime(record, 1, 1);
    await source.read();
    assertEquals(reads, 4);
    await Deno.remove(record);
    assertEquals(named((await source.read()).nodes, "page/Base")[0]?.status, "TODO");
  });

  it("tells a damaged record from a good one", async () => {
    await using rig = new Rig();
    const { store, runId } = await ran(rig);
    const [base] = named((await new ReportSource(store, { kind: "run", runId }).read()).nodes, "page/Base");
    const { record } = artifactPaths(rig.root, { name: "page/Base", hash: base!.hash as Hash });
    await Deno.writeTextFile(record, "{torn");
    const report = await new ReportSource(store, { kind: "run", runId }).read();
    assertEquals(named(report.nodes, "page/Base")[0]?.status, "DAMAGED");
  });

  it("reads a pool's run: all that it was to compute, and which worker made what", async () => {
    await using rig = new PoolRig();
    const below = artifact(() => 1);
    const root = artifact(() => 2, [below]);
    await rig.begin([root]);
    await rig.control();
    // A controller tells of attempts that go on for a while; the last line may be on its way.
    const begun = {
      type: "attempt_started",
      name: root.name,
      hash: root.hash,
      attempt: 1,
      worker: "w7",
      at: 1,
    };
    const [file] = [...Deno.readDirSync(rig.paths.events)];
    const text = `${JSON.stringify(begun)}\n{"type":"attempt_started","ha`;
    await Deno.writeTextFile(`${rig.paths.events}/${file!.name}`, text, { append: true });
    const { store } = rig.process();
    const report = await new ReportSource(store, { kind: "run", runId: rig.run.runId }).read();
    assertEquals([report.run?.state, report.run?.mode, report.nodes.length], ["done", "pool", 2]);
    const node = report.nodes.find(({ hash }) => hash === root.hash)!;
    assertEquals([node.status, node.needs, report.roots], ["DONE", [below.hash], [root.hash]]);
    assertEquals(node.attempts.map(({ worker }) => worker), ["w7"]);
  });

  it("refuses a run that says nothing", async () => {
    await using rig = new Rig();
    const { store } = await ran(rig);
    await assertRejects(
      () => new ReportSource(store, { kind: "run", runId: "local-x" }).read(),
      UsageError,
      "says nothing",
    );
  });
});
