import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { configure } from "../../../lib/core/config.ts";
import { runLocal } from "../../../lib/api/run_local.ts";
import { RunFailedError } from "../../../lib/core/errors.ts";
import { furu } from "../rig.ts";
import { findArtifacts, parsePattern } from "../../../lib/catalog/find_artifacts.ts";
import { Rig, testRuntime } from "../../rig.ts";
import { Bad, Fits } from "../fixtures/sweep.ts";

/** A sweep in which one has failed. */
async function sweep(rig: Rig): Promise<void> {
  const roots = [0.1, 0.2, 0.3].flatMap((lr) => [1, 2].map((seed) => Fits({ data: { size: 10 }, lr, seed })));
  configure({ root: rig.root, recordGit: "ignore" });
  const failed = await runLocal([...roots, Bad({ lr: 0.1 })], {
    keepGoing: true,
    isolation: "inline",
    progress: "none",
    maxComputeRetries: 0,
  }).catch((error) => error);
  assert(failed instanceof RunFailedError, String(failed));
}

const call = async (rig: Rig, ...args: string[]) =>
  await furu(args, { root: () => Promise.resolve(rig.root) });

describe("furu ls", () => {
  it("lists a sweep by what differs, and why something failed", async () => {
    await using rig = new Rig();
    await sweep(rig);
    const { out, code } = await call(rig, "ls");
    assertEquals(code, 0);
    assertStringIncludes(out, "sweep/Fits  6 artifacts  data.size=10\n");
    assertMatch(out, /\n[0-9a-f]{8} +done +20\d\d-\S+ \S+ +\S+ s +\d+ B +lr=0\.2 seed=1\n/);
    assertMatch(out, /sweep\/Bad {2}1 artifact\n.*\n[0-9a-f]{8} +failed .* lr=0\.1 — it is bad\n/);
    const some = await call(
      rig,
      "ls",
      "Fits",
      "--where",
      "lr>0.1",
      "--where",
      "seed=2",
      "--sort",
      "lr",
      "-r",
    );
    assertEquals(some.out.match(/lr=\S+/g), ["lr=0.3", "lr=0.2"]);
    assertMatch((await call(rig, "ls", "--status", "failed")).out, /^sweep\/Bad/);
    assertEquals(
      (await call(rig, "ls", "--since", "1d", "--limit", "2")).err,
      "5 more are not shown (--limit)\n",
    );
  });

  it("gives programs what it shows, and its errors", async () => {
    await using rig = new Rig();
    await sweep(rig);
    // What it took is measured on Linux, and processor time only of what takes a while.
    const [{ peakMemoryBytes: _, cpuSec: __, programsCpuSec: ___, ...entry }] = JSON.parse(
      (await call(rig, "ls", "Bad", "--json")).out,
    );
    assertEquals(
      { ...entry, hash: "", at: "", durationMs: 0, run: "", host: "", user: "" },
      {
        name: "sweep/Bad",
        hash: "",
        status: "FAILED",
        params: { lr: 0.1 },
        attempt: 1,
        error: "it is bad",
        spec: "default",
        at: "",
        durationMs: 0,
        run: "",
        host: "",
        user: "",
      },
    );
    for (
      const [args, words] of [[["nothing"], "Cannot find anything of 'nothing'"], [
        ["-w", "x"],
        "--where",
      ]] as const
    ) {
      const { out, err, code } = await call(rig, "ls", ...args, "--json");
      const { error } = JSON.parse(out);
      assertStringIncludes(error.message, words);
      assertStringIncludes(err, words);
      assertEquals(error.exitCode, code);
    }
  });

  it("says where there is no store, and makes none", async () => {
    await using rig = new Rig();
    const { root } = rig;
    const { code, err } = await furu(["ls"], { root: () => Promise.resolve(root) });
    assertEquals(code, 1);
    assertStringIncludes(err, `Cannot find a store in ${root}`);
    assertEquals(await Array.fromAsync(Deno.readDir(rig.folder)), []);
  });
});

describe("furu status and logs", () => {
  it("show a run: counts, failures, and what attempts printed", async () => {
    await using rig = new Rig();
    await sweep(rig);
    const runs = JSON.parse((await call(rig, "status", "--json")).out);
    assertEquals(runs.map(({ state, counts }: { state: string; counts: unknown }) => [state, counts]), [[
      "failed",
      { nodes: 7, cached: 0, computed: 6, elsewhere: 0, failed: 1, running: 0, waiting: 0 },
    ]]);
    const last = await call(rig, "status", "last");
    assertEquals(last.code, 1);
    assertMatch(last.out, /state +failed/);
    assertMatch(last.out, /sweep\/Fits +6 +6 +0 +0/);
    assertMatch(last.out, /sweep\/Bad\([0-9a-f]{8}\) .*\n {2}it is bad\n/);
    assertMatch((await call(rig, "status")).out, /failed .* 6\/7 +1 /);
    assertEquals((await call(rig, "status", runs[0].runId.slice(-6))).code, 1);
    const wrong = await call(rig, "status", "foo");
    assertEquals(wrong.code, 2);
    assertStringIncludes(wrong.err, "Cannot find run 'foo'");

    const fits = (await findArtifacts(testRuntime(rig.root).store, parsePattern("Fits", ["sweep/Fits"])))
      .slice(0, 2);
    for (const { home } of fits) {
      Deno.mkdirSync(home, { recursive: true });
      Deno.writeTextFileSync(join(home, "1-aaaaaaaaaaaa.log"), "first\nsecond\n");
    }
    const printed = await call(rig, "logs", "Fits", "-n", "1");
    assertMatch(
      printed.out,
      /^==> sweep\/Fits\([0-9a-f]{8}\), attempt 1: \S+\nsecond\n\n==> .*\nsecond\n\n$/,
    );
    assertEquals((await call(rig, "logs", fits[0]!.hash.slice(0, 8))).out, "first\nsecond\n");
    const bad = await call(rig, "logs", "Bad");
    assertMatch(bad.out, /^Error: it is bad/);
    assertStringIncludes((await call(rig, "logs", "last")).out, "it is bad");
    const path = (await call(rig, "logs", "Bad", "--path")).out.trim();
    assertStringIncludes(Deno.readTextFileSync(path), "it is bad");
    assertStringIncludes((await call(rig, "logs", "Bad", "--attempt", "3")).err, "there are 1");
    assertStringIncludes((await call(rig, "logs", "none")).err, "no artifact, task, run or worker");
  });

  it("name what a result needs and who needs it, and take the name of a pin", async () => {
    await using rig = new Rig();
    await sweep(rig);
    const [{ hash }] = JSON.parse(
      (await call(rig, "ls", "Fits", "--json", "--where", "lr=0.2", "--where", "seed=1")).out,
    );
    assertEquals((await call(rig, "pin", hash, "best")).code, 0);
    const shown = JSON.parse((await call(rig, "show", "best", "--dependents", "--json")).out);
    assertEquals([shown.hash, shown.needs, shown.neededBy, JSON.parse(shown.value).score], [
      hash,
      [],
      [],
      0.2,
    ]);
    assertMatch(
      (await call(rig, "show", "best", "--dependents")).out,
      /\nneeded by +nothing that is stored\n/,
    );
    assertEquals((await call(rig, "path", "best")).out.trim().endsWith(`${hash}.json`), true);
    const failed = JSON.parse((await call(rig, "ls", "Bad", "--json")).out)[0];
    assertEquals(JSON.parse((await call(rig, "show", failed.hash, "--json")).out).params, { lr: 0.1 });
  });

  it("tell a run whose process is gone", async () => {
    await using rig = new Rig();
    await sweep(rig);
    const [run] = [...Deno.readDirSync(join(rig.root, "runs"))];
    const path = join(rig.root, "runs", run!.name, "progress.json");
    const { ended: _, owner, ...rest } = JSON.parse(Deno.readTextFileSync(path));
    Deno.writeTextFileSync(path, JSON.stringify({ ...rest, owner: { ...owner, start: "1" } }));
    const { out, code } = await call(rig, "status", "last");
    assertEquals(code, 1);
    assertMatch(out, /state +died: its process is gone/);
    Deno.writeTextFileSync(
      path,
      JSON.stringify({ ...rest, owner: { host: "far", pid: 1 }, at: "2026-01-01T00:00:00Z" }),
    );
    assertMatch(
      (await call(rig, "status", "last")).out,
      /state +silent: nothing was heard of it since 2026-01-01/,
    );
    Deno.writeTextFileSync(path, '{"schema":1}');
    assertEquals((await call(rig, "status")).err, `there are no runs in ${rig.root}\n`);
  });
});
