import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Clock } from "../../../lib/core/system/clock.ts";
import { systemFiles } from "../../../lib/core/system/system_files.ts";
import { systemMachine } from "../../../lib/core/system/system_machine.ts";
import { ClaimWatch, deathOf, describeOwner } from "../../../lib/store/claims/liveness.ts";
import type { JobWord } from "../../../lib/store/store.ts";
import { osError } from "../../rig.ts";
import { StoreRig } from "../rig.ts";

/** A clock that goes on when it is told. */
class HandClock implements Clock {
  ms = 0;
  now = () => 0;
  monotonic = () => this.ms;
  sleep = () => Promise.resolve();
}

async function watched(rig: StoreRig, claimLeaseSec = 30) {
  const { record } = await rig.claim(rig.store({}, claimLeaseSec));
  const clock = new HandClock();
  const machine = { clock, isGone: () => false };
  const watch = new ClaimWatch(rig.store({ machine }), rig.paths);
  const lookAt = async (seconds: number) => {
    clock.ms = seconds * 1000;
    return (await watch.look()).state;
  };
  const beat = (n: number) => Deno.utimeSync(rig.paths.claim, n, n);
  return { record, clock, watch, lookAt, beat };
}

describe("liveness", () => {
  it("a claim is dead when nothing changed over a whole lease of the observer's own clock", async () => {
    await using rig = new StoreRig();
    const { lookAt } = await watched(rig);
    for (const at of [0, 8, 16, 24]) assertEquals(await lookAt(at), "alive");
    assertEquals(await lookAt(30), "dead");
  });

  it("a heartbeat begins the series again, also one whose time goes backwards", async () => {
    await using rig = new StoreRig();
    const { lookAt, beat } = await watched(rig);
    beat(1e9);
    for (const at of [0, 8, 16, 24]) assertEquals(await lookAt(at), "alive");
    beat(5);
    for (const at of [30, 38, 46, 54]) assertEquals(await lookAt(at), "alive");
    assertEquals(await lookAt(60), "dead");
  });

  it("a claim is seen to live when its heartbeat changes from one look to the next, not at the first look", async () => {
    await using rig = new StoreRig();
    const { watch, lookAt, beat } = await watched(rig);
    beat(1e9);
    for (const at of [0, 8]) await lookAt(at);
    assertEquals(watch.beatAt, undefined);
    beat(2e9);
    await lookAt(16);
    await lookAt(24);
    assertEquals(watch.beatAt, 16_000);
  });

  it("a gap between two looks longer than a third of the lease proves nothing", async () => {
    await using rig = new StoreRig();
    const { lookAt } = await watched(rig);
    assertEquals(await lookAt(0), "alive");
    assertEquals(await lookAt(1e6), "alive", "the observer was suspended");
    assertEquals(await lookAt(1e6 + 10.1), "alive");
    assertEquals(await lookAt(1e6 + 40.1), "alive");
  });

  it("a look that took longer than a third of the lease proves nothing", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim(rig.store({}, 30));
    const clock = new HandClock();
    let slow = 0;
    const readText = (path: string) => {
      clock.ms += slow;
      return systemFiles.readText(path);
    };
    const watch = new ClaimWatch(
      rig.store({ machine: { clock, isGone: () => false }, files: { readText } }),
      rig.paths,
    );
    for (const at of [0, 9000, 18000]) {
      clock.ms = at;
      assertEquals((await watch.look()).state, "alive");
    }
    slow = 15_000;
    assertEquals((await watch.look()).state, "alive");
    slow = 0;
    clock.ms += 1000;
    assertEquals((await watch.look()).state, "alive", "the series begins again");
    assert(record.leaseSec === 30);
  });

  it("another claim in the place of the first is not taken for it", async () => {
    await using rig = new StoreRig();
    const { lookAt, record } = await watched(rig);
    for (const at of [0, 8, 16, 24]) assertEquals(await lookAt(at), "alive");
    const { mtime } = Deno.statSync(rig.paths.claim);
    Deno.removeSync(rig.paths.claim);
    Deno.writeTextFileSync(rig.paths.claim, JSON.stringify({ ...record, id: "00000000000a" }));
    Deno.utimeSync(rig.paths.claim, mtime!, mtime!);
    assertEquals(await lookAt(32), "alive");
  });

  it("a claim of a process of this host that is gone is dead at the first look", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim();
    const store = rig.store({ machine: { isGone: ({ pid }) => pid === record.owner.pid } });
    const look = await new ClaimWatch(store, rig.paths).look();
    assertEquals(look.state, "dead");
    assertStringIncludes(look.state === "dead" ? look.why : "", describeOwner(record));
  });

  for (const code of ["EIO", "ESTALE", "EACCES", "EMFILE"]) {
    it(`${code} says nothing of the owner, and begins the series again`, async () => {
      await using rig = new StoreRig();
      await rig.claim(rig.store({}, 30));
      const clock = new HandClock();
      let broken = false;
      const open: typeof systemFiles.open = (path) =>
        broken ? Promise.reject(osError(code)) : systemFiles.open(path);
      const watch = new ClaimWatch(
        rig.store({ machine: { clock, isGone: () => false }, files: { open } }),
        rig.paths,
      );
      for (const at of [0, 8, 16, 24]) {
        clock.ms = at * 1000;
        await watch.look();
      }
      broken = true;
      clock.ms = 30_000;
      assertEquals((await watch.look()).state, "unknown");
      broken = false;
      clock.ms = 32_000;
      assertEquals((await watch.look()).state, "alive");
    });
  }

  it("no claim is absent; one whose attempt has ended belongs to its owner for a second", async () => {
    await using rig = new StoreRig();
    const { record, watch, clock } = await watched(rig);
    Deno.mkdirSync(rig.paths.home);
    Deno.writeTextFileSync(`${rig.paths.home}/end-${record.id}.json`, "{}");
    assertEquals(await watch.look(), { state: "ended", holder: record, removable: false });
    clock.ms += 1100;
    assertEquals(await watch.look(), { state: "ended", holder: record, removable: true });
    Deno.removeSync(rig.paths.claim);
    assertEquals(await watch.look(), { state: "absent" });
  });

  it("a claim of this very process that none of its threads has open is forsaken, and dead, unless it is new", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim();
    const store = rig.store({ machine: { isForsaken: systemMachine().isForsaken! } });
    const look = async (startedAt: string) => {
      Deno.writeTextFileSync(rig.paths.claim, JSON.stringify({ ...record, startedAt }));
      return await new ClaimWatch(store, rig.paths).look();
    };
    assertEquals((await look(new Date().toISOString())).state, "alive");
    const old = "2026-01-01T00:00:00.000Z";
    const dead = await look(old);
    assertStringIncludes(dead.state === "dead" ? dead.why : "", "has begun anew");
    using _open = Deno.openSync(rig.paths.claim);
    assertEquals((await look(old)).state, "alive");
  });
});

describe("deathOf()", () => {
  const gone = (vanished: boolean): JobWord => ({
    state: "gone",
    why: "its job ended",
    askedAt: 100,
    vanished,
  });
  const alive = (still: boolean): JobWord => ({ state: "alive", text: "SUSPENDED", still });
  /** What is known, when a beat was seen last, whether a lease has passed without one, and what is said then. */
  const cases: [string, JobWord | undefined, number | undefined, boolean, RegExp | undefined][] = [
    ["a claim that beats, of a job that Slurm does not know any more", gone(true), 200, false, undefined],
    ["one of such a job that beat before Slurm was asked", gone(true), 50, false, undefined],
    ["one of such a job that was never seen to beat, yet", gone(true), undefined, false, undefined],
    ["one of such a job without a beat for a lease", gone(true), 50, true, /its job ended, and no heartbeat/],
    ["one that beat after Slurm said that its job had ended", gone(false), 200, false, undefined],
    ["one whose job had ended after its last beat", gone(false), 50, false, /^its job ended$/],
    [
      "one whose job has ended, that was never seen to beat",
      gone(false),
      undefined,
      false,
      /^its job ended$/,
    ],
    [
      "one that beat then, and not for a lease since",
      gone(false),
      200,
      true,
      /its job ended, and no heartbeat/,
    ],
    ["one whose job stands still", alive(true), 50, true, undefined],
    ["one whose job runs, and that does not beat", alive(false), 50, true, /^no heartbeat/],
    ["one of which Slurm does not tell", { state: "silent" }, 50, true, /^no heartbeat/],
    ["one of which Slurm does not tell, and that beats", { state: "silent" }, 50, false, undefined],
    ["one that is in no job", undefined, 50, true, /^no heartbeat/],
  ];
  for (const [title, word, beatAt, expired, says] of cases) {
    it(`calls ${says ? "dead" : "alive"} ${title}`, async () => {
      await using rig = new StoreRig();
      const { record } = await rig.claim(rig.store({}, 30));
      const death = deathOf(record, word, { beatAt, expired });
      if (says) assertMatch(death ?? "", says);
      else assertEquals(death, undefined);
    });
  }
});
