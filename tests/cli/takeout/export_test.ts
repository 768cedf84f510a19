import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { digest } from "../../../lib/core/json/digest.ts";
import { sweepRig } from "./rig.ts";

function namesIn(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).sort();
}

describe("furu export", () => {
  it("copies one result: its value, its files, and where it comes from", async () => {
    await using sweep = await sweepRig();
    const hash = sweep.hashOf("toy/Train", '"lr":0.5');
    const dir = join(sweep.rig.folder, "one");
    const { code, err, out } = await sweep.run("export", hash.slice(0, 8), dir);
    assertEquals({ code, err }, { code: 0, err: "" });
    assertStringIncludes(out, `toy/Train(${hash.slice(0, 8)})`);
    const value = JSON.parse(Deno.readTextFileSync(join(dir, "value.json")));
    assertEquals(value.score, 20);
    assertEquals(Deno.readTextFileSync(join(dir, value.model)), "model of 0.5");
    const [kind, file, bytes] = value.weights.$typedFile;
    assertEquals([kind, bytes], ["Float64Array", 8000]);
    assertEquals(
      new Float64Array(Deno.readFileSync(join(dir, file)).buffer),
      new Float64Array(1000).fill(0.5),
    );
    const manifest = JSON.parse(Deno.readTextFileSync(join(dir, "manifest.json")));
    const data = { name: "toy/Data", hash: sweep.hashOf("toy/Data", '"rows":20') };
    const { name, params, dependencies, attempt } = manifest;
    assertEquals({ name, hash: manifest.hash, params, dependencies, attempt }, {
      name: "toy/Train",
      hash,
      params: { data: { $artifact: [data.name, data.hash] }, lr: 0.5, status: "x" },
      dependencies: [data],
      attempt: 1,
    });
    assertMatch(manifest.provenance.furu, /^\d/);
    assertEquals(manifest.files.map(({ path }: { path: string }) => path), [
      "value.json",
      "files/.furu-value-0.bin",
      "files/sub/model.txt",
    ]);
    for (const { path, bytes, sha256: sum } of manifest.files) {
      assertEquals([Deno.statSync(join(dir, path)).size, await digest(join(dir, path))], [bytes, sum]);
    }
  });

  it("gives each of several a folder, and what they depend on as well", async () => {
    await using sweep = await sweepRig();
    const dir = join(sweep.rig.folder, "all");
    const { out } = await sweep.run(
      "export",
      "toy/Train",
      dir,
      "--status",
      "done",
      "--with-dependencies",
      "--json",
    );
    const exported = JSON.parse(out);
    assertEquals(exported.length, 4);
    const short = (text: string, task: string) => sweep.hashOf(`toy/${task}`, text).slice(0, 8);
    const half = `Train-${short('"lr":0.5', "Train")}`;
    assertEquals(
      namesIn(dir),
      ["dependencies", half, `Train-${short('"lr":0.25', "Train")}`].sort((a, b) => a < b ? -1 : 1).sort(),
    );
    const [{ path }] = JSON.parse(Deno.readTextFileSync(join(dir, half, "manifest.json"))).dependencies;
    assertEquals(path, `../dependencies/Data-${short('"rows":20', "Data")}`);
    assertEquals(Deno.readTextFileSync(join(dir, half, path, "value.json")), "40\n");
    // The value of these lies in a file of its own, which is not copied twice.
    const long = join(sweep.rig.folder, "long");
    await sweep.run("export", sweep.hashOf("toy/Long", '"n":1}'), long);
    assertEquals(namesIn(long), ["manifest.json", "value.json"]);
    assertEquals(JSON.parse(Deno.readTextFileSync(join(long, "value.json"))).text.length, 300_000);
  });

  it("refuses what has no result, what is damaged, and a folder that is not empty", async () => {
    await using sweep = await sweepRig();
    const dir = join(sweep.rig.folder, "out");
    const failed = sweep.hashOf("toy/Train", '"lr":2');
    const one = await sweep.run("export", failed, dir);
    assertMatch(one.err, /Cannot export toy\/Train\(\w+\), which failed \(diverged\): run it again/);
    const task = await sweep.run("export", "toy/Train", dir);
    assertMatch(task.err, /Cannot export 1 of 3 artifacts.*failed \(diverged\).*--status done/s);
    assertMatch((await sweep.run("export", "ffffffff", dir)).err, /Cannot find an artifact/);
    assertEquals((await sweep.run("export", failed)).code, 2);
    const hash = sweep.hashOf("toy/Train", '"lr":0.5');
    assertMatch((await sweep.run("export", hash, sweep.rig.folder)).err, /it is not empty/);
    // Somebody computes it at the moment.
    const home = join(sweep.rig.root, "artifacts/toy/Train", failed);
    const owner = { host: "far", pid: 7 };
    const claim = {
      schema: 1,
      id: "bbbb",
      owner,
      backend: "local",
      startedAt: "2026-01-01T00:00:00.000Z",
      leaseSec: 60,
    };
    Deno.writeTextFileSync(`${home}.claim`, JSON.stringify(claim));
    assertMatch(
      (await sweep.run("export", failed, dir)).err,
      /being computed on far since .*: export it when it is done/,
    );
    // Nothing was made so far.
    assertEquals(namesIn(sweep.rig.folder).includes("out"), false);
    const model = sweep.rig.tree().find((name) => name.includes(hash) && name.endsWith("model.txt"))!;
    Deno.writeTextFileSync(join(sweep.rig.root, model), "cut");
    const cut = await sweep.run("export", hash, dir);
    assertMatch(cut.err, /model\.txt had 12 bytes when it was stored, and has 3 bytes now/);
    assert(!namesIn(dir).includes("manifest.json"), "a folder with a manifest is whole");
  });
});
