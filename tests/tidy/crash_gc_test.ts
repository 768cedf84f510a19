import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { acquireClaim } from "../../lib/store/claims/acquire_claim.ts";
import { readRecord } from "../../lib/store/read_record.ts";
import { checkArtifacts } from "../../lib/tidy/check.ts";
import { runRemovals, snapshotRemovals } from "../../lib/tidy/old_runs.ts";
import { testRuntime } from "../rig.ts";
import {
  apply,
  atEachStep,
  begin,
  litterOf,
  type Plan,
  survived,
  sweep,
  TidyRig,
  TWO_DAYS_LATER,
} from "./rig.ts";

describe("furu check --fix that is interrupted", () => {
  it("has moved what is damaged away, or not, and never what is good", async () => {
    const steps = await atEachStep(async (options) => {
      await using rig = new TidyRig();
      const torn = rig.put("toy/Train", { lr: 1 });
      Deno.writeTextFileSync(torn.record, Deno.readTextFileSync(torn.record).slice(0, -9));
      const short = rig.put("toy/Train", { lr: 2 }, { files: { "model.bin": "abc" } });
      Deno.writeTextFileSync(`${short.home}/1-${short.hash.slice(0, 12)}/model.bin`, "a");
      const good = rig.put("toy/Train", { lr: 3 }, { files: { "model.bin": "abc" } });
      const plan: Plan = async ({ context, graph, inUse }) => {
        const runtime = testRuntime(rig.root);
        const findings = await checkArtifacts(context, [...graph.artifacts.values()], { runtime, inUse });
        return findings.flatMap(({ fix }) => fix ?? []);
      };
      const process = rig.process(options);
      const what = `${options.after ? "after" : "at"} step ${options.diesAt}`;
      await survived(apply(process.store, plan));
      rig.kill(process);
      const { store } = testRuntime(rig.root);
      assert(await readRecord(store, good), what);
      for (const { home, record } of [torn, short]) {
        const names = rig.tree().filter((name) => name.startsWith(home.slice(rig.root.length + 1)));
        const places = [
          ...names.filter((name) => name.endsWith(".damaged.json")),
          ...names.filter((name) => record.endsWith(name)),
        ];
        assertEquals(places.length, 1, `${what}: the damaged one is in one place: ${names}`);
      }
      await apply(rig.process().store, plan);
      await sweep(rig.process().store);
      assert(await readRecord(store, good), what);
      const damaged = rig.tree().filter((name) => name.endsWith(".damaged.json"));
      assertEquals(damaged.length, 2, what);
      // The claim of the dead may be left beside no record: it keeps nobody from computing that again.
      for (const paths of [torn, short]) {
        const result = await acquireClaim(rig.process().store, paths, { backend: "get" });
        assertEquals(result.kind, "claimed", what);
      }
      return { died: process.steps() >= options.diesAt };
    }, { stride: 5 });
    assert(steps > 30, `${steps} steps`);
  });
});

describe("furu gc --runs --snapshots that is interrupted", () => {
  it("is finished by the next one, and takes nothing of runs and snapshots that stay", async () => {
    const steps = await atEachStep(async (options) => {
      await using rig = new TidyRig();
      const snapshots = `${rig.root}/snapshots`;
      Deno.mkdirSync(`${snapshots}/files`, { recursive: true });
      for (const [id, digit] of [["old", "a"], ["kept", "b"]] as const) {
        const content = `${snapshots}/files/${digit.repeat(64)}`;
        Deno.writeTextFileSync(content, digit);
        Deno.mkdirSync(`${snapshots}/${id}/code`, { recursive: true });
        Deno.writeTextFileSync(`${snapshots}/${id}/snapshot.json`, "{}");
        Deno.linkSync(content, `${snapshots}/${id}/code/x.ts`);
      }
      begin(rig, "slurm-1", { ended: "2026-01-02T00:00:00.000Z", snapshot: "old" });
      begin(rig, "slurm-2", { nodes: [rig.put("toy/Train", { lr: 1 })], snapshot: "kept" });
      const slurmRoot = `${rig.root}/slurm`;
      for (const id of ["slurm-1", "slurm-2"]) {
        Deno.mkdirSync(`${slurmRoot}/workers/default/${id}`, { recursive: true });
        Deno.writeTextFileSync(`${slurmRoot}/workers/default/${id}/x.log`, id);
      }
      const plan: Plan = async ({ context, graph, inUse }) => {
        const before = Date.parse("2026-02-01");
        const runs = await runRemovals(context, { runs: inUse.runs, graph, before, slurmRoot });
        const going = new Set(runs.map(({ what }) => what));
        return [...runs, ...await snapshotRemovals(context, { graph, inUse, going })];
      };
      const stays = () =>
        rig.tree().filter((name) => /slurm-2|snapshots\/kept|files\/b|artifacts/.test(name)).sort();
      const before = stays();
      const what = `${options.after ? "after" : "at"} step ${options.diesAt}`;
      const process = rig.process(options);
      await survived(apply(process.store, plan, { ages: TWO_DAYS_LATER }));
      rig.kill(process);
      assertEquals(stays(), before, what);
      await apply(rig.process().store, plan, { ages: TWO_DAYS_LATER });
      await sweep(rig.process().store);
      // What the dead one had under a private name was one more name of a file's contents.
      await apply(rig.process().store, plan, { ages: TWO_DAYS_LATER });
      assertEquals(stays(), before, what);
      const left = rig.tree().filter((name) => /slurm-1|snapshots\/old|files\/a/.test(name));
      assertEquals([left, litterOf(rig)], [[], []], what);
      return { died: process.steps() >= options.diesAt };
    }, { stride: 5 });
    assert(steps > 30, `${steps} steps`);
  });
});
