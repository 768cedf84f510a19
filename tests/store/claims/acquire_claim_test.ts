import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { systemFiles } from "../../../lib/core/system/system_files.ts";
import { acquireClaim, settleClaim } from "../../../lib/store/claims/acquire_claim.ts";
import { readEnds } from "../../../lib/store/results/ends.ts";
import { osError } from "../../rig.ts";
import { StoreRig } from "../rig.ts";

const OPTIONS = { backend: "get" };

describe("acquireClaim()", () => {
  it("claims what nobody holds", async () => {
    await using rig = new StoreRig();
    const acquired = await acquireClaim(rig.store(), rig.paths, OPTIONS);
    assert(acquired.kind === "claimed");
    assertEquals(acquired.claim.attempt.n, 1);
  });

  it("leaves a claim alone that may live, and gives the look at it", async () => {
    await using rig = new StoreRig();
    const { record } = await rig.claim();
    const acquired = await acquireClaim(rig.store(), rig.paths, OPTIONS);
    assert(acquired.kind === "held" && acquired.look.state === "alive");
    assertEquals(acquired.look.holder.id, record.id);
  });

  it("ends the attempt of a dead owner first", async () => {
    await using rig = new StoreRig();
    await rig.claim();
    const acquired = await acquireClaim(rig.store({ machine: { isGone: () => true } }), rig.paths, OPTIONS);
    assert(acquired.kind === "claimed");
    assertEquals(acquired.claim.attempt.n, 2);
    const ends = await readEnds(rig.store(), rig.paths);
    assertEquals(ends.map(({ kind }) => kind), ["crashed"]);
  });

  it("says that nothing can be told while the file server is away", async () => {
    await using rig = new StoreRig();
    await rig.claim();
    const store = rig.store({ files: { open: () => Promise.reject(osError("EIO")) } });
    const acquired = await acquireClaim(store, rig.paths, OPTIONS);
    assert(acquired.kind === "held" && acquired.look.state === "unknown");
    assertStringIncludes(acquired.look.why, "EIO");
  });

  it("gives up a claim that others keep taking and leaving", async () => {
    await using rig = new StoreRig();
    await rig.claim();
    // It is listed, and whoever looks at it finds nothing.
    const readText = (path: string) =>
      path === rig.paths.claim ? Promise.reject(osError("ENOENT")) : systemFiles.readText(path);
    const acquired = await acquireClaim(rig.store({ files: { readText } }), rig.paths, OPTIONS);
    assert(acquired.kind === "held" && acquired.look.state === "unknown");
    assertStringIncludes(acquired.look.why, "keep taking and leaving");
  });
});

describe("settleClaim()", () => {
  it("does nothing about a claim that is its owner's still", async () => {
    await using rig = new StoreRig();
    const { record: holder } = await rig.claim();
    const store = rig.store();
    assertEquals(await settleClaim(store, rig.paths, { state: "alive", holder, changed: false }), false);
    assertEquals(await settleClaim(store, rig.paths, { state: "ended", holder, removable: false }), false);
    assertEquals(rig.names(), ["the claim"]);
  });

  it("removes one that has ended and was left", async () => {
    await using rig = new StoreRig();
    const { record: holder } = await rig.claim();
    assertEquals(
      await settleClaim(rig.store(), rig.paths, { state: "ended", holder, removable: true }),
      true,
    );
    assertEquals(rig.names(), []);
  });
});
