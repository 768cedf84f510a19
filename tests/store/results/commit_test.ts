import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Hash } from "../../../lib/core/hash.ts";
import { hashText } from "../../../lib/core/hash.ts";
import { StoreError } from "../../../lib/core/errors.ts";
import { systemFiles } from "../../../lib/core/system/system_files.ts";
import { declareDead } from "../../../lib/store/claims/attempt_end.ts";
import { type Claim, REMOVER } from "../../../lib/store/claims/claim.ts";
import { discardUncommitted } from "../../../lib/store/claims/dead_owner.ts";
import { type Commit, commitRecord, listFolder } from "../../../lib/store/results/commit.ts";
import { readRecord, UNREADABLE } from "../../../lib/store/read_record.ts";
import { parseAttemptName } from "../../../lib/store/layout.ts";
import { exists, osError, textOf } from "../../rig.ts";
import { StoreRig } from "../rig.ts";

const IDENTITY = '{"params":{},"scheme":1,"task":"test/Task"}';

/** A rig whose artifact has the hash of {@link IDENTITY}. */
class CommitRig extends StoreRig {
  override readonly paths = this.store().paths({
    name: "test/Task",
    hash: hashText(IDENTITY).slice(0, 32) as Hash,
  });

  commit({ attempt, owner }: Claim, value: unknown, more: Partial<Commit> = {}): Commit {
    const text =
      `{"schema":1,"identity":${IDENTITY},"attempt":${attempt.n},"id":"${attempt.id}","files":false,` +
      `"value":${JSON.stringify(value)},"createdAt":"","durationMs":1,"provenance":{}}`;
    return { paths: this.paths, attempt, text, ownerDir: owner.dir, files: [], ...more };
  }

  /** A claim that does not give way to the one before. */
  async another(): Promise<Claim> {
    Deno.removeSync(this.paths.claim);
    return await this.claim();
  }
}

describe("commitRecord() of a process that was declared dead and went on", () => {
  /** An attempt with a file, declared dead; its claim is gone. */
  async function declaredDead(rig: CommitRig): Promise<Commit> {
    const claim = await rig.claim();
    const dir = `${rig.paths.home}/1-${claim.attempt.id}`;
    Deno.mkdirSync(dir, { recursive: true });
    Deno.writeTextFileSync(`${dir}/a`, "abc");
    const { files } = await listFolder(rig.store(), dir);
    await declareDead(rig.store(), rig.paths, claim.record, "silent");
    return rig.commit(claim, 1, { files });
  }

  it("is as good as any while its files are there, also beside somebody who computes", async () => {
    for (const another of [false, true]) {
      await using rig = new CommitRig();
      const commit = await declaredDead(rig);
      if (another) await rig.claim();
      assertEquals(await commitRecord(rig.store(), commit), "committed");
      assertEquals((await readRecord(rig.store(), rig.paths))?.id, commit.attempt.id);
    }
  });

  for (const moment of ["before it looks", "before it links"]) {
    it(`is refused when its files were removed ${moment}`, async () => {
      await using rig = new CommitRig();
      const commit = await declaredDead(rig);
      const { id, n } = commit.attempt;
      const remove = async () => {
        await discardUncommitted(rig.store(), id);
        await Deno.remove(`${rig.paths.home}/${n}-${id}`, { recursive: true });
      };
      const link = async (existing: string, name: string) => {
        if (name === rig.paths.record) await remove();
        await systemFiles.link(existing, name);
      };
      if (moment === "before it looks") await remove();
      const store = rig.store(moment === "before it looks" ? {} : { files: { link } });
      await assertRejects(() => commitRecord(store, commit), StoreError);
      assertEquals(await readRecord(rig.store(), rig.paths), undefined);
    });
  }

  it("is refused while somebody removes the artifact, and keeps nothing of one that lives", async () => {
    await using rig = new CommitRig();
    const commit = await declaredDead(rig);
    const { owner } = await rig.claim(rig.store(), REMOVER);
    await assertRejects(() => commitRecord(rig.store(), commit), StoreError, "removed now");
    assertEquals(await readRecord(rig.store(), rig.paths), undefined);
    Deno.writeTextFileSync(`${owner.dir}/.tmp-1`, "");
    await discardUncommitted(rig.store(), owner.record.id);
    assert(exists(`${owner.dir}/.tmp-1`), "it was not declared dead");
  });
});

describe("commitRecord()", () => {
  it("makes a result the artifact's; the second one is superseded and leaves nothing", async () => {
    await using rig = new CommitRig();
    const first = await rig.claim();
    assertEquals(await commitRecord(rig.store(), rig.commit(first, "first")), "committed");
    const second = await rig.another();
    assertEquals(await commitRecord(rig.store(), rig.commit(second, "second")), "superseded");
    assertEquals((await readRecord(rig.store(), rig.paths))?.value, "first");
    assertEquals(rig.names(), ["the claim"]);
  });

  for (const code of ["EEXIST", "EIO", "ENOENT"]) {
    it(`knows that its link worked although it answered ${code}`, async () => {
      await using rig = new CommitRig();
      const link = async (existing: string, name: string) => {
        await systemFiles.link(existing, name);
        throw osError(code);
      };
      const how = await commitRecord(rig.store({ files: { link } }), rig.commit(await rig.claim(), 1));
      assertEquals(how, "committed");
    });
  }

  it("names the record and the cause when it cannot be linked, and stores nothing", async () => {
    await using rig = new CommitRig();
    const store = rig.store({ files: { link: () => Promise.reject(osError("EDQUOT")) } });
    const commit = rig.commit(await rig.claim(), 1);
    const error = await assertRejects(() => commitRecord(store, commit), StoreError, "EDQUOT");
    assertStringIncludes(error.message, rig.paths.record);
    assertEquals(rig.names(), ["the claim"]);
    assertEquals(rig.tree().filter((name) => name.includes("/.tmp-")), []);
  });

  it("tells the system's error when the record is gone before it is read back", async () => {
    await using rig = new CommitRig();
    const commit = rig.commit(await rig.claim(), 1);
    const readText = async (path: string) => {
      if (path.includes("/.tmp-")) await Deno.remove(path); // as a file server does in a power cut
      return await systemFiles.readText(path);
    };
    const error = await assertRejects(
      () => commitRecord(rig.store({ files: { readText } }), commit),
      StoreError,
    );
    assertStringIncludes(error.message, "(ENOENT)");
    assertEquals(await readRecord(rig.store(), rig.paths), undefined);
  });

  it("has the record and the attempt's files on the disk before it links", async () => {
    await using rig = new CommitRig();
    const claim = await rig.claim();
    const dir = `${rig.paths.home}/1-${claim.attempt.id}`;
    Deno.mkdirSync(`${dir}/deep`, { recursive: true });
    for (const name of ["a", "deep/b"]) Deno.writeTextFileSync(`${dir}/${name}`, "");
    Deno.symlinkSync("/nowhere", `${dir}/dangling`);
    const steps: string[] = [];
    const store = rig.store({
      files: {
        sync: (path) =>
          Promise.resolve(
            void steps.push(path.startsWith(dir) ? `sync ${path.slice(dir.length)}` : "sync record"),
          ),
        write: (path, data, options) => {
          steps.push("write");
          return systemFiles.write(path, data, options);
        },
        link: (existing, name) => {
          steps.push("link");
          return systemFiles.link(existing, name);
        },
      },
    });
    const { files } = await listFolder(rig.store(), dir);
    await commitRecord(store, rig.commit(claim, 1, { files }));
    assertEquals([...steps].sort(), ["link", "sync /a", "sync /deep/b", "sync record", "write"]);
    assertEquals([steps[0], steps.at(-1)], ["write", "link"]);
  });

  it("replaces only under the claim, and only the record that it was asked to", async () => {
    await using rig = new CommitRig();
    const first = await rig.claim();
    await commitRecord(rig.store(), rig.commit(first, "first"));
    const old = textOf(rig.paths.record);
    const second = await rig.another();
    const replaces = first.attempt.id;
    assertEquals(
      await commitRecord(rig.store(), rig.commit(second, "second", { replaces: "00000000000a" })),
      "superseded",
    );
    const third = await rig.another();
    assertEquals(await commitRecord(rig.store(), rig.commit(second, "second", { replaces })), "superseded");
    assertEquals(textOf(rig.paths.record), old);
    assertEquals(await commitRecord(rig.store(), rig.commit(third, "third", { replaces })), "committed");
    assertEquals((await readRecord(rig.store(), rig.paths))?.value, "third");
    const kept = rig.names().filter((name) => name.endsWith(".replaced.json"));
    assertEquals(kept, [`1-${replaces}.replaced.json`]);
    assertEquals(textOf(`${rig.paths.home}/${kept[0]}`), old);
  });

  it("replaces a damaged record only while it is damaged, and keeps it beside", async () => {
    await using rig = new CommitRig();
    const claim = await rig.claim();
    const commit = rig.commit(claim, "new", { replaces: UNREADABLE });
    Deno.writeTextFileSync(rig.paths.record, "torn");
    assertEquals(await commitRecord(rig.store(), commit), "committed");
    assertEquals((await readRecord(rig.store(), rig.paths))?.value, "new");
    const [kept] = rig.names().filter((name) => name.endsWith(".damaged.json"));
    assertEquals(textOf(`${rig.paths.home}/${kept}`), "torn");
    assertEquals(parseAttemptName(kept!)?.kind, "damaged");
    // Somebody else has repaired it meanwhile.
    assertEquals(await commitRecord(rig.store(), commit), "superseded");
    const newer = textOf(rig.paths.record).replace('"schema":1', '"schema":2');
    Deno.writeTextFileSync(rig.paths.record, newer);
    await assertRejects(() => commitRecord(rig.store(), commit), StoreError, "a newer furu");
    assertEquals(textOf(rig.paths.record), newer);
  });

  it("replaces no damaged record without the claim", async () => {
    await using rig = new CommitRig();
    const commit = rig.commit(await rig.claim(), "new", { replaces: UNREADABLE });
    await rig.another();
    Deno.writeTextFileSync(rig.paths.record, "torn");
    assertEquals(await commitRecord(rig.store(), commit), "superseded");
    assertEquals(textOf(rig.paths.record), "torn");
  });

  it("knows that its replacing rename worked although it failed", async () => {
    await using rig = new CommitRig();
    const first = await rig.claim();
    await commitRecord(rig.store(), rig.commit(first, "first"));
    const second = await rig.another();
    const rename = async (from: string, to: string) => {
      await systemFiles.rename(from, to);
      throw osError("EIO");
    };
    const commit = rig.commit(second, "second", { replaces: first.attempt.id });
    assertEquals(await commitRecord(rig.store({ files: { rename } }), commit), "committed");
  });
});

describe("commit", () => {
  it("a record is group-writable where the store is", async () => {
    await using rig = new CommitRig();
    Deno.mkdirSync(rig.root);
    Deno.chmodSync(rig.root, 0o775);
    await commitRecord(rig.store(), rig.commit(await rig.claim(), 1));
    assert(((Deno.statSync(rig.paths.record).mode ?? 0) & 0o020) !== 0);
  });
});
