import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { linkQueued } from "../../lib/store/claims/queued.ts";
import { Ages, LEAST_AGE_MS } from "../../lib/tidy/ages.ts";
import { runRemovals, snapshotRemovals } from "../../lib/tidy/old_runs.ts";
import { removeAll } from "../../lib/tidy/removal.ts";
import { begin, know, type Known, ref, TidyRig } from "./rig.ts";

const kinds = ({ inUse }: Known) =>
  Object.fromEntries([...inUse.reasons].map(([hash, { kind }]) => [hash, kind]));

describe("runs on Slurm", () => {
  it("what a run may load that has not ended stays, and what that holds; an ended one keeps nothing", async () => {
    await using rig = new TidyRig();
    const data = rig.put("toy/Data", { seed: 1 });
    const train = rig.put("toy/Train", { of: ref(data) });
    const other = rig.put("toy/Train", { lr: 2 });
    begin(rig, "slurm-1", { nodes: [train] });
    begin(rig, "slurm-2", { nodes: [other], ended: "2026-01-02T00:00:00.000Z" });
    const { store } = rig.process();
    assertEquals(kinds(await know(store)), { [train.hash]: "run", [data.hash]: "run" });
    // Nothing of it is at work, as heartbeats and Slurm say.
    assertEquals(kinds(await know(store, { askLife: () => Promise.resolve(undefined) })), {});
    assertEquals(kinds(await know(store, { force: true })), {});
  });

  it("one in DAG mode goes on while something of it is queued or claimed, or may still be submitted", async () => {
    await using rig = new TidyRig();
    const data = rig.put("toy/Data", { seed: 1 });
    const train = rig.put("toy/Train", { of: ref(data) });
    begin(rig, "slurm-1", { mode: "dag", nodes: [train], stored: [data] });
    const { store } = rig.process();
    assertEquals(kinds(await know(store)), {}, "all of it is stored");
    await linkQueued(store, train, { name: "furu-1", run: "slurm-1" });
    assertEquals(kinds(await know(store)), { [train.hash]: "queued", [data.hash]: "run" });
    Deno.removeSync(train.home, { recursive: true });
    Deno.removeSync(train.record);
    assertEquals(kinds(await know(store)), {}, "long ago, and nobody is at it");
    begin(rig, "slurm-1", {
      mode: "dag",
      nodes: [train],
      stored: [data],
      createdAt: new Date().toISOString(),
    });
    assertEquals(kinds(await know(store)), { [train.hash]: "run", [data.hash]: "run" });
  });

  it("those that ended long ago go, with the output of their jobs; the others stay", async () => {
    await using rig = new TidyRig();
    begin(rig, "slurm-1", { ended: "2026-01-02T00:00:00.000Z" });
    begin(rig, "slurm-2", { ended: "2026-03-02T00:00:00.000Z" });
    begin(rig, "slurm-3");
    const output = `${rig.root}/slurm/workers/default`;
    for (const id of ["slurm-1", "slurm-3"]) Deno.mkdirSync(`${output}/${id}`, { recursive: true });
    const { store } = rig.process();
    const { context, graph, inUse } = await know(store);
    const before = Date.parse("2026-02-01");
    const slurmRoot = `${rig.root}/slurm`;
    const removals = await runRemovals(context, { runs: inUse.runs, graph, before, slurmRoot });
    assertEquals(removals.map(({ what }) => what), ["slurm-1"]);
    assertEquals((await removeAll(removals)).removed.length, 1);
    assertEquals(rig.tree().filter((name) => /slurm-\d$/.test(name)), [
      "runs/slurm-2",
      "runs/slurm-3",
      "slurm/workers/default/slurm-3",
    ]);
    assertEquals(rig.tree().filter((name) => name.includes(".trash-")), []);
  });

  it("one on some machine keeps all of its tasks while its process lives", async () => {
    await using rig = new TidyRig();
    const data = rig.put("toy/Data", { seed: 1 });
    const train = rig.put("toy/Train", { of: ref(data) });
    rig.put("toy/Other", { x: 1 });
    const local = rig.process();
    const dir = `${rig.root}/runs/local-1`;
    Deno.mkdirSync(dir, { recursive: true });
    const zero = { nodes: 1, cached: 0, computed: 0, elsewhere: 0, failed: 0, running: 0, waiting: 1 };
    const progress = {
      schema: 1,
      runId: "local-1",
      mode: "local",
      createdAt: "2026-01-01T00:00:00.000Z",
      at: "2026-01-01T00:00:10.000Z",
      owner: local.self,
      roots: [],
      counts: zero,
      tasks: [{ name: "toy/Train", nodes: 1, done: 0, failed: 0, running: 0 }],
      running: [],
      watched: [],
      failures: [],
    };
    Deno.writeTextFileSync(`${dir}/progress.json`, JSON.stringify(progress));
    const { store } = rig.process();
    assertEquals(kinds(await know(store)), { [train.hash]: "run", [data.hash]: "run" });
    rig.kill(local);
    const { inUse } = await know(store);
    assertEquals([inUse.reasons.size, inUse.runs[0]!.endedAt], [0, Date.parse("2026-01-01T00:00:10Z")]);
  });

  it("one that cannot be read stays, and is told", async () => {
    await using rig = new TidyRig();
    begin(rig, "slurm-1");
    Deno.writeTextFileSync(`${rig.root}/runs/slurm-1/run.json`, "{");
    const { inUse } = await know(rig.process().store);
    assertMatch(inUse.unread?.fault ?? "", /slurm-1.*run\.json/);
    assertEquals(inUse.runs.map(({ open }) => open !== undefined), [true]);
    assertEquals((await know(rig.process().store, { force: true })).inUse.unread, undefined);
  });
});

describe("snapshots", () => {
  it("go when neither a run nor a record names them, and nobody has taken them for a day", async () => {
    await using rig = new TidyRig();
    const snapshots = `${rig.root}/snapshots`;
    Deno.mkdirSync(`${snapshots}/files`, { recursive: true });
    const content = (digit: string) => `${snapshots}/files/${digit.repeat(64)}`;
    for (const digit of ["a", "b"]) Deno.writeTextFileSync(content(digit), digit);
    for (const id of ["run", "record", "old", "taken"]) {
      Deno.mkdirSync(`${snapshots}/${id}/code`, { recursive: true });
      Deno.writeTextFileSync(`${snapshots}/${id}/snapshot.json`, "{}");
      Deno.linkSync(content(id === "old" ? "a" : "b"), `${snapshots}/${id}/code/x.ts`);
    }
    begin(rig, "slurm-1", { ended: "2026-01-02T00:00:00.000Z", snapshot: "run" });
    rig.put("toy/Train", { lr: 1 }, { more: { provenance: { code: { digest: "d", snapshot: "record" } } } });
    const { store } = rig.process();
    const later = new Ages(Date.now() + 2 * LEAST_AGE_MS);
    const known = await know(store, { ages: later });
    const { context, graph, inUse } = known;
    const none = new Set<string>();
    const young = { ...context, ages: new Ages(Date.now()) };
    const removals = await snapshotRemovals(context, { graph, inUse, going: none });
    assertEquals(await snapshotRemovals(young, { graph, inUse, going: none }), []);
    assertEquals(removals.map(({ what }) => what).sort(), ["old", "snapshots/files", "taken"]);
    // A run takes one of them meanwhile.
    const soon = new Date(Date.now() + 2 * LEAST_AGE_MS);
    Deno.writeTextFileSync(`${snapshots}/taken/used`, "");
    Deno.utimeSync(`${snapshots}/taken/used`, soon, soon);
    const report = await removeAll(removals);
    assertEquals(report.kept.map(({ removal, why }) => [removal.what, why]), [[
      "taken",
      "a run uses it since",
    ]]);
    const left = [...Deno.readDirSync(snapshots)].map(({ name }) => name).sort();
    assertEquals(left, ["files", "record", "run", "taken"]);
    assertEquals([...Deno.readDirSync(`${snapshots}/files`)].map(({ name }) => name[0]), ["b"]);
    // With the run its snapshot goes, too.
    const going = await snapshotRemovals(context, { graph, inUse, going: new Set(["slurm-1"]) });
    assertEquals(going.map(({ what }) => what).includes("run"), true);
  });
});
