import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { StoreError } from "../../lib/core/errors.ts";
import { releaseClaim } from "../../lib/store/claims/attempt_end.ts";
import { tryClaim } from "../../lib/store/claims/claim.ts";
import { type ArtifactPaths, attemptPaths } from "../../lib/store/layout.ts";
import type { SuccessRecord } from "../../lib/store/record.ts";
import { exists, osError, Rig, testRuntime, textOf } from "../rig.ts";
import { getFrom, recordOf } from "../run/rig.ts";
import { define, type Defined, forget, migrate, planned, short } from "./rig.ts";

const FILES: Defined = {
  create: ({ params, dir }) => {
    Deno.mkdirSync(`${dir}/sub`);
    Deno.writeTextFileSync(`${dir}/sub/a.txt`, `a${params.n}`);
    Deno.symlinkSync("sub/a.txt", `${dir}/link`);
    return { file: `${dir}/sub/a.txt`, rows: new Float64Array(2000).fill(params.n) };
  },
};
const NEVER: Defined = {
  create: () => {
    throw new Error("it is computed");
  },
};

/** The folder of a record's attempt. */
function folderOf(paths: ArtifactPaths, { attempt, id }: SuccessRecord): string {
  return attemptPaths(paths, { n: attempt, id }).files;
}

/** A stored result of a task that was called otherwise before. */
async function stored(name: string, was: Defined = FILES, is: Defined = NEVER) {
  const rig = new Rig();
  const runtime = testRuntime(rig.root);
  const old = define(`${name}/Old`, was)({ n: 1 });
  await getFrom(runtime, old);
  forget(`${name}/Old`);
  const Task = define(`${name}/New`, { migrations: [{ from: { name: `${name}/Old` } }], ...is });
  return { rig, runtime, old, artifact: Task({ n: 1 }) };
}

describe("applyMigrations()", () => {
  it("stores the same value and files for the new hash, computing nothing, and keeps where they come from", async () => {
    const { rig, runtime, old, artifact } = await stored("ma1");
    await using _ = rig;
    const before = recordOf(runtime, old);
    assertEquals(await migrate(runtime, "ma1/"), { [old.hash]: { status: "migrated" } });
    const { value, createdAt, durationMs, provenance, sizes } = recordOf(runtime, artifact);
    assertEquals({ value, createdAt, durationMs, provenance, sizes }, {
      value: before.value,
      createdAt: before.createdAt,
      durationMs: before.durationMs,
      provenance: before.provenance,
      sizes: before.sizes,
    });
    const record = recordOf(runtime, artifact);
    assertEquals(record.migratedFrom, { name: old.name, hash: old.hash });
    assertEquals(record.migratedBy?.host, runtime.machine.self.host);
    assert(Date.parse(record.migratedBy!.at) >= Date.parse(createdAt));
    // As any other process reads it.
    const got = await getFrom(testRuntime(rig.root), artifact);
    assertEquals(Deno.readTextFileSync(got.file), "a1");
    assertEquals(got.file.startsWith(runtime.store.paths(artifact).home), true);
    assertEquals(got.rows, new Float64Array(2000).fill(1));
    assertEquals(await migrate(runtime, "ma1/"), {});
    assertEquals((await planned(runtime, "ma1/")).map(short), [`${old} exists ${artifact}`]);
  });

  it("gives the files one more name, leaves the old result as it is, and no claim behind", async () => {
    const { rig, runtime, old, artifact } = await stored("ma2");
    await using _ = rig;
    const paths = runtime.store.paths(old);
    const text = textOf(paths.record);
    await migrate(runtime, "ma2/");
    assertEquals(textOf(paths.record), text);
    const [from, to] = [old, artifact].map((each) =>
      folderOf(runtime.store.paths(each), recordOf(runtime, each))
    ) as [string, string];
    assertEquals(Deno.statSync(`${from}/sub/a.txt`).ino, Deno.statSync(`${to}/sub/a.txt`).ino);
    assertEquals(Deno.readLinkSync(`${to}/link`), "sub/a.txt");
    assertEquals(rig.tree().filter((name) => /\.claim$|^owners\/./.test(name)), []);
  });

  it("copies the files where they cannot be linked", async () => {
    const was: Defined = {
      create: ({ dir }) => {
        Deno.writeTextFileSync(`${dir}/a.txt`, "a");
        return `${dir}/a.txt`;
      },
    };
    const { rig, old, artifact } = await stored("ma3", was);
    await using _ = rig;
    const real = testRuntime(rig.root).machine.files;
    for (const code of ["EPERM", "EXDEV", "EMLINK"]) {
      const runtime = testRuntime(rig.root, {
        files: {
          link: (from, to) => from.endsWith("/a.txt") ? Promise.reject(osError(code)) : real.link(from, to),
        },
      });
      assertEquals(await migrate(runtime, "ma3/"), { [old.hash]: { status: "migrated" } });
      const path = await getFrom(testRuntime(rig.root), artifact);
      assertEquals(Deno.readTextFileSync(path), "a");
      assertEquals(Deno.statSync(path).nlink, 1);
      Deno.removeSync(runtime.store.paths(artifact).record);
    }
  });

  it("refuses a result that is damaged, or that today's validate refuses, and leaves nothing behind", async () => {
    const { rig, runtime, old, artifact } = await stored("ma4");
    await using _ = rig;
    const paths = runtime.store.paths(old);
    Deno.writeTextFileSync(join(folderOf(paths, recordOf(runtime, old)), "sub/a.txt"), "longer");
    const { [old.hash]: cut } = await migrate(runtime, "ma4/");
    assert(cut?.status === "refused");
    assertMatch(
      cut.why,
      /the result is damaged: its file .*a\.txt had 2 bytes when it was stored, and has 6/,
    );
    Deno.removeSync(folderOf(paths, recordOf(runtime, old)), { recursive: true });
    assertEquals((await migrate(runtime, "ma4/"))[old.hash]?.status, "refused");
    assertEquals(exists(runtime.store.paths(artifact).home), false);

    const bad = await stored("ma5", FILES, { ...NEVER, validate: ({ value }) => value.rows.length > 9999 });
    await using _bad = bad.rig;
    assertEquals(await migrate(bad.runtime, "ma5/"), {
      [bad.old.hash]: { status: "refused", why: "ValidationError: its validate returned false" },
    });
    assertEquals(exists(bad.runtime.store.paths(bad.artifact).home), false);
    assertEquals(rig.tree().filter((name) => name.endsWith(".claim")), []);
  });

  it("leaves alone what somebody computes, and what has been stored since it was planned", async () => {
    const { rig, runtime, old, artifact } = await stored("ma6", FILES, { create: () => "computed" });
    await using _ = rig;
    const other = testRuntime(rig.root);
    const paths = other.store.paths(artifact);
    const claimed = await tryClaim(other.store, paths, { backend: "get" });
    assert(claimed.kind === "claimed");
    const held = (await migrate(runtime, "ma6/"))[old.hash];
    assertEquals(held?.status, "held");
    assertEquals(exists(paths.record), false);
    await releaseClaim(other.store, claimed.claim);
    const plans = await planned(runtime, "ma6/");
    assertEquals(await getFrom(other, artifact), "computed");
    assertEquals(await migrate(runtime, "ma6/", plans), { [old.hash]: { status: "exists" } });
    assertEquals(recordOf(runtime, artifact).value, "computed");
  });

  it("of two that migrate at the same time one does, and a result that comes first counts", async () => {
    const { rig, runtime, old, artifact } = await stored("ma7");
    await using _ = rig;
    const runtimes = Array.from({ length: 4 }, () => testRuntime(rig.root));
    const plans = await planned(runtime, "ma7/");
    const all = await Promise.all(runtimes.map((each) => migrate(each, "ma7/", plans)));
    const statuses = all.map((how) => how[old.hash]!.status);
    assertEquals(statuses.filter((status) => status === "migrated").length, 1, statuses.join());
    assert(statuses.every((status) => status !== "refused"), Deno.inspect(all));
    assertEquals((await getFrom(testRuntime(rig.root), artifact)).rows.length, 2000);
    assertEquals(
      rig.tree().filter((name) => name.startsWith(`artifacts/ma7/New/${artifact.hash}/`)).length,
      5,
    );
  });

  it("killed between any two steps it leaves the old result, nothing half, and can be done again", async () => {
    const { rig, old, artifact } = await stored("ma8");
    await using _ = rig;
    const real = testRuntime(rig.root).machine.files;
    const changes = ["write", "link", "mkdir", "sync", "rename", "copy"] as const;
    let left = 0;
    for (let steps = 0;; steps++) {
      let count = 0;
      const die =
        <A extends unknown[], R>(operation: (...args: A) => Promise<R>) => (...args: A): Promise<R> =>
          count++ < steps ? operation(...args) : new Promise<never>(() => {});
      const files = Object.fromEntries(changes.map((name) => [name, die(real[name] as never)]));
      const dying = testRuntime(rig.root, { files });
      const ended = migrate(dying, "ma8/");
      const done = await Promise.race([ended.then(() => true), stuck(() => count > steps)]);
      if (done) break;
      left++;
      // Its owner is dead, as the next one to look finds out.
      const next = testRuntime(rig.root, { machine: { isGone: () => true } });
      const { record, claim } = next.store.paths(artifact);
      if (exists(record)) assertEquals(textOf(record).includes('"migratedFrom"'), true);
      const wasDone = exists(record);
      const { [old.hash]: again } = await migrate(next, "ma8/");
      assertEquals(again?.status, wasDone ? undefined : "migrated", `after ${steps} steps`);
      assertEquals(
        (await getFrom(testRuntime(rig.root), artifact)).rows.length,
        2000,
        `after ${steps} steps`,
      );
      assertEquals((await getFrom(testRuntime(rig.root), old)).rows.length, 2000);
      for (const path of [record, claim, next.store.paths(artifact).home]) {
        if (exists(path)) Deno.removeSync(path, { recursive: true });
      }
    }
    assert(left > 5, `it was stopped ${left} times only`);
  });

  it("throws when the store cannot be written, naming why", async () => {
    const { rig } = await stored("ma9");
    await using _ = rig;
    const full = testRuntime(rig.root, { files: { write: () => Promise.reject(osError("ENOSPC")) } });
    await assertRejects(() => migrate(full, "ma9/"), StoreError, "no space left");
  });
});

async function stuck(isStuck: () => boolean): Promise<false> {
  while (!isStuck()) await new Promise((resolve) => setTimeout(resolve, 1));
  return false;
}
