import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { WaitTimeoutError } from "../../../lib/core/errors.ts";
import { readEnds } from "../../../lib/store/results/ends.ts";
import { makePlan } from "../../../lib/plan/graph.ts";
import { storeStatus } from "../../../lib/schedule/status_source.ts";
import { watchElsewhere } from "../../../lib/schedule/watch.ts";
import type { ClaimRecord } from "../../../lib/store/record.ts";
import type { Artifact } from "../../../lib/task/artifact/artifact.ts";
import { Rig, testRuntime } from "../../rig.ts";
import { artifactOf, getFrom } from "../rig.ts";

/** A claim as another machine makes it, of which nothing can be known from here. */
function claimedElsewhere(rig: Rig, artifact: Artifact, leaseSec: number): ClaimRecord {
  const { home, claim } = testRuntime(rig.root).store.paths(artifact);
  const record: ClaimRecord = {
    schema: 1,
    id: "0123456789ab",
    owner: { host: "node17", boot: "b", pidNamespace: "p", pid: 4711, start: "1", user: "ada" },
    backend: "get",
    startedAt: "2026-01-01T00:00:00.000Z",
    leaseSec,
  };
  Deno.mkdirSync(home, { recursive: true });
  Deno.writeTextFileSync(claim, JSON.stringify(record));
  return record;
}

describe("waiting for a claim", () => {
  it("a claim of another host without heartbeat is taken over after its lease, and ended as crashed", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const artifact = artifactOf({ create: ({ attempt }) => attempt });
    claimedElsewhere(rig, artifact, 0.6);
    const started = performance.now();
    const got = getFrom(testRuntime(rig.root, { config: { leaseSec: 0.6 } }), artifact);
    assertEquals(await got, 2);
    assert(performance.now() - started >= 600, "not before the lease");
    const [end] = await readEnds(runtime.store, runtime.store.paths(artifact));
    assertEquals({ kind: end?.kind, attempt: end?.attempt }, { kind: "crashed", attempt: 1 });
    assertStringIncludes(end?.error ?? "", "node17");
  });

  it("a lease that is shorter than the observer's own can be seen to run out", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: ({ attempt }) => attempt });
    claimedElsewhere(rig, artifact, 0.6);
    // With its own lease of 120 s and looks every 2 s every look would come too late for a lease of 0.6 s.
    const runtime = testRuntime(rig.root, { config: { leaseSec: 120, pollIntervalSec: 2, maxWaitSec: 8 } });
    const started = performance.now();
    assertEquals(await getFrom(runtime, artifact), 2);
    assertLess(performance.now() - started, 5000);
  });

  it("a claim whose heartbeat changes is waited for, and a WaitTimeoutError names its owner and host", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: ({ attempt }) => attempt });
    claimedElsewhere(rig, artifact, 0.3);
    const { claim } = testRuntime(rig.root).store.paths(artifact);
    let beats = 0;
    const beating = setInterval(() => Deno.utimeSync(claim, ++beats, beats), 50);
    const lines: string[] = [];
    const runtime = testRuntime(rig.root, { config: { leaseSec: 0.3, maxWaitSec: 1.5 }, lines });
    const error = await assertRejects(() => getFrom(runtime, artifact), WaitTimeoutError);
    clearInterval(beating);
    for (const part of [`${artifact}`, "pid 4711", "node17", "ada", "2026-01-01", claim]) {
      assertStringIncludes(error.message, part);
    }
    assertEquals(
      lines.filter((line) => /waiting for .* computed by pid 4711 on node17/.test(line)).length,
      1,
    );
  });

  it("a signal that aborts while waiting ends the waiting with its reason, and leaves the claim alone", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: () => 1 });
    claimedElsewhere(rig, artifact, 120);
    const before = rig.tree();
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error("enough")), 100);
    await assertRejects(
      () => getFrom(testRuntime(rig.root), artifact, { signal: abort.signal }),
      Error,
      "enough",
    );
    const own = ["layout.json", "owners"];
    assertEquals(rig.tree().filter((name) => !own.includes(name)), before);
  });

  it("a claim that a power cut has torn is waited for over a lease, then taken over", async () => {
    for (const text of ["", '{"schema":1,"id":"01', "\0\0\0\0"]) {
      await using rig = new Rig();
      const artifact = artifactOf({ create: () => "there" });
      claimedElsewhere(rig, artifact, 1);
      Deno.writeTextFileSync(testRuntime(rig.root).store.paths(artifact).claim, text);
      const runtime = testRuntime(rig.root, { config: { leaseSec: 0.4, maxWaitSec: 5 } });
      assertEquals(await getFrom(runtime, artifact), "there");
    }
  });

  it("an ended claim that its owner never removed is removed by a waiting one", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: ({ attempt }) => attempt });
    const record = claimedElsewhere(rig, artifact, 120);
    const { home } = testRuntime(rig.root).store.paths(artifact);
    const { leaseSec: _, backend: __, ...end } = record;
    Deno.mkdirSync(home, { recursive: true });
    Deno.writeTextFileSync(
      `${home}/end-${record.id}.json`,
      JSON.stringify({ ...end, attempt: 1, kind: "failed", error: "made up", endedAt: record.startedAt }),
    );
    const started = performance.now();
    assertEquals(await getFrom(testRuntime(rig.root), artifact), 2);
    assert(performance.now() - started >= 1000, "it belongs to its owner for a second");
  });

  it("a run that watches a claim tells whether it was one of its own that stored the result", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: () => 1 });
    const runtime = testRuntime(rig.root);
    await getFrom(runtime, artifact);
    const { record } = runtime.store.paths(artifact);
    const { sum: _sum, ...stored } = JSON.parse(Deno.readTextFileSync(record));
    Deno.writeTextFileSync(record, JSON.stringify({ ...stored, run: "this one" }));
    for (const runId of ["this one", "another one"]) {
      const event = await watchElsewhere(testRuntime(rig.root), {
        artifact,
        runId,
        signal: AbortSignal.timeout(6000),
        replan: (node) => makePlan([node], storeStatus(runtime)),
        forced: undefined,
      });
      assertEquals(event, { type: "done", hash: artifact.hash, computed: runId === "this one" });
    }
  });

  it("a run that watches a claim sees a lease run out that is shorter than its own", async () => {
    await using rig = new Rig();
    const artifact = artifactOf({ create: ({ attempt }) => attempt });
    claimedElsewhere(rig, artifact, 0.6);
    const runtime = testRuntime(rig.root, { config: { leaseSec: 120, pollIntervalSec: 2 } });
    const event = await watchElsewhere(runtime, {
      artifact,
      runId: "this one",
      signal: AbortSignal.timeout(6000),
      replan: (node) => makePlan([node], storeStatus(runtime)),
      forced: undefined,
    });
    assertEquals(event.type, "released");
  });
});
