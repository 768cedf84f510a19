import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { describe, it } from "@std/testing/bdd";
import { tryClaim } from "../../../lib/store/claims/claim.ts";
import { exists } from "../../rig.ts";
import { ref, TidyRig } from "../../tidy/rig.ts";
import { furu } from "../rig.ts";

const CLI = fromFileUrl(new URL("../../../cli.ts", import.meta.url));

/** A sweep over a data set, with one that failed. */
function sweep(rig: TidyRig) {
  const data = rig.put("toy/Data", { seed: 1 }, { files: { "rows.txt": "1 2 3" } });
  const train = [0.1, 0.2, 0.3].map((lr) => rig.put("toy/Train", { data: ref(data), lr }));
  const report = rig.put("toy/Report", { models: [ref(train[0]!), ref(train[1]!)] });
  return { data, train, report };
}

/** Runs commands over a store, in this process. */
function commands(rig: TidyRig) {
  return async (...args: string[]) => await furu(args, { root: () => Promise.resolve(rig.root) });
}

describe("furu rm", () => {
  it("shows first what would go, with what differs and what depends on it, and does it by --apply", async () => {
    await using rig = new TidyRig();
    const { train } = sweep(rig);
    const run = commands(rig);
    const shown = await run("rm", "toy/Train", "--where", "lr<0.25");
    assertEquals(shown.code, 0);
    assertMatch(
      shown.out,
      /^toy\/Train +2 artifacts, .*lr=0\.1,0\.2\n +1 stored artifact depends on that and stays\n$/,
    );
    assertMatch(shown.err, /nothing was changed: --apply removes 2 artifacts/);
    assertEquals(train.map(({ record }) => exists(record)), [true, true, true]);
    const done = await run("rm", "toy/Train", "--where", "lr<0.25", "--apply", "--json");
    const report = JSON.parse(done.out);
    assertEquals(
      [done.code, report.apply, report.removed.length, report.failed, report.tasks[0].dependents],
      [
        0,
        true,
        2,
        [],
        1,
      ],
    );
    assertEquals(train.map(({ record }) => exists(record)), [false, false, true]);
  });

  it("says why something stays, and ends with 1", async () => {
    await using rig = new TidyRig();
    const { data, train } = sweep(rig);
    const run = commands(rig);
    assertEquals(
      (await run("pin", train[2]!.hash.slice(0, 8), "best")).out.startsWith("pinned toy/Train("),
      true,
    );
    await tryClaim(rig.process({ host: "far" }).store, train[0]!, { backend: "local" });
    const done = await run("rm", "toy/*", "--apply");
    assertEquals(done.code, 1);
    assertMatch(done.err, /stays: toy\/Train\(\w+\): computed by pid \d+ on far/);
    assertMatch(done.err, /stays: toy\/Train\(\w+\): pin 'best'\n/);
    assertMatch(done.err, /stays: toy\/Data\(\w+\): pin 'best' depends on it\n/);
    assertEquals([data, ...train].map(({ record }) => exists(record)), [true, true, false, true]);
    const forced = await run("rm", "best", "--force", "--apply");
    assertEquals([forced.code, exists(train[2]!.record)], [0, false]);
  });

  it("refuses what nobody can mean", async () => {
    await using rig = new TidyRig();
    sweep(rig);
    const run = commands(rig);
    assertMatch((await run("rm", "toy/Trian")).err, /Cannot find anything of 'toy\/Trian'.*toy\/Train/);
    assertEquals((await run("rm")).code, 2);
    assertEquals((await run("rm", "toy/Train", "--where", "lr")).code, 2);
    assertMatch((await run("rm", "toy/Train", "--older", "soon")).err, /option --older: .*'soon'/);
    assertMatch(
      (await furu(["rm", "x"], { root: () => Promise.resolve("/nowhere") })).err,
      /Cannot find a store/,
    );
  });
});

describe("furu gc", () => {
  it("keeps what the roots of a module need, what is pinned, and tasks that the module does not define", async () => {
    await using rig = new TidyRig();
    const run = commands(rig);
    const { SEEDS } = { SEEDS: [1, 2, 3] };
    const all = SEEDS.map((seed) => rig.put("kept/Data", { seed }));
    const other = rig.put("toy/Other", { x: 1 });
    const module = `${rig.folder}/pipeline.ts`;
    const furuModule = new URL("../../../mod.ts", import.meta.url).href;
    Deno.writeTextFileSync(
      module,
      `import { defineTask } from ${JSON.stringify(furuModule)};
      import { z } from "zod";
      export const Data = defineTask({ name: "kept/Data", params: z.object({ seed: z.number() }), create: () => 1 });
      export default [Data({ seed: 1 })];`,
    );
    await run("pin", all[1]!.hash, "second");
    const shown = await run("gc", "--keep", module);
    assertMatch(shown.out, /^kept\/Data +\w{8}, .*seed=3\n$/);
    const wide = JSON.parse((await run("gc", "--keep", module, "--all-tasks", "--json")).out);
    assertEquals(wide.tasks.map(({ name }: { name: string }) => name), ["kept/Data", "toy/Other"]);
    assertEquals((await run("gc", "--keep", module, "--apply")).code, 0);
    assertEquals([...all, other].map(({ record }) => exists(record)), [true, true, false, true]);
    assertEquals((await run("gc", "--all-tasks")).code, 2);
  });

  it("removes only litter without flags", async () => {
    await using rig = new TidyRig();
    const { train } = sweep(rig);
    rig.fail(train[0]!, 1, "ffffffffffff");
    const run = commands(rig);
    assertMatch((await run("gc")).err, /nothing to do/);
    assertMatch((await run("gc", "--failed")).out, /^failed attempts of toy\/Train\(/);
  });
});

describe("furu check, invalidate and du", () => {
  it("find damage, say what to do, and have it computed again by --fix", async () => {
    await using rig = new TidyRig();
    const { data, train } = sweep(rig);
    Deno.writeTextFileSync(
      train[0]!.record,
      Deno.readTextFileSync(train[0]!.record).replace('"value":1', '"value":2'),
    );
    Deno.truncateSync(train[1]!.record, 30);
    Deno.removeSync(`${data.home}/1-${data.hash.slice(0, 12)}/rows.txt`);
    const run = commands(rig);
    const found = await run("check", "--json");
    assertEquals(found.code, 1);
    const { looked, findings } = JSON.parse(found.out);
    assertEquals([looked, findings.length], [5, 3]);
    const whats = findings.map(({ what }: { what: string }) => what).join("\n");
    for (const word of ["its checksum differs", "truncated", "rows.txt is gone"]) {
      assertStringIncludes(whats, word);
    }
    assertMatch(
      (await run("check")).out,
      /'furu check \w{8} --fix'.*'furu rm \w{8} --apply'.*'furu run --force Data'/,
    );
    const fixed = await run("check", "--fix");
    assertEquals(fixed.code, 0, fixed.err);
    assertEquals((await run("check")).code, 0);
    assertEquals([data, ...train].map(({ record }) => exists(record)), [false, false, false, true]);
    assertEquals(rig.tree().filter((name) => name.endsWith(".damaged.json")).length, 3);
    assertMatch((await run("du")).out, /REPLACED/);
  });

  it("an invalidated result stays as a replaced one", async () => {
    await using rig = new TidyRig();
    const { train } = sweep(rig);
    const run = commands(rig);
    assertMatch((await run("invalidate", "toy/Train", "-w", "lr=0.1")).err, /--apply invalidates 1 artifact/);
    assertEquals((await run("invalidate", "toy/Train", "-w", "lr=0.1", "--apply")).code, 0);
    assertEquals(train.map(({ record }) => exists(record)), [false, true, true]);
    const usage = JSON.parse((await run("du", "toy/Train", "--json")).out);
    assertEquals([usage.tasks[0].replaced.count, usage.tasks[0].results.count], [1, 2]);
    assertMatch((await run("ls", "toy/Train", "--where", "lr=0.1")).out, /nothing/);
  });

  it("pins are listed and removed", async () => {
    await using rig = new TidyRig();
    const { train } = sweep(rig);
    const run = commands(rig);
    await run("pin", train[0]!.hash, "best");
    assertMatch((await run("pin")).out, /best +toy\/Train\(/);
    assertEquals(JSON.parse((await run("pin", "--json")).out)[0].hash, train[0]!.hash);
    assertEquals((await run("unpin", "nosuch")).code, 1);
    assertEquals((await run("unpin", "best")).out, "unpinned best\n");
  });
});

describe("the program", () => {
  it("removes artifacts of a store, and leaves nothing of itself there", async () => {
    await using rig = new TidyRig();
    const { train } = sweep(rig);
    const { code, output } = await rig.start(CLI, ["rm", "toy/Train", "--apply"]).ended();
    assertEquals(code, 0, output);
    assertMatch(output, /removed 3 artifacts/);
    assertEquals(train.map(({ record }) => exists(record)), [false, false, false]);
    assertEquals(rig.tree().filter((name) => /\.(tmp|trash)-|^owners\/./.test(name)), []);
  });
});
