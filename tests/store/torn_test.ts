import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { declareOwnerDead, readDeath } from "../../lib/store/claims/dead_owner.ts";
import { endAttempt } from "../../lib/store/claims/attempt_end.ts";
import { readClaim } from "../../lib/store/claims/read_claim.ts";
import { layoutFile } from "../../lib/store/layout.ts";
import { DamagedError, parseSuccessRecord } from "../../lib/store/record.ts";
import { readEnds } from "../../lib/store/results/ends.ts";
import { artifactOf, getFrom } from "../run/rig.ts";
import { Rig, testRuntime, textOf } from "../rig.ts";
import { StoreRig } from "./rig.ts";

/** What a power cut can leave of a file: each beginning of it, alone or followed by zeros. */
function* torn(text: string): Generator<string> {
  for (let length = 0; length < text.length; length++) {
    yield text.slice(0, length);
    yield text.slice(0, length) + "\0".repeat(text.length - length);
  }
}

describe("files that a power cut has torn, at every length,", () => {
  it("are never taken for a result", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: () => ({ rows: [1, 2, 3], name: "ü" }) });
    const runtime = testRuntime(rig.root);
    await getFrom(runtime, artifact);
    const paths = runtime.store.paths(artifact);
    const whole = textOf(paths.record);
    assertEquals(parseSuccessRecord(whole, paths.record, paths).attempt, 1);
    for (const text of torn(whole)) {
      const error = assertThrows(() => parseSuccessRecord(text, paths.record, paths), DamagedError);
      assertStringIncludes(error.message, paths.record);
    }
  });

  it("leave a claim that has an id of its own, and counts until its lease has ended", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    const { record, owner } = await rig.claim(store);
    for (const text of torn(textOf(owner.path))) {
      Deno.writeTextFileSync(owner.path, text);
      const claim = await readClaim(store, rig.paths);
      assertEquals([claim?.id === record.id, claim?.owner.host], [false, "unknown"], text);
      assertEquals(claim?.leaseSec, store.leaseSec);
    }
  });

  it("say that a process was declared dead, and crashed where that is not told", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    const { record, owner } = await rig.claim(store);
    await declareOwnerDead(store, record, { kind: "preempted", why: "told to end" });
    assertEquals(await readDeath(store, record), { kind: "preempted", why: "told to end" });
    for (const text of torn(textOf(owner.dead))) {
      Deno.writeTextFileSync(owner.dead, text);
      assertEquals((await readDeath(store, record))?.kind, "crashed", text);
    }
  });

  it("are ends of attempts that crashed", async () => {
    await using rig = new StoreRig();
    const store = rig.store();
    const claim = await rig.claim(store);
    await endAttempt(store, claim, { kind: "failed", failure: "compute", error: "no such column" });
    const path = `${rig.paths.home}/end-${claim.attempt.id}.json`;
    for (const text of torn(textOf(path))) {
      Deno.writeTextFileSync(path, text);
      const [end, ...others] = await readEnds(store, rig.paths);
      assertEquals([end?.kind, end?.id, others], ["crashed", claim.attempt.id, []], text);
      assertStringIncludes(end!.error, path);
    }
  });

  it("keep nobody from a store whose layout they told", async () => {
    await using rig = new StoreRig();
    await rig.claim();
    const path = layoutFile(rig.root);
    for (const text of torn(textOf(path))) {
      Deno.writeTextFileSync(path, text);
      Deno.removeSync(rig.paths.claim);
      assert((await rig.claim()).attempt.n === 1, text);
    }
  });
});
