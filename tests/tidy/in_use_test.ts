import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { tryClaim } from "../../lib/store/claims/claim.ts";
import { linkQueued } from "../../lib/store/claims/queued.ts";
import { type StoredArtifact, StoreGraph } from "../../lib/tidy/graph.ts";
import { whyStay } from "../../lib/tidy/in_use.ts";
import { Store } from "../../lib/store/store.ts";
import { addPin, readPins, removePins, resolvePin } from "../../lib/tidy/pins.ts";
import { artifactRemoval, invalidation } from "../../lib/tidy/remove_artifact.ts";
import { attemptRemovals } from "../../lib/tidy/attempts.ts";
import { litterRemovals } from "../../lib/tidy/litter.ts";
import { removeAll } from "../../lib/tidy/removal.ts";
import { key, know, ref, TidyRig } from "./rig.ts";

/** An artifact that uses others, by letters. */
function artifact(letter: string, uses: string): StoredArtifact {
  return {
    ...key("t", letter),
    record: "",
    home: "",
    hasRecord: true,
    hasHome: false,
    hasClaim: false,
    status: "DONE",
    uses: [...uses].map((each) => key("t", each).hash),
    folders: [],
    snapshots: [],
  };
}

/** a uses b, b uses c; d uses c; e alone. */
const graph = new StoreGraph([
  artifact("a", "b"),
  artifact("b", "c"),
  artifact("c", ""),
  artifact("d", "c"),
  artifact("e", ""),
]);
const hash = (letter: string) => key("t", letter).hash;

describe("whyStay()", () => {
  const nothing = {
    graph,
    computed: new Map(),
    queued: new Map(),
    blind: [],
    pins: [],
    runs: [],
    force: false,
  };
  const TABLE: [
    what: string,
    facts: Partial<Parameters<typeof whyStay>[0]>,
    stays: Record<string, string>,
  ][] = [
    ["nothing stays without a reason", {}, {}],
    ["what is computed, and what it may load", { computed: new Map([[hash("a"), "by ann"]]) }, {
      a: "computed",
      b: "loaded",
      c: "loaded",
    }],
    ["what is queued, and what it may load", { queued: new Map([[hash("d"), "job 7"]]) }, {
      d: "queued",
      c: "loaded",
    }],
    ["what is pinned, and what it depends on", { pins: [{ pin: "best", hash: hash("b") }] }, {
      b: "pinned",
      c: "pinned",
    }],
    ["what a run may load that has not ended", {
      runs: [{ runId: "r", open: "it has not ended", nodes: [hash("d")], tasks: [] }],
    }, { d: "run", c: "run" }],
    [
      "a run that has ended keeps nothing",
      { runs: [{ runId: "r", open: undefined, nodes: [hash("d")], tasks: [] }] },
      {},
    ],
    ["the strongest reason counts", {
      computed: new Map([[hash("c"), "by ann"]]),
      pins: [{ pin: "best", hash: hash("b") }],
    }, { c: "computed", b: "pinned" }],
    ["all that is stored while nobody knows what is loaded", {
      computed: new Map([[hash("f"), "by ann"]]),
      blind: [hash("f")],
      pins: [{ pin: "best", hash: hash("e") }],
    }, { a: "loaded", b: "loaded", c: "loaded", d: "loaded", e: "pinned" }],
    ["by force not even that", {
      force: true,
      computed: new Map([[hash("f"), "by ann"]]),
      blind: [hash("f")],
    }, {}],
    ["by force neither pins nor runs keep anything, but what is computed stays", {
      force: true,
      computed: new Map([[hash("d"), "by ann"]]),
      pins: [{ pin: "best", hash: hash("b") }],
      runs: [{ runId: "r", open: "it has not ended", nodes: [hash("a")], tasks: [] }],
    }, { d: "computed", c: "loaded" }],
  ];
  for (const [what, facts, stays] of TABLE) {
    it(what, () => {
      const reasons = whyStay({ ...nothing, ...facts });
      const kinds = Object.fromEntries(
        [..."abcde"].flatMap((each) => {
          const reason = reasons.get(hash(each));
          return reason ? [[each, reason.kind]] : [];
        }),
      );
      assertEquals(kinds, stays);
    });
  }
});

describe("what lives", () => {
  it("a claim that may live is touched by nothing, with everything that its artifact has", async () => {
    await using rig = new TidyRig();
    const data = rig.put("toy/Data", { seed: 1 });
    const paths = rig.put("toy/Train", { of: ref(data) }, { files: { "model.bin": "abc" } });
    rig.fail(paths, 2, "ffffffffffff");
    const other = rig.process({ host: "elsewhere" });
    assertEquals((await tryClaim(other.store, paths, { backend: "local" })).kind, "claimed");
    const before = rig.tree().filter((name) => name.startsWith("artifacts/"));
    const known = await know(rig.process().store, { force: true });
    const { context, graph, inUse } = known;
    const all = [...graph.artifacts.values()];
    assertEquals(all.map(({ hash }) => inUse.reasons.get(hash)?.kind).sort(), ["computed", "loaded"]);
    // As if the claim had been made after it was looked.
    const blind = { ...inUse, reasons: new Map(), recheck: () => Promise.resolve(undefined) };
    const train = all.filter(({ name }) => name === "toy/Train");
    const options = { failed: true, replaced: true, before: Infinity };
    const removals = [
      await artifactRemoval(context, train[0]!, blind),
      invalidation(context, train[0]!, blind),
      ...await attemptRemovals(context, train, { graph, inUse: blind, options }),
      ...await litterRemovals(context, { graph, inUse }),
    ];
    const report = await removeAll(removals);
    assertEquals(report.removed, []);
    assertEquals(report.kept.map(({ removal }) => removal.kind), ["artifact", "artifact", "failed"]);
    for (const { why } of report.kept) assertMatch(why, /^computed by pid \d+ on elsewhere/);
    assertEquals(rig.tree().filter((name) => name.startsWith("artifacts/")), before);
  });

  it("an artifact that a job is queued for stays, until Slurm says that the job has ended", async () => {
    await using rig = new TidyRig();
    const paths = rig.put("toy/Train", { lr: 1 });
    const { store } = rig.process({ host: "elsewhere" });
    await linkQueued(store, paths, { name: "furu-1", run: "slurm-1" });
    const process = rig.process();
    const queued = await know(process.store);
    assertEquals(queued.inUse.reasons.get(paths.hash)?.kind, "queued");
    const found = queued.graph.artifacts.get(paths.hash)!;
    const blind = { recheck: () => Promise.resolve(undefined) };
    const kept = await removeAll([await artifactRemoval(queued.context, found, blind)]);
    assertMatch(kept.kept[0]!.why, /furu-1 is queued/);
    const gone = await know(process.store, {
      queuedHint: () => Promise.resolve({ state: "gone", why: "", askedAt: 0, vanished: false }),
    });
    assertEquals(gone.inUse.reasons.size, 0);
    const report = await removeAll([await artifactRemoval(gone.context, found, gone.inUse)]);
    assertEquals(report.removed.length, 1);
    assertEquals(rig.tree().filter((name) => name.includes(paths.hash)), []);
  });

  it("a pin that comes up while an artifact goes keeps it", async () => {
    await using rig = new TidyRig();
    const paths = rig.put("toy/Train", { lr: 1 });
    const { store } = rig.process();
    const known = await know(store);
    const removal = await artifactRemoval(known.context, known.graph.artifacts.get(paths.hash)!, known.inUse);
    await addPin(store, paths, "best");
    const report = await removeAll([removal]);
    assertEquals(report.kept.map(({ why }) => why), ["pin 'best'"]);
    assertEquals(rig.tree().filter((name) => name.endsWith(".claim")), [], "its claim is given back");
  });

  it("an artifact that was computed again since stays", async () => {
    await using rig = new TidyRig();
    const paths = rig.put("toy/Train", { lr: 1 });
    const { store } = rig.process();
    const known = await know(store);
    const removal = await artifactRemoval(known.context, known.graph.artifacts.get(paths.hash)!, known.inUse);
    rig.put("toy/Train", { lr: 1 }, { more: { id: "bbbbbbbbbbbb" } });
    assertEquals((await removeAll([removal])).kept.map(({ why }) => why), [
      "it was computed again meanwhile",
    ]);
  });
});

describe("pins", () => {
  it("have names that stand for artifacts, and only one artifact has a name", async () => {
    await using rig = new TidyRig();
    const one = rig.put("toy/Train", { lr: 1 });
    const two = rig.put("toy/Train", { lr: 2 });
    const { store } = rig.process();
    assertEquals(await addPin(store, one, "best"), true);
    assertEquals(await addPin(store, one, "best"), false);
    assertEquals(await addPin(store, one), true);
    const fails = async (work: Promise<unknown>) =>
      await work.then(() => "", (error: Error) => error.message);
    assertMatch(await fails(addPin(store, two, "best")), /^Cannot pin .* as 'best': that is toy\/Train\(/);
    assertMatch(await fails(addPin(store, two, "cafe")), /beginning of a hash/);
    assertMatch(await fails(addPin(store, two, "a/b")), /one word/);
    assertMatch(await fails(addPin(store, key("toy/Train", "0"), "x")), /no result of it is stored/);
    const refuse = () => Promise.reject(new Deno.errors.PermissionDenied("Permission denied (os error 13)"));
    const machine = { ...store.machine, files: { ...store.machine.files, mkdir: refuse } };
    const { root, leaseSec, heartbeatSec } = store;
    const readOnly = new Store(machine, { root, leaseSec, heartbeatSec });
    assertMatch(
      await fails(addPin(readOnly, two, "new")),
      /^Cannot pin toy\/Train.* in .*pins: permission denied/,
    );
    assertEquals((await resolvePin(store, "best"))?.hash, one.hash);
    assertEquals(await resolvePin(store, "../best"), undefined);
    assertEquals((await readPins(store)).map(({ pin }) => pin).sort(), [one.hash, "best"].sort());
    assertEquals((await removePins(store, one.hash.slice(0, 8))).sort(), [one.hash, "best"].sort());
    assertEquals(await readPins(store), []);
  });

  it("one that cannot be read stops what would remove, and can be removed itself", async () => {
    await using rig = new TidyRig();
    const one = rig.put("toy/Train", { lr: 1 });
    const { store } = rig.process();
    await addPin(store, one, "best");
    Deno.writeTextFileSync(`${rig.root}/pins/best.json`, "{");
    assertMatch(
      await know(store).then(() => "", (error: Error) => error.message),
      /pins\/best.json.*furu unpin best/,
    );
    assertEquals(await removePins(store, "best"), ["best"]);
  });
});
