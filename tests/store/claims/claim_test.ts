import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { dirname } from "@std/path/dirname";
import { describe, it } from "@std/testing/bdd";
import { StoreError } from "../../../lib/core/errors.ts";
import type { Hash } from "../../../lib/core/hash.ts";
import type { HeartbeatOptions, Owner } from "../../../lib/core/system/machine.ts";
import type { Files } from "../../../lib/core/system/files.ts";
import { systemFiles } from "../../../lib/core/system/system_files.ts";
import { systemClock } from "../../../lib/core/system/clock.ts";
import { declareDead, endAttempt, releaseClaim } from "../../../lib/store/claims/attempt_end.ts";
import { tryClaim } from "../../../lib/store/claims/claim.ts";
import { ClaimWatch } from "../../../lib/store/claims/liveness.ts";
import { ownersOf } from "../../../lib/store/claims/owner_files.ts";
import { readClaim } from "../../../lib/store/claims/read_claim.ts";
import { removeClaim } from "../../../lib/store/claims/remove_claim.ts";
import { privateName } from "../../../lib/store/layout.ts";
import { osError, testMachine, textOf } from "../../rig.ts";
import { StoreRig } from "../rig.ts";

describe("tryClaim()", () => {
  it("writes who claims, when, and for how long", async () => {
    await using rig = new StoreRig();
    const { record, attempt, owner } = await rig.claim(rig.store({}, 7));
    assertEquals(record, JSON.parse(textOf(rig.paths.claim)));
    assertEquals({
      n: attempt.n,
      id: attempt.id,
      leaseSec: record.leaseSec,
      backend: record.backend,
    }, { n: 1, id: record.id, leaseSec: 7, backend: "get" });
    assertEquals(Deno.statSync(rig.paths.claim).ino, Deno.statSync(owner.path).ino, "it is one file");
    assertEquals({ pid: record.owner.pid, host: record.owner.host }, {
      pid: Deno.pid,
      host: Deno.hostname(),
    });
    assertMatch(record.id, /^[0-9a-f]{12}$/);
    assertEquals(rig.names(), ["the claim"], "no folder is made");
  });

  it("loses when another process linked first, and leaves nothing behind", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim();
    assertEquals(await tryClaim(rig.store(), rig.paths, { backend: "get" }), { kind: "held" });
    assertEquals([...Deno.readDirSync(`${rig.root}/owners`)].length, 1, "the owner file that lost is gone");
    assertEquals((await readClaim(rig.store(), rig.paths))?.id, record.id);
    assertEquals(rig.names(), ["the claim"]);
  });

  it("takes back a claim of its own that a file server has forgotten to have removed", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    const claim = await rig.claim(store);
    const other = store.paths({ name: rig.paths.name, hash: "f".repeat(32) as Hash });
    const beside = await tryClaim(store, other, { backend: "get" });
    assert(beside.kind === "claimed" && beside.claim.record.id === claim.record.id, "its file stays in use");
    await releaseClaim(store, claim);
    Deno.linkSync(claim.owner.path, rig.paths.claim);
    assertEquals(
      await tryClaim(rig.store(), rig.paths, { backend: "get" }),
      { kind: "held" },
      "by that process",
    );
    const again = await tryClaim(store, rig.paths, { backend: "get" });
    assert(again.kind === "claimed");
    assertNotEquals(again.claim.record.id, claim.record.id);
    assertEquals(await tryClaim(store, rig.paths, { backend: "get" }), { kind: "held" }, "this one is held");
    await releaseClaim(store, again.claim);
    await releaseClaim(store, beside.claim);
    assertEquals(rig.names(), []);
  });

  for (const code of ["EEXIST", "EIO", "ENOENT"]) {
    it(`holds the claim when its link worked but answered ${code}`, async () => {
      await using rig = new StoreRig();
      const link = async (existing: string, name: string) => {
        await systemFiles.link(existing, name);
        if (name === rig.paths.claim) throw osError(code);
      };
      const { record } = await rig.claim(rig.store({ files: { link } }));
      assertEquals((await readClaim(rig.store(), rig.paths))?.id, record.id);
    });
  }

  for (
    const [code, what] of [["ENOENT", "is gone"], ["EMLINK", "has as many links as it can have"]] as const
  ) {
    it(`claims with another owner file when the one there is ${what}`, async () => {
      await using rig = new StoreRig();
      Deno.mkdirSync(rig.paths.taskDir, { recursive: true });
      let turns = 0;
      const link = (existing: string, name: string) => {
        if (name !== rig.paths.claim || ++turns > 3) return systemFiles.link(existing, name);
        if (code === "ENOENT") Deno.removeSync(existing);
        return code === "ENOENT" ? systemFiles.link(existing, name) : Promise.reject(osError(code));
      };
      const { attempt, owner } = await rig.claim(rig.store({ files: { link } }));
      assertEquals({ n: attempt.n, turns }, { n: 1, turns: 4 });
      assertEquals([...Deno.readDirSync(`${rig.root}/owners`)].map(({ name }) => name), [owner.record.id]);
    });
  }

  it("gives up when its owner file can never be linked", async () => {
    await using rig = new StoreRig();
    const link = (existing: string, name: string) =>
      name === rig.paths.claim ? Promise.reject(osError("ENOENT")) : systemFiles.link(existing, name);
    await assertRejects(() => rig.claim(rig.store({ files: { link } })), StoreError, rig.paths.claim);
  });

  it("claims on another filesystem with an owner file there", async () => {
    await using rig = new StoreRig();
    const link = (existing: string, name: string) =>
      name === rig.paths.claim && existing.startsWith(`${rig.root}/owners/`)
        ? Promise.reject(osError("EXDEV"))
        : systemFiles.link(existing, name);
    const store = rig.store({ files: { link } });
    const claim = await rig.claim(store);
    assertMatch(claim.record.dir ?? "", /^artifacts\/test\/Task\/\.owners\/[0-9a-f]{12}$/);
    assertEquals((await readClaim(store, rig.paths))?.id, claim.record.id);
    assertEquals((await store.listTask("test/Task")).open.size, 1, "its folder is no artifact's");
    await releaseClaim(store, claim);
    assertEquals(rig.tree().filter((name) => /owners\/./.test(name)), []);
  });

  it("never claims an artifact twice with one owner file", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    const end = ownersOf(store).keep();
    const first = await rig.claim(store);
    await releaseClaim(store, first);
    const second = await rig.claim(store);
    assertNotEquals(second.record.id, first.record.id);
    await releaseClaim(store, second);
    await end();
    assertEquals([...Deno.readDirSync(`${rig.root}/owners`)], []);
  });
});

describe("claim", () => {
  for (const code of ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]) {
    it(`a filesystem without hard links (${code}) is refused with what to do`, async () => {
      await using rig = new StoreRig();
      const store = rig.store({ files: { link: () => Promise.reject(osError(code)) } });
      const error = await assertRejects(() => rig.claim(store), StoreError, "no hard links");
      for (const part of [rig.root, code, "FURU_PATH"]) assertStringIncludes(error.message, part);
      assertEquals(rig.tree().filter((name) => /owners\/./.test(name)), [], "nothing is left behind");
    });
  }
});

describe("tryClaim()", () => {
  for (
    const [code, reason] of [["ENOSPC", "no space"], ["EACCES", "permission"], [
      "EROFS",
      "read-only",
    ]] as const
  ) {
    it(`names file and cause of ${code}`, async () => {
      await using rig = new StoreRig();
      for (
        const files of [{ write: () => Promise.reject(osError(code)) }, {
          mkdir: () => Promise.reject(osError(code)),
        }]
      ) {
        const error = await assertRejects(() => rig.claim(rig.store({ files })), StoreError, code);
        assertStringIncludes(error.message, reason);
        assertStringIncludes(error.message, rig.paths.claim);
        assertEquals((error.cause as { code?: string }).code, code);
      }
    });
  }
});

describe("claim", () => {
  it("an attempt's number is one more than the highest that left anything", async () => {
    await using rig = new StoreRig();
    Deno.mkdirSync(`${rig.paths.home}/7-000000000007`, { recursive: true });
    Deno.writeTextFileSync(`${rig.paths.home}/9-00000000000a.log`, "");
    Deno.writeTextFileSync(`${rig.paths.home}/notes.json`, "");
    assertEquals((await rig.claim()).attempt.n, 10);
  });
});

describe("removeClaim()", () => {
  it("removes the one that is meant and says so", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim();
    assertEquals(await removeClaim(rig.store(), rig.paths, record), true);
    assertEquals(await removeClaim(rig.store(), rig.paths, record), false);
    assertEquals(rig.names(), []);
  });

  it("puts back a claim of a newer furu, and says that it cannot tell", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim();
    const newer = JSON.stringify({ ...record, schema: 2 });
    Deno.removeSync(rig.paths.claim);
    Deno.writeTextFileSync(rig.paths.claim, newer);
    await assertRejects(() => removeClaim(rig.store(), rig.paths, record), StoreError, "a newer furu");
    assertEquals(Deno.readTextFileSync(rig.paths.claim), newer);
    assertEquals(rig.names(), ["the claim"]);
  });

  /** A store in which the claim is another one's by the time when it is taken away. */
  function changing(rig: StoreRig, files: Partial<Files> = {}) {
    let looks = 0;
    const readText = async (path: string) => {
      const text = await systemFiles.readText(path);
      if (path !== rig.paths.claim || ++looks > 1) return text;
      return JSON.stringify({ ...JSON.parse(text), id: "00000000000a" });
    };
    return rig.store({ files: { readText, ...files } });
  }

  it("leaves a claim where it is that is not the one that is meant", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim();
    const store = rig.store({ files: { rename: () => Promise.reject(osError("EIO")) } });
    assertEquals(await removeClaim(store, rig.paths, { id: "00000000000a" }), false);
    assertEquals(await readClaim(rig.store(), rig.paths), record);
  });

  it("puts back a claim that is not the one that is meant", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim();
    assertEquals(await removeClaim(changing(rig), rig.paths, { id: "00000000000a" }), false);
    assertEquals(await readClaim(rig.store(), rig.paths), record);
    assertEquals(rig.names(), ["the claim"]);
  });

  for (const code of ["EPERM", "ENOSPC", "EDQUOT", "EMLINK"]) {
    it(`puts back where it cannot be linked: ${code} (protected_hardlinks, a full disk)`, async () => {
      await using rig = new StoreRig();
      const { record } = await rig.claim();
      const store = changing(rig, { link: () => Promise.reject(osError(code)) });
      assertEquals(await removeClaim(store, rig.paths, { id: "00000000000a" }), false);
      assertEquals(await readClaim(rig.store(), rig.paths), record);
      assertEquals(rig.names(), ["the claim"]);
    });
  }

  it("does not touch the claim of another one once the own owner file was removed", async () => {
    await using rig = new StoreRig();
    const { record: meant, owner } = await rig.claim();
    Deno.removeSync(rig.paths.claim);
    Deno.removeSync(dirname(owner.path), { recursive: true });
    const { record } = await rig.claim();
    const renamed: string[] = [];
    const rename = async (from: string, to: string) => {
      await systemFiles.rename(from, to);
      renamed.push(to);
    };
    const store = rig.store({ files: { rename } });
    assertEquals(await removeClaim(store, rig.paths, meant, owner.ino), false);
    assertEquals(renamed, []);
    assertEquals(await readClaim(rig.store(), rig.paths), record);
  });

  it("knows that its rename worked although it answered ENOENT", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim();
    const rename = async (from: string, to: string) => {
      await systemFiles.rename(from, to);
      throw osError("ENOENT");
    };
    assertEquals(await removeClaim(rig.store({ files: { rename } }), rig.paths, record), true);
    assertEquals(rig.names(), []);
  });

  it("does not put back a claim whose attempt has ended", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim();
    Deno.mkdirSync(rig.paths.home);
    Deno.writeTextFileSync(`${rig.paths.home}/end-${record.id}.json`, "{}");
    assertEquals(await removeClaim(changing(rig), rig.paths, { id: "00000000000a" }), false);
    assertEquals(rig.names(), [`end-${record.id}.json`]);
  });
});

describe("claim", () => {
  it("a claim of another version is a StoreError with its path, not taken for a dead one", async () => {
    await using rig = new StoreRig();
    Deno.mkdirSync(rig.paths.taskDir, { recursive: true });
    Deno.writeTextFileSync(rig.paths.claim, '{"schema":2,"id":"x"}');
    await assertRejects(() => readClaim(rig.store(), rig.paths), StoreError, rig.paths.claim);
  });
});

const mode = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o7777;

describe("claim", () => {
  it("claims and folders are group-writable where the store is, and only there", async () => {
    for (const [root, file, folder] of [[0o2775, 0o664, 0o2775], [0o755, 0o644, 0o755]] as const) {
      await using rig = new StoreRig();
      Deno.mkdirSync(rig.root);
      Deno.chmodSync(rig.root, root);
      const { owner } = await rig.claim();
      assertEquals(mode(rig.paths.claim), file);
      for (const last of [rig.paths.taskDir, owner.dir]) {
        for (let dir = last; dir !== rig.root; dir = dirname(dir)) assertEquals(mode(dir), folder, dir);
      }
      assert(rig.names().length === 1);
    }
  });
});

const machine = testMachine();
const dead: Owner = { ...machine.self, pid: 999_999_999 };

function leave(rig: StoreRig, owner: Owner, kind: "tmp" | "trash"): string {
  Deno.mkdirSync(rig.paths.home, { recursive: true });
  const path = privateName(rig.paths.home, kind, { ...machine, self: owner });
  Deno.writeTextFileSync(path, "");
  return path.split("/").at(-1)!;
}

describe("claim", () => {
  it("the next claimant removes what dead processes of this host left under private names, and nothing else", async () => {
    await using rig = new StoreRig();
    leave(rig, dead, "tmp");
    leave(rig, dead, "trash");
    const kept = [
      leave(rig, machine.self, "tmp"),
      leave(rig, { ...dead, host: "elsewhere" }, "trash"),
      leave(rig, { ...machine.self, pid: 1, start: "0" }, "tmp"),
    ];
    const reused = kept.pop(); // process 1 lives, but it is not the one that started then
    await rig.claim();
    assertEquals(rig.names(), [...kept, "the claim"].sort());
    assertEquals(rig.names().includes(reused!), false);
  });

  it("litter that cannot be removed is no reason not to claim", async () => {
    await using rig = new StoreRig();
    const name = leave(rig, dead, "tmp");
    const remove = (path: string) =>
      path.endsWith(name) ? Promise.reject(osError("EACCES")) : Promise.resolve(Deno.removeSync(path));
    const claim = await rig.claim(rig.store({ files: { remove } }));
    assertEquals(claim.attempt.n, 1);
  });
});

describe("the store's layout", () => {
  it("is told with the first claim, and one of a newer furu is left alone", async () => {
    await using rig = new StoreRig();
    await rig.claim();
    const path = `${rig.root}/layout.json`;
    assertEquals(JSON.parse(textOf(path)), { layout: 2 });
    await using other = new StoreRig();
    Deno.mkdirSync(other.root);
    Deno.writeTextFileSync(`${other.root}/layout.json`, '{"layout":3}');
    const error = await assertRejects(() => other.claim(), StoreError, "it has layout 3, this furu knows 2");
    for (const part of [other.root, "a newer furu", "FURU_PATH"]) assertStringIncludes(error.message, part);
    assertEquals(other.tree(), ["layout.json"]);
  });
});

describe("an attempt that ends", () => {
  it("has lost nothing when the answer to the removal of its claim is late", async () => {
    await using rig = new StoreRig();
    let looks = 0;
    const files: Partial<Files> = {
      stat: (path) => {
        if (path === rig.paths.claim) looks++;
        return systemFiles.stat(path);
      },
      rename: async (from, to) => {
        await systemFiles.rename(from, to);
        const seen = looks;
        while (from === rig.paths.claim && looks < seen + 4) await systemClock.sleep(1);
      },
    };
    // Whether its claim is there is looked at all the time.
    const clock = {
      ...systemClock,
      sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(1, signal),
    };
    const store = rig.store({ files, machine: { clock } });
    const claim = await rig.claim(store);
    assert(await endAttempt(store, claim, { kind: "failed", error: "no" }));
    assertEquals({ lost: claim.lost.aborted, names: rig.names().length }, { lost: false, names: 1 });
  });
});

describe("a process that was declared dead", () => {
  it("loses all that it has claimed, at once, and claims with another owner file from then on", async () => {
    await using rig = new StoreRig();
    let beat: HeartbeatOptions | undefined;
    const machine = {
      beat: (options: HeartbeatOptions) => {
        beat = options;
        return { stop: () => Promise.resolve() };
      },
    };
    const store = rig.store({ machine });
    const hashes = ["a", "b", "c"].map((digit) => digit.repeat(32) as Hash);
    const all = hashes.map((hash) => store.paths({ name: "test/Task", hash }));
    const claims = [];
    for (const paths of all) {
      const result = await tryClaim(store, paths, { backend: "get" });
      if (result.kind === "claimed") claims.push(result.claim);
    }
    const ids = new Set(claims.map(({ record }) => record.id));
    assertEquals([claims.length, ids.size], [3, 1], "one file for all");
    // Another process finds one of them dead: the others are free without a look at a heartbeat.
    const observer = rig.store();
    await declareDead(observer, all[0]!, claims[0]!.record, "no heartbeat");
    const look = await new ClaimWatch(observer, all[1]!).look();
    assertEquals(look.state === "dead" && look.why, "no heartbeat");
    beat!.onLost("this process was declared dead");
    assertEquals(claims.map(({ lost }) => lost.aborted), [true, true, true]);
    const next = await tryClaim(store, store.paths({ name: "test/Task", hash: "d".repeat(32) as Hash }), {
      backend: "get",
    });
    assert(next.kind === "claimed" && !ids.has(next.claim.record.id));
    for (const claim of [...claims, next.claim]) await releaseClaim(store, claim);
  });
});
