import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { ComputeError } from "../../../lib/core/errors.ts";
import { Scratch, scratchParent, sweepScratch } from "../../../lib/run/node/scratch.ts";
import { exists, Rig, testMachine } from "../../rig.ts";

describe("scratchParent()", () => {
  it("is the setting with the machine's variables, else what variables say, else /tmp", () => {
    const env: Record<string, string> = { USER: "ada", SLURM_TMPDIR: "/job", TMPDIR: "/tmp/ada", EMPTY: "" };
    const ask = (setting?: string, without: string[] = []) =>
      scratchParent(setting, (name) => without.includes(name) ? undefined : env[name]);
    assertEquals(ask("/scratch/$USER/x"), "/scratch/ada/x");
    assertEquals(ask("/scratch/${USER}s"), "/scratch/adas");
    assertEquals(ask("/scratch/$NOPE"), "/job");
    assertEquals(ask("/scratch/$EMPTY"), "/job");
    assertEquals(ask("$TMPDIR/x"), "/tmp/ada/x");
    assertEquals(ask("$USER"), "/job", "no absolute path");
    assertEquals(ask(undefined, ["SLURM_TMPDIR"]), "/tmp/ada");
    assertEquals(ask(undefined, ["SLURM_TMPDIR", "TMPDIR"]), "/tmp");
  });
});

describe("Scratch", () => {
  it("is made when it is asked for, for its user alone, and removed with all in it", async () => {
    await using rig = new Rig();
    const parent = join(rig.root, "deep", "tmp");
    const warnings: string[] = [];
    const scratch = new Scratch(testMachine(), () => parent, (text) => warnings.push(text));
    await scratch.remove();
    assertEquals(exists(parent), false);
    const { dir } = scratch;
    assertEquals(scratch.dir, dir);
    assertEquals(Deno.statSync(dir).mode! & 0o777, 0o700);
    Deno.mkdirSync(join(dir, "a", "b"), { recursive: true });
    Deno.writeTextFileSync(join(dir, "a", "b", "c"), "");
    Deno.chmodSync(join(dir, "a"), 0o500);
    await scratch.remove();
    assertEquals([exists(dir), exists(parent), warnings], [false, true, []]);
    await scratch.remove();
  });

  it("names the folder in which it cannot be made", async () => {
    await using rig = new Rig();
    Deno.mkdirSync(rig.root, { recursive: true });
    const file = join(rig.root, "file");
    Deno.writeTextFileSync(file, "");
    const scratch = new Scratch(testMachine(), () => join(file, "x"), () => {});
    assertThrows(() => scratch.dir, ComputeError, `Cannot make a scratch folder in ${join(file, "x")}`);
  });
});

describe("sweepScratch()", () => {
  it("removes what processes have left that are gone for sure, and nothing else", async () => {
    await using rig = new Rig();
    const real = { ...testMachine(), isGone: () => false };
    const parent = rig.root;
    const made = (self: object): string =>
      new Scratch({ ...real, self: { ...real.self, start: "5", ...self } }, () => parent, () => {}).dir;
    const kept = [
      made({ pid: 1 }),
      made({ pid: 2, host: "another" }),
      made({ pid: 2, host: "another", boot: "before" }),
      made({ pid: 2, pidNamespace: "of a container" }),
      made({ pid: 2, start: undefined }),
      join(parent, "furu-scratch-notes"),
      join(parent, "theirs"),
    ];
    const gone = [made({ pid: 2 }), made({ pid: 1, boot: "before" })];
    for (const dir of kept.slice(-2)) Deno.mkdirSync(dir);
    assertMatch(kept[0]!, /\/furu-scratch-[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}-1-5-[0-9a-f]{12}$/);
    const machine = { ...real, isGone: ({ pid }: { pid: number }) => pid === 2 };
    await sweepScratch(machine, parent);
    assert(kept.every(exists));
    assertEquals(gone.filter(exists), []);
    await sweepScratch(machine, join(parent, "not-there"));
  });
});
