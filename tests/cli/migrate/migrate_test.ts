import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { Rig } from "../../rig.ts";
import { FIXTURES, furu } from "../rig.ts";

const FOLDER = join(FIXTURES, "migrate");

/** A store with results of the code as it was, and the real program over it. */
async function withResults() {
  const rig = new Rig();
  const program = async (command: string, file: string, ...args: string[]) => {
    const path = join(FOLDER, file);
    const { code, stdout, stderr } = await rig.start("../cli.ts", [command, path, ...args]).ended();
    return { code, out: stdout, err: stderr };
  };
  const { code, err } = await program("run", "before.ts", "--isolation", "inline");
  assertEquals(code, 0, err);
  return { rig, program };
}

describe("furu migrate", () => {
  it("shows what would be migrated, and why not, migrates it, and then nothing is left to compute", async () => {
    const { rig, program } = await withResults();
    await using _ = rig;
    const plan = await program("plan", "after.ts");
    assertMatch(
      plan.err,
      /^3 results need not be computed but can be migrated: furu migrate .*after\.ts\n$/,
    );
    const before = rig.tree();
    const shown = await program("migrate", "after.ts");
    assertEquals(shown.code, 0, shown.err);
    assertMatch(shown.out, /^climig\/OldData -> climig\/Data +1 result\n/);
    assertMatch(shown.out, /\nclimig\/Train -> climig\/Train v2 +6 results\n/);
    assertMatch(
      shown.out,
      /ready +data=climig\/OldData\(.{8}\) lr=0\.1 -> data=climig\/Data\(.{8}\) optimizer\.lr=0\.1\n/,
    );
    assertMatch(shown.out, /refused +today's schema refuses them: params\.optimizer\.lr: Too big/);
    assertMatch(
      shown.err,
      /^3 can be migrated, 2 refused, 2 left out by their migration: furu migrate .*after\.ts --apply\n$/,
    );
    assertEquals(rig.tree(), before);
    const applied = await program("migrate", "after.ts", "--apply", "--json");
    const rows: {
      status: string;
      from: { hash: string };
      to: { name: string; hash?: string };
      why?: string;
    }[] = JSON.parse(applied.out);
    assertEquals(applied.code, 0, applied.err);
    assertEquals(rows.map(({ status }) => status).sort(), [
      "left",
      "left",
      "migrated",
      "migrated",
      "migrated",
      "refused",
      "refused",
    ]);
    const done = await program("plan", "after.ts");
    assertMatch(done.out, /2 done, 0 in progress, 0 to do/);
    assertEquals(done.err, "");
    const { from, to } = rows.find(({ status, to }) => status === "migrated" && to.name === "climig/Data")!;
    const root = () => Promise.resolve(rig.root);
    const view = await furu(["show", to.hash!], { root });
    assertMatch(
      view.out,
      new RegExp(`\nmigrated +from climig/OldData\\(${from.hash.slice(0, 8)}\\), \\d{4}-`),
    );
    assertEquals(
      (await program("migrate", "after.ts", "--apply")).err.startsWith("2 refused, 3 stored already"),
      true,
    );
  });

  it("takes one task, or what roots need", async () => {
    const { rig, program } = await withResults();
    await using _ = rig;
    const names = async (reference: string) => {
      const { out, err, code } = await program("migrate", reference, "--json");
      assertEquals(code, 0, err);
      return [...new Set(JSON.parse(out).map(({ from }: { from: { name: string } }) => from.name))];
    };
    assertEquals(await names("after.ts#Data"), ["climig/OldData"]);
    assertEquals(await names("after.ts#data"), ["climig/OldData"]);
    assertEquals(await names("after.ts#default"), ["climig/OldData", "climig/Train"]);
    const none = await program("migrate", "after.ts#other");
    assertEquals({ ...none }, {
      code: 0,
      out: "",
      err: "no task has 'migrations' (an option of defineTask)\n",
    });
  });

  it("says where there is no store, and when nothing of the older tasks is stored", async () => {
    await using rig = new Rig();
    const module = join(FOLDER, "after.ts");
    const run = () => rig.start("../cli.ts", ["migrate", module]).ended();
    const without = await run();
    assertEquals(without.code, 1);
    assertStringIncludes(without.stderr, `Cannot find a store in ${rig.root}`);
    Deno.mkdirSync(rig.root);
    const empty = await run();
    assertEquals(empty.code, 0, empty.stderr);
    assertStringIncludes(empty.stderr, `nothing that migrations are for is in ${rig.root}`);
  });
});
