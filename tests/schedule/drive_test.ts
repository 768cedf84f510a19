import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { RunEvent } from "../../lib/core/event.ts";
import { makePlan, type Plan } from "../../lib/plan/graph.ts";
import type { Backend, BackendEvent } from "../../lib/schedule/backend.ts";
import { drive, type DriveResult } from "../../lib/schedule/drive.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { fakeArtifact, FakeSource } from "../plan/fake_graph.ts";
import { Rig, testRuntime } from "../rig.ts";

/** What a fake backend does when a node is started; and what it was told in the end. */
interface Script {
  start: (artifact: Artifact, report: (event: BackendEvent) => void) => void;
  stops?: string[];
  events?: RunEvent["type"][];
  signal?: AbortSignal;
  withdraw?: (report: (event: BackendEvent) => void, broken: (error: unknown) => void) => Promise<void>;
}

async function run(
  made: Plan,
  { start, stops = [], events = [], signal, withdraw }: Script,
): Promise<DriveResult> {
  await using rig = new Rig();
  return await drive(testRuntime(rig.root), {
    runId: "run",
    plan: made,
    window: "bfs",
    retry: { retryFailed: true, maxComputeRetries: 1, maxPreemptRetries: 1 },
    forced: undefined,
    replan: () => Promise.resolve(made),
    onEvent: ({ type }) => events.push(type),
    signal: signal ?? new AbortController().signal,
    backend: (report, broken): Backend => ({
      start: (artifact) => start(artifact, report),
      ...(withdraw === undefined ? {} : { withdraw: () => withdraw(report, broken) }),
      stop: (how) => Promise.resolve(void stops.push(how)),
    }),
  });
}

const done = ({ hash }: Artifact): BackendEvent => ({ type: "done", hash, computed: true });
const failed = ({ hash }: Artifact, failedEnds: number): BackendEvent => ({
  type: "failed",
  hash,
  end: { outcome: "failed", blame: "compute", error: "no", logTail: ["last words"] },
  failedEnds,
  lostEnds: 0,
});

describe("drive()", () => {
  it("starts what is free, tells of each, and drains the backend in the end", async () => {
    const [stops, events]: [string[], RunEvent["type"][]] = [[], []];
    const made = await makePlan([fakeArtifact("top", [fakeArtifact("low")])], new FakeSource());
    const { summary, interrupted } = await run(made, {
      start: (artifact, report) => report(done(artifact)),
      stops,
      events,
    });
    const { computed, notRun } = summary;
    assertEquals({ computed, notRun, interrupted }, { computed: 2, notRun: 0, interrupted: false });
    assertEquals(events, ["run_started", "node_done", "node_done", "run_ended"]);
    assertEquals(stops, ["drain"]);
  });

  it("counts attempts by those that failed, and retries by those that were begun again", async () => {
    let ends = 0;
    const made = await makePlan([fakeArtifact("a")], new FakeSource());
    const { summary } = await run(made, { start: (artifact, report) => report(failed(artifact, ++ends)) });
    const { retries, failures, computed } = summary;
    assertEquals({ retries, attempts: failures[0]?.attempts, computed }, {
      retries: 1,
      attempts: 2,
      computed: 0,
    });
  });

  it("says which artifacts are missing when it cannot go on without a failure", async () => {
    const made = await makePlan([fakeArtifact("top", [fakeArtifact("low")])], new FakeSource());
    const roots = [...made.nodes].filter(([hash]) => made.roots.includes(hash));
    // A dependency that no node stands for: nothing ever becomes free.
    const broken = { roots: made.roots, nodes: new Map(roots), counts: made.counts } as unknown as Plan;
    const { stalled, summary } = await run(broken, { start: () => {} });
    assertMatch(stalled ?? "", /cannot go on.*missing are t\(\w{8}\)/);
    assertEquals({ failures: summary.failures, notRun: summary.notRun }, { failures: [], notRun: 1 });
  });

  it("stops the backend when its signal aborts, and ends when all is still", async () => {
    const controller = new AbortController();
    const stops: string[] = [];
    const made = await makePlan([fakeArtifact("a")], new FakeSource());
    const result = await run(made, { start: () => controller.abort(), stops, signal: controller.signal });
    assertEquals(result.interrupted, true);
    assertEquals(result.summary.notRun, 1);
    assertEquals(stops, ["stop", "drain"]);
  });

  it("kills what runs when something breaks in it", async () => {
    const stops: string[] = [];
    const made = await makePlan([fakeArtifact("a")], new FakeSource());
    const broken = run(made, {
      start: () => {
        throw new Error("a bug");
      },
      stops,
    });
    await assertRejects(() => broken, Error, "a bug");
    assertEquals(stops, ["kill"]);
  });

  it("has a backend withdraw what has not begun when a failure stops the run", async () => {
    const artifacts = ["a", "b"].map((label) => fakeArtifact(label));
    const stops: string[] = [];
    const made = await makePlan(artifacts, new FakeSource());
    const { summary } = await run(made, {
      start: (artifact, report) => artifact === artifacts[0] && report(failed(artifact, 2)),
      withdraw: (report) => Promise.resolve(report({ type: "withdrawn", hash: artifacts[1]!.hash })),
      stops,
    });
    assertEquals(
      { failures: summary.failures.length, notRun: summary.notRun, stops },
      { failures: 1, notRun: 1, stops: ["drain"] },
    );
  });

  it("ends with what the backend says has broken", async () => {
    const stops: string[] = [];
    const artifacts = ["a", "b"].map((label) => fakeArtifact(label));
    const made = await makePlan(artifacts, new FakeSource());
    const broken = run(made, {
      start: (artifact, report) => artifact === artifacts[0] && report(failed(artifact, 2)),
      withdraw: (_, broken) => Promise.resolve(broken(new Error("no workers"))),
      stops,
    });
    await assertRejects(() => broken, Error, "no workers");
    assertEquals(stops, ["kill"]);
  });

  it("counts the attempts of an earlier driver of the run, too", async () => {
    const made = await makePlan([fakeArtifact("a")], new FakeSource());
    const { summary } = await run(made, { start: (artifact, report) => report(failed(artifact, 5)) });
    assertEquals(summary.failures[0]?.attempts, 5);
  });
});
