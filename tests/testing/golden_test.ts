import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { goldenIdentities } from "../../lib/api/testing.ts";
import { ValidationError } from "../../lib/core/errors.ts";
import { define, forget } from "../migrate/rig.ts";
import { Rig } from "../rig.ts";

const pipeline = (data: z.ZodRawShape, more: Parameters<typeof define>[1] = {}, name = "golden/Data") => {
  const Data = define(name, { params: z.object({ size: z.number(), ...data }), ...more });
  const Train = define("golden/Train", { params: z.object({ data: Data.schema, lr: z.number() }) });
  return (lr: number, params: Record<string, unknown> = {}) =>
    Train({ data: Data({ size: 3, ...params }), lr });
};
const refusal = async (file: string, artifacts: Parameters<typeof goldenIdentities>[1]) =>
  (await assertRejects(() => goldenIdentities(file, artifacts, { update: false }), ValidationError)).message;

describe("goldenIdentities()", () => {
  it("writes name, hash and identity of artifacts and all below, and finds them the same", async () => {
    await using rig = new Rig();
    const file = join(rig.folder, "sub", "golden.json");
    const train = pipeline({});
    assertEquals(await goldenIdentities(file, [train(1), [train(2)]], { update: true }), "written");
    const { artifacts } = JSON.parse(Deno.readTextFileSync(file));
    assertEquals(artifacts.map(({ name }: { name: string }) => name), [
      "golden/Train",
      "golden/Data",
      "golden/Train",
    ]);
    assertEquals(artifacts[0].hash, train(1).hash);
    assertEquals(artifacts[1].identity, { params: { size: 3 }, scheme: 1, task: "golden/Data" });
    const other = pipeline({ more: z.number().default(1) }, { legacy: { more: 1 } });
    assertEquals(await goldenIdentities(toFileUrl(file), () => [other(2), other(1)]), "same");
  });

  it("names the artifact and the fields that changed, and only counts what depends on it", async () => {
    await using rig = new Rig();
    const file = join(rig.folder, "golden.json");
    const before = pipeline({});
    await goldenIdentities(file, [before(1), before(2)], { update: true });
    const [data] = [before(1)].map(({ params }) => (params as { data: unknown }).data);
    const now = pipeline({ kind: z.string().default("x") }, { version: 2 });
    const message = await refusal(file, [now(1), now(2)]);
    assertStringIncludes(message, `Artifacts are not those of ${file}`);
    assertStringIncludes(message, `\n  ${data} is golden/Data(`);
    assertStringIncludes(message, `now: params.kind is new: "x"; version is new: 2\n`);
    assertStringIncludes(message, "\n  and 2 artifacts that depend on these\n");
    assertStringIncludes(message, "UPDATE_GOLDEN=1");
    assertMatch(await refusal(file, [now(1, { size: 4 })]), /params\.size was 3 and is 4/);
  });

  it("finds what is renamed, new, or not made any more", async () => {
    await using rig = new Rig();
    const file = join(rig.folder, "golden.json");
    const before = pipeline({});
    await goldenIdentities(file, [before(1), before(2)], { update: true });
    assertMatch(await refusal(file, before(1)), /\n {2}golden\/Train\(.{8}\) is not made any more\n/);
    assertMatch(
      await refusal(file, [1, 2, 5].map((lr) => before(lr))),
      /^[^\n]*\n {2}golden\/Train\(.{8}\) is new\n[^ ]/,
    );
    forget("golden/Data");
    const renamed = pipeline({}, {}, "golden/Rows");
    assertMatch(
      await refusal(file, [renamed(1), renamed(2)]),
      /golden\/Data\(.{8}\) is golden\/Rows\(.{8}\) now: task was "golden\/Data" and is "golden\/Rows"\n/,
    );
  });

  it("takes the artifacts of a module, and says when there are none", async () => {
    await using rig = new Rig();
    const file = join(rig.folder, "golden.json");
    const module = await import("../cli/fixtures/pipeline.ts");
    assertEquals(await goldenIdentities(file, module, { update: true }), "written");
    assertEquals(await goldenIdentities(file, module), "same");
    assertEquals(Deno.readTextFileSync(file).includes("clifix/Train"), true);
    assertMatch(await refusal(file, { a: 1 }), /it has no artifacts: it has a$/);
    assertMatch(
      await refusal(file, [3 as never]),
      /identities of what was given\[0\] as artifacts are needed/,
    );
    Deno.writeTextFileSync(file, "{}");
    assertMatch(await refusal(file, module), /it is no file of golden identities/);
  });

  it("writes a missing file but where CI is set, and anew with UPDATE_GOLDEN=1", async () => {
    await using rig = new Rig();
    const script = join(rig.folder, "script.ts");
    const at = (path: string) => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
    Deno.writeTextFileSync(
      script,
      `import { defineTask, z } from ${at("mod.ts")};
import { goldenIdentities } from ${at("lib/api/testing.ts")};
const Task = defineTask({ name: "golden/Script", params: z.object({ n: z.number() }), create: () => 1 });
console.log(await goldenIdentities(new URL("golden.json", import.meta.url), Task({ n: Number(Deno.args[0]) })));
`,
    );
    const run = async (n: number, env: Record<string, string>) => {
      const { code, stdout, stderr } = await rig.start(script, [n], { CI: "", UPDATE_GOLDEN: "", ...env })
        .ended();
      return code === 0 ? stdout.trim() : stderr;
    };
    assertStringIncludes(
      await run(1, { CI: "true" }),
      "there is no such file; write it with UPDATE_GOLDEN=1",
    );
    assertEquals(await run(1, {}), "written");
    assertEquals(await run(1, { CI: "true" }), "same");
    assertStringIncludes(await run(2, {}), "params.n was 1 and is 2");
    assertEquals(await run(2, { UPDATE_GOLDEN: "1" }), "written");
    assertEquals(await run(2, {}), "same");
  });
});
