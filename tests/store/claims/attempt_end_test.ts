import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  declareDead,
  endAttempt,
  releaseClaim,
  removeEndedClaim,
} from "../../../lib/store/claims/attempt_end.ts";
import { newestCheckpoint, readEnds } from "../../../lib/store/results/ends.ts";
import { tryClaim } from "../../../lib/store/claims/claim.ts";
import { readClaim } from "../../../lib/store/claims/read_claim.ts";
import { type Hash, hashText } from "../../../lib/core/hash.ts";
import { osError } from "../../rig.ts";
import { StoreRig } from "../rig.ts";

const IDENTITY = '{"params":{},"scheme":1,"task":"test/Task"}';

/** A rig whose artifact has the hash of its identity. */
class OwnRig extends StoreRig {
  override readonly paths = this.store().paths({
    name: "test/Task",
    hash: hashText(IDENTITY).slice(0, 32) as Hash,
  });
}

const FAILED = { kind: "failed", failure: "compute", error: "Error: no such column", stack: "at x" } as const;

describe("endAttempt()", () => {
  it("records a failure and gives the claim back", async () => {
    await using rig = new StoreRig();
    const claim = await rig.claim();
    assertEquals(await endAttempt(rig.store(), claim, FAILED), true);
    const [end, ...others] = await readEnds(rig.store(), rig.paths);
    assertEquals(others, []);
    const { startedAt, id } = claim.record;
    const { endedAt, owner, ...rest } = end!;
    assertEquals(rest, { schema: 1, id, attempt: 1, startedAt, ...FAILED });
    assertEquals([typeof endedAt, owner.pid], ["string", Deno.pid]);
    assertEquals(rig.names(), [`end-${id}.json`]);
  });

  it("of one that was declared dead meanwhile touches nothing", async () => {
    await using rig = new StoreRig();
    const zombie = await rig.claim();
    await declareDead(rig.store(), rig.paths, zombie.record, "no heartbeat");
    const next = await rig.claim();
    assertEquals(await endAttempt(rig.store(), zombie, FAILED), false);
    assertEquals((await readEnds(rig.store(), rig.paths)).map(({ kind }) => kind), ["crashed"]);
    assertEquals((await readClaim(rig.store(), rig.paths))?.id, next.record.id);
    assertEquals(next.attempt.n, 2);
  });

  it("of a success leaves no folder when nothing is kept", async () => {
    await using rig = new StoreRig();
    const claim = await rig.claim();
    Deno.mkdirSync(`${rig.paths.home}/1-${claim.attempt.id}.checkpoint`, { recursive: true });
    Deno.writeTextFileSync(rig.paths.record, "{}");
    assertEquals(await endAttempt(rig.store(), claim, "success"), true);
    assertEquals(rig.tree().filter((name) => name.includes("Task/")), [
      `artifacts/test/Task/${rig.paths.hash}.json`,
    ]);
  });
});

describe("declareDead()", () => {
  it("twice is harmless, and names why and who looked", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim();
    await declareDead(rig.store(), rig.paths, record, "its process is gone");
    await declareDead(rig.store(), rig.paths, record, "its process is gone, again");
    const ends = await readEnds(rig.store(), rig.paths);
    assertEquals(ends.map(({ kind, error }) => [kind, error]), [["crashed", "its process is gone"]]);
    assertEquals(rig.names(), [`end-${record.id}.json`]);
  });

  it("takes its words back when the attempt had ended by itself", async () => {
    await using rig = new StoreRig();
    const claim = await rig.claim();
    Deno.writeTextFileSync(rig.paths.record, "{}");
    await endAttempt(rig.store(), claim, "success");
    await declareDead(rig.store(), rig.paths, claim.record, "no heartbeat");
    assertEquals(rig.names(), []);
  });

  it("of an old claim leaves the one alone that came after it", async () => {
    await using rig = new StoreRig();
    const old = await rig.claim();
    await releaseClaim(rig.store(), old);
    const next = await rig.claim();
    await declareDead(rig.store(), rig.paths, old.record, "no heartbeat");
    assertEquals((await readClaim(rig.store(), rig.paths))?.id, next.record.id);
    assertEquals(await readEnds(rig.store(), rig.paths), []);
  });
});

/** Makes the record of this attempt the artifact's. */
function store(rig: StoreRig, { attempt: n, id }: { attempt: number; id: string }): void {
  const { name: task, record } = rig.paths;
  const identity = { params: {}, scheme: 1, task };
  Deno.writeTextFileSync(
    record,
    JSON.stringify({
      schema: 1,
      identity,
      attempt: n,
      id,
      files: false,
      value: 1,
      createdAt: "",
      durationMs: 1,
      provenance: {},
    }),
  );
}

describe("declareDead() of an owner that died with its result stored", () => {
  it("tidies up, once, and writes no end", async () => {
    await using rig = new OwnRig();
    const { record } = await rig.claim();
    Deno.mkdirSync(`${rig.paths.home}/1-${record.id}.checkpoint`, { recursive: true });
    store(rig, { attempt: 1, id: record.id });
    for (let i = 0; i < 2; i++) {
      await declareDead(rig.store(), rig.paths, record, "its process is gone");
      assertEquals(rig.tree().filter((name) => name.includes("Task/")), [
        `artifacts/test/Task/${rig.paths.hash}.json`,
      ]);
    }
  });

  it("leaves an attempt alone that came after it", async () => {
    await using rig = new OwnRig();
    const dead = await rig.claim();
    await declareDead(rig.store(), rig.paths, dead.record, "no heartbeat");
    const next = await rig.claim();
    store(rig, { attempt: 2, id: next.record.id });
    await declareDead(rig.store(), rig.paths, dead.record, "no heartbeat");
    assertEquals((await readClaim(rig.store(), rig.paths))?.id, next.record.id);
    assertEquals((await readEnds(rig.store(), rig.paths)).map(({ kind }) => kind), ["crashed"]);
  });
});

describe("releaseClaim()", () => {
  it("and removeEndedClaim() leave nothing", async () => {
    await using rig = new StoreRig();
    await releaseClaim(rig.store(), await rig.claim());
    assertEquals(rig.names(), []);
    const { record } = await rig.claim();
    await removeEndedClaim(rig.store(), rig.paths, record);
    assertEquals(rig.names(), []);
    assertEquals((await tryClaim(rig.store(), rig.paths, { backend: "get" })).kind, "claimed");
  });
});

describe("readEnds()", () => {
  it("gives the latest last: by number, then time, then id; one that is torn counts as crashed", async () => {
    await using rig = new StoreRig();
    Deno.mkdirSync(rig.paths.home, { recursive: true });
    const end = (attempt: number, id: string, endedAt: string) =>
      Deno.writeTextFileSync(
        `${rig.paths.home}/${attempt}-${id}.json`,
        JSON.stringify({
          schema: 1,
          id,
          attempt,
          endedAt,
          kind: "failed",
          error: id,
          owner: { host: "h", pid: 1 },
          startedAt: "",
        }),
      );
    end(10, "c", "2026-01-01");
    end(2, "z", "2027-01-01");
    end(2, "y", "2027-01-02");
    end(2, "x", "2027-01-02");
    assertEquals((await readEnds(rig.store(), rig.paths)).map(({ id }) => id), ["z", "x", "y", "c"]);
    Deno.writeTextFileSync(`${rig.paths.home}/11-d.json`, "{");
    const { id, attempt, kind, error } = (await readEnds(rig.store(), rig.paths)).at(-1)!;
    assertEquals({ id, attempt, kind }, { id: "d", attempt: 11, kind: "crashed" });
    assertStringIncludes(error, `${rig.paths.home}/11-d.json is truncated`);
  });
});

describe("newestCheckpoint()", () => {
  it("is that of the latest ended attempt, never of one that runs", () => {
    const names = ["1-a.json", "1-a.checkpoint", "2-b.json", "2-b.checkpoint", "3-c.checkpoint", "9-d.json"];
    assertEquals(newestCheckpoint(names)?.id, "b");
    assertEquals(newestCheckpoint(["3-c.checkpoint"]), undefined);
  });
});

describe("endAttempt()", () => {
  it("on a full disk does not leave the claim to block everybody for a lease", async () => {
    await using rig = new StoreRig();
    const claim = await rig.claim();
    const full = rig.store({ files: { write: () => Promise.reject(osError("ENOSPC")) } });
    const error = await endAttempt(full, claim, FAILED).then(() => undefined, (error) => error);
    if (error !== undefined) assertStringIncludes(error.message, "ENOSPC");
    assertEquals(await readClaim(rig.store(), rig.paths), undefined);
  });
});
