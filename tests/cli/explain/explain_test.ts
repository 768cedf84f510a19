import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { Rig } from "../../rig.ts";

const REPOSITORY = fromFileUrl(new URL("../../../", import.meta.url));

const PIPELINE = `
import { defineTask, z } from "${REPOSITORY}mod.ts";
import { scale } from "./scale.ts";
const Prep = defineTask({
  name: "why/Prep",
  params: z.object({ seed: z.number() /*more*/ }),
  create: ({ params }) => scale(params.seed),
});
const Train = defineTask({
  name: "why/Train",
  params: z.object({ data: Prep.schema, lr: z.number(), model: z.string() }),
  create: ({ params: { lr, model } }) => {
    if (lr === 3 && model !== "good") throw new Error("loss is NaN");
    return { loss: lr };
  },
});
const data = Prep({ seed: Number(Deno.env.get("SEED") ?? 1) });
const models = ["good", "bad", "ugly"];
export default [0.1, 0.2, 0.3, 0.4, 1, 2, 3, 4].flatMap((lr) => models.map((model) => Train({ data, lr, model })));
`;

/** A store with a sweep of 24 configurations of which two failed, and the program to ask about it. */
async function sweep() {
  const rig = new Rig();
  const write = (name: string, text: string) => Deno.writeTextFileSync(join(rig.folder, name), text);
  write("pipeline.ts", PIPELINE);
  write("scale.ts", "export const scale = (x: number) => 2 * x;\n");
  const start = (args: string[], env: Record<string, string> = {}) =>
    rig.start(`${REPOSITORY}cli.ts`, args, env).ended();
  const path = join(rig.folder, "pipeline.ts");
  const { code, output } = await start(["run", path, "-k", "--retries", "0", "--isolation", "inline"]);
  assertEquals(code, 1, output);
  const furu = async (args: string[], env: Record<string, string> = {}): Promise<string> => {
    const { code, stdout, output } = await start(args.map((arg) => arg === "PIPELINE" ? path : arg), env);
    assertEquals(code, 0, output);
    return stdout;
  };
  return { rig, write, furu, start, path };
}

describe("furu why, and furu diff", () => {
  it("say of a sweep what is stored, what failed, and in what what is not stored differs", async () => {
    const { rig, furu, write, path, start } = await sweep();
    await using _ = rig;

    const now = await furu(["why", "PIPELINE"]);
    assertMatch(now, /why\/Prep\(.{8}\) {2}not to compute\n {2}stored: computed \d{4}-/);
    assertMatch(now, /why\/Train: 2 artifacts {2}to compute {2}model=bad,ugly\n {2}failed .*: loss is NaN\n/);
    assertMatch(
      now,
      /why\/Train: 22 artifacts {2}not to compute {2}lr=0.1..4, model=bad,good,ugly\n {2}stored/,
    );
    assertStringIncludes(now, "25 artifacts: 2 to compute, 23 stored\n");
    assertEquals(now.includes("warning"), false);

    const other = await furu(["plan", "PIPELINE", "--why"], { SEED: "2" });
    assertMatch(other, /why\/Prep\(.{8}\) {2}to compute\n {2}never computed; nearest stored is why\/Prep\(/);
    assertMatch(other, /differs in\n {4}seed {2}1 → 2\n/);
    assertMatch(
      other,
      /why\/Train: 22 artifacts .*\n.*22 artifacts, which differ in\n {4}data \(why\/Prep\) seed {2}1 → 2\n/,
    );
    const json = JSON.parse(await furu(["why", "PIPELINE", "--json"], { SEED: "2" }));
    assertEquals(json.length, 25);
    assertEquals(json[0].because, "differs");
    assertEquals(json[0].nearest.differences, [{ path: "seed", of: "params", old: 1, new: 2, through: [] }]);
    const trained = json.find(({ params }: { params: { model?: string } }) => params.model === "good");
    assertEquals(trained.nearest.differences, [
      { path: "seed", of: "params", old: 1, new: 2, through: [{ path: "data", task: "why/Prep" }] },
    ]);

    // One artifact: with and without the module that makes it.
    const hash = trained.nearest.hash as string;
    assertMatch(await furu(["why", hash.slice(0, 8)]), /not to compute\n {2}stored: /);
    assertMatch(
      await furu(["why", trained.hash, "PIPELINE"], { SEED: "2" }),
      /data \(why\/Prep\) seed {2}1 → 2/,
    );
    const diff = ["diff", `why/Train(${hash.slice(0, 8)})`, trained.hash.slice(0, 8), "PIPELINE"];
    const text = await furu(diff, { SEED: "2" });
    assertMatch(text, /\n {2}data {4}why\/Prep\(.{8}\) → why\/Prep\(.{8}\)\n {4}seed {2}1 → 2\n\nold/);
    assertMatch(text, /\nnew .*\n +not stored\n/);
    const [a, b] = JSON.parse(await furu(["ls", "why/Train", "-s", "done", "-w", "model=good", "--json"]));
    const two = JSON.parse(await furu(["diff", a.hash, b.hash, "--json"]));
    assertEquals(two.differences, [{ path: "lr", of: "params", old: a.params.lr, new: b.params.lr }]);
    assertEquals([two.sameCode, two.old.value, two.new.value], [true, { loss: a.params.lr }, {
      loss: b.params.lr,
    }]);

    // Other code computes nothing again, and is said.
    write("scale.ts", "export const scale = (x: number) => 2 * x + 0;\n");
    const warned = await furu(["why", "PIPELINE"]);
    assertStringIncludes(warned, `warning: its code has changed since (${join(rig.folder, "scale.ts")})`);
    assertStringIncludes(warned, "25 artifacts: 2 to compute, 23 stored\n");
    assertMatch(await furu(["show", hash]), /\ncode .*: today's differs\n +written since .*scale.ts\n/);

    // A new parameter with a default.
    write("pipeline.ts", PIPELINE.replace("/*more*/", ', kind: z.string().default("fast")'));
    const added = await furu(["why", "PIPELINE"]);
    assertMatch(added, /kind {2}\(none\) → fast \(a new parameter's default\)\n.*legacy: \{ kind: "fast" \}/);

    for (const bad of [["why", "ffff0000"], ["diff", "ffff0000", hash], ["diff", "zz", hash]]) {
      assert((await start(bad)).code > 0);
    }
    assertEquals((await start(["plan", path, "--why", "--format", "dot"])).code, 2);
  });

  it("says of what is forced how much stays, and computes that, too, with --force-dependents", async () => {
    const { rig, furu, start, path } = await sweep();
    await using _ = rig;
    const force = [path, "--force", "why/Prep"];
    const { stderr } = await start(["plan", ...force]);
    assertStringIncludes(stderr, "22 stored results that depend on it stay as they are: why/Train (22)");
    assertStringIncludes(stderr, "--force-dependents");
    const plan = JSON.parse(await furu(["plan", ...force, "--force-dependents", "--json", "--why"]));
    assertEquals(plan.counts, { done: 0, inProgress: 0, todo: 25, failed: 0 });
    assertEquals("kept" in plan, false);
    const reasons = Map.groupBy(plan.why as { because: string; detail: string }[], ({ because }) => because);
    assertEquals([...reasons].map(([because, all]) => [because, all.length]).sort(), [["failed", 2], [
      "forced",
      23,
    ]]);
    assertStringIncludes(reasons.get("forced")!.at(-1)!.detail, "what it depends on is forced");
    const { output } = await start(["run", ...force, "--force-dependents", "-k", "--retries", "0"]);
    assertStringIncludes(output, "23 computed, 0 cached, 2 failed");
    const alone = await start(["run", path, "--force-dependents"]);
    assertEquals(alone.code, 2);
    assertStringIncludes(alone.stderr, "Cannot use --force-dependents without --force");
  });

  it("furu replay computes one again beside the store, and compares", async () => {
    const { rig, furu, start, write, path } = await sweep();
    await using _ = rig;
    const env = { TMPDIR: rig.folder };
    const inScratch = () =>
      [...Deno.readDirSync(rig.folder)].filter(({ name }) => name.startsWith("furu-replay"));
    const listed = JSON.parse(await furu(["ls", "--json"]));
    const of = (task: string, status: string) =>
      listed.find((each: { name: string; status: string }) => each.name === task && each.status === status)
        .hash;
    const before = rig.tree();
    assertStringIncludes(await furu(["replay", of("why/Train", "DONE")], env), "the same as what is stored");
    assertEquals(inScratch(), []);
    const failed = await start(["replay", of("why/Train", "FAILED"), path], env);
    assertEquals(failed.code, 1);
    assertStringIncludes(failed.stderr, "loss is NaN");
    write("scale.ts", "export const scale = (x: number) => 3 * x;\n");
    const other = await start(["replay", of("why/Prep", "DONE"), "--json"], env);
    const { result, difference, folder } = JSON.parse(other.stdout);
    assertEquals([other.code, result, difference], [1, "different", { where: "value", old: 2, new: 3 }]);
    assertStringIncludes(other.stderr, folder);
    assertEquals(inScratch().length, 2);
    assertEquals(rig.tree(), before);
  });

  it("say of an empty store that nothing of a task is stored, and make nothing", async () => {
    await using rig = new Rig();
    Deno.writeTextFileSync(join(rig.folder, "pipeline.ts"), PIPELINE);
    Deno.writeTextFileSync(join(rig.folder, "scale.ts"), "export const scale = (x: number) => x;\n");
    const { code, stdout } = await rig.start(`${REPOSITORY}cli.ts`, ["why", join(rig.folder, "pipeline.ts")])
      .ended();
    assertEquals(code, 0);
    assertStringIncludes(stdout, "never computed: nothing of why/Train is stored");
    assertEquals([...Deno.readDirSync(rig.folder)].map(({ name }) => name).sort(), [
      "pipeline.ts",
      "scale.ts",
    ]);
  });
});
