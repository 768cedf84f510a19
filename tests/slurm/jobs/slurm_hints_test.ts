import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { JobWatch } from "../../../lib/slurm/jobs/job_watch.ts";
import { isOver, jobHints } from "../../../lib/slurm/jobs/slurm_hints.ts";
import { SlurmClient } from "../../../lib/slurm/client/client.ts";
import { linkQueued, type QueuedJob, readQueued, writeQueuedId } from "../../../lib/store/claims/queued.ts";
import type { ClaimRecord } from "../../../lib/store/record.ts";
import type { Artifact } from "../../../lib/task/artifact/artifact.ts";
import type { Report } from "../../e2e/run_rig.ts";
import { Step } from "../../e2e/fixtures_run/step.ts";
import { best } from "../../cli/fixtures/pipeline.ts";
import { Rig, type Script, testRuntime, until } from "../../rig.ts";
import { FakePrograms } from "../fake_programs.ts";
import { FakeClock, FakeSlurm, queueRow } from "../fake_slurm.ts";

const NAME = "furu-01234567-other";

/** A store in which a job of another run is queued for an artifact. */
class QueuedRig extends Rig {
  readonly slurm = new FakePrograms(join(this.folder, "slurm"));
  readonly artifact = Step({ id: "a", needs: [], beside: [] });
  readonly store = testRuntime(this.root).store;

  /** Says that job 100 is queued. @param state What Slurm says of it. @default it does not know it */
  async queue(artifact: Artifact, state?: string): Promise<void> {
    const paths = this.store.paths(artifact);
    await linkQueued(this.store, paths, { name: NAME, run: "slurm-other", cluster: "fake" });
    await writeQueuedId(this.store, paths, { name: NAME, jobId: "100", cluster: "fake" });
    if (state === undefined) return;
    Deno.mkdirSync(join(this.folder, "slurm/jobs/100"));
    this.slurm.put("jobs/100/name", NAME);
    this.slurm.put("jobs/100/state", state);
  }

  runLocal(config: Record<string, unknown> = {}, env = this.slurm.env): Script {
    const given = JSON.stringify({
      roots: [{ id: "a" }],
      options: { maxComputeRetries: 0 },
      config: { pollIntervalSec: 0.1, slurm: { squeueIntervalSec: 0.2 }, ...config },
    });
    return this.start("e2e/fixtures_run/driver.ts", [given], { ...env, SCENE: this.folder });
  }
}

/** A store in which a job of another run computes an artifact, on a node of which nothing can be known here. */
class ClaimedRig extends QueuedRig {
  constructor(state: string, leaseSec: number) {
    super();
    const { home, claim } = this.store.paths(this.artifact);
    const record: ClaimRecord = {
      schema: 1,
      id: "0123456789ab",
      owner: { host: "n17", boot: "b", pidNamespace: "p", pid: 4711, start: "1", uid: Deno.uid()! },
      backend: "slurm-dag",
      startedAt: "2026-01-01T00:00:00.000Z",
      leaseSec,
      slurm: { name: NAME, jobId: "100", restarts: 0, cluster: "fake" },
    };
    Deno.mkdirSync(home, { recursive: true });
    Deno.writeTextFileSync(claim, JSON.stringify(record));
    Deno.mkdirSync(join(this.folder, "slurm/jobs/100"));
    this.slurm.put("jobs/100/name", NAME);
    this.slurm.put("jobs/100/state", state);
  }

  get(config: Record<string, unknown>, env = this.slurm.env): Script {
    const given = JSON.stringify({ pollIntervalSec: 0.1, slurm: { squeueIntervalSec: 0.2 }, ...config });
    return this.start("slurm/fixtures_get/get.ts", [given], { ...env, SCENE: this.folder });
  }
}

async function reportOf(script: Script): Promise<Report> {
  const { stdout, output } = await script.ended();
  const line = stdout.trim().split("\n").at(-1) ?? "";
  assert(line.startsWith("{"), output);
  return JSON.parse(line);
}

describe("runLocal() where a Slurm job is queued for an artifact", () => {
  it("computes it when that job has ended, and removes what said that it is queued", async () => {
    await using rig = new QueuedRig();
    await rig.queue(rig.artifact, "CANCELLED");
    const report = await reportOf(rig.runLocal());
    assertEquals(
      { ok: report.ok, computed: report.summary?.computed },
      { ok: true, computed: 1 },
      JSON.stringify(report),
    );
    assertEquals(report.events.includes("node_watched"), false);
    assertEquals(rig.tree().filter((path) => path.includes("queued")), []);
  });

  it("computes it when Slurm does not know that job in two listings", async () => {
    await using rig = new QueuedRig();
    await rig.queue(rig.artifact);
    const report = await reportOf(rig.runLocal());
    assertEquals(
      { ok: report.ok, computed: report.summary?.computed },
      { ok: true, computed: 1 },
      JSON.stringify(report),
    );
    assertEquals(report.events.includes("node_watched"), true);
    assertEquals(rig.tree().filter((path) => path.includes("queued")), []);
  });

  it("waits for a job that lives, until that is cancelled", async () => {
    await using rig = new QueuedRig();
    await rig.queue(rig.artifact, "PENDING");
    const script = rig.runLocal();
    await until(() => rig.read("slurm/calls").split("squeue").length > 3, "Slurm was asked again");
    assertEquals((await readQueued(rig.store, rig.store.paths(rig.artifact)))?.jobId, "100");
    rig.slurm.put("jobs/100/state", "CANCELLED");
    const report = await reportOf(script);
    assertEquals(
      { ok: report.ok, computed: report.summary?.computed },
      { ok: true, computed: 1 },
      JSON.stringify(report),
    );
  });

  it("gives up after the stale limit without Slurm's programs, naming the job and what to do", async () => {
    await using rig = new QueuedRig();
    await rig.queue(rig.artifact);
    const report = await reportOf(rig.runLocal({ staleAfterSec: 0.5 }, { PATH: rig.folder }));
    const { error, kind } = report.summary!.failures[0]!;
    assertEquals(kind, "lost");
    assertMatch(
      error,
      /Slurm job 100 furu-01234567-other on cluster fake, submitted by .*pid \d+ on \S+, queued since/,
    );
    assertStringIncludes(error, "run 'furu cancel slurm-other'");
    assertStringIncludes(error, join(rig.store.paths(rig.artifact).home, "queued.json"));
    assertEquals((await readQueued(rig.store, rig.store.paths(rig.artifact)))?.jobId, "100");
  });
});

describe("get() where a Slurm job holds the claim", () => {
  it("waits for one that stands still, though nothing beats, and computes at once what ended", async () => {
    await using rig = new ClaimedRig("SUSPENDED", 0.6);
    const script = rig.get({ leaseSec: 0.6 });
    const lease = () => rig.read("slurm/calls").split("squeue").length > 8;
    await until(
      () => script.stderr.includes("whose Slurm job is SUSPENDED") && lease(),
      "it says so",
      30_000,
    );
    assertEquals(script.stdout, "");
    rig.slurm.put("jobs/100/state", "CANCELLED");
    const { stdout, output } = await script.ended();
    assertEquals(stdout, "got it\n", output);
  });

  it("does not wait for a lease of one that has ended", async () => {
    await using rig = new ClaimedRig("CANCELLED", 600);
    const { stdout, output } = await rig.get({ maxWaitSec: 60 }).ended();
    assertEquals(stdout, "got it\n", output);
  });

  it("goes by the lease where there is no Slurm", async () => {
    await using rig = new ClaimedRig("SUSPENDED", 0.6);
    const { stdout, output } = await rig.get({ leaseSec: 0.6 }, { PATH: rig.folder }).ended();
    assertEquals(stdout, "got it\n", output);
  });
});

describe("furu plan where a Slurm job is queued for an artifact", () => {
  const statuses = async (rig: QueuedRig, env: Record<string, string>) => {
    const module = new URL("../../cli/fixtures/pipeline.ts", import.meta.url).pathname;
    const { stdout, output } = await rig.start("../cli.ts", ["plan", module, "--json"], env).ended();
    assert(stdout.startsWith("{"), output);
    return JSON.parse(stdout).nodes.map(({ status }: { status: string }) => status);
  };

  it("says TODO when that job has ended, and changes nothing", async () => {
    await using rig = new QueuedRig();
    await rig.queue(best, "TIMEOUT");
    assertEquals((await statuses(rig, rig.slurm.env)).sort(), ["TODO", "TODO"]);
    assertEquals((await readQueued(rig.store, rig.store.paths(best)))?.jobId, "100");
  });

  it("says IN_PROGRESS while that job lives, and at once without Slurm's programs", async () => {
    await using rig = new QueuedRig();
    await rig.queue(best, "PENDING");
    assertEquals(await statuses(rig, rig.slurm.env), ["IN_PROGRESS"]);
    const started = performance.now();
    assertEquals(await statuses(rig, { PATH: rig.folder }), ["IN_PROGRESS"]);
    assert(performance.now() - started < 8000, "no second listing was waited for");
  });
});

describe("jobHints()", () => {
  const self = { host: "here", pid: 1, user: "me", uid: Deno.uid()! };
  const queued: QueuedJob = {
    schema: 1,
    name: NAME,
    run: "r",
    submitter: self,
    submittedAt: "",
    jobId: "7",
    cluster: "fake",
  };
  const claim = {
    schema: 1 as const,
    id: "a",
    attempt: 1,
    owner: self,
    backend: "x",
    startedAt: "",
    leaseSec: 1,
  };
  const slurmJob = { jobId: "7", name: NAME, restarts: 0, cluster: "fake" };

  function setUp(isGone = false) {
    const slurm = new FakeSlurm();
    const clock = new FakeClock();
    const client = new SlurmClient({ env: {}, clock, run: slurm.run, intervalSec: 10 });
    const jobs = new JobWatch({ clock, self, isGone: () => isGone }, client);
    return { slurm, clock, jobs, hints: jobHints(() => jobs) };
  }

  it("asks once in an interval, however many jobs and however often", async () => {
    const { slurm, hints } = setUp();
    slurm.answers.squeue = [7, 8, 9].map((jobId) =>
      `${queueRow({ jobId, name: `${NAME}${jobId}`, state: "PENDING", reason: "Priority" })}\n`
    ).join("");
    const three = [7, 8, 9].map((jobId) => ({ ...queued, jobId: `${jobId}`, name: `${NAME}${jobId}` }));
    for (let i = 0; i < 5; i++) {
      const words = await Promise.all(three.map((each) => hints.queuedHint(each, { wait: true })));
      for (const word of words) {
        assertEquals(word, { state: "alive", text: "PENDING (Priority)", still: true });
      }
    }
    assertEquals(slurm.count("squeue"), 1);
  });

  it("tells a job that has ended, or that Slurm does not know, and one that was never submitted", async () => {
    const { slurm, hints, jobs } = setUp(true);
    slurm.answers.squeue = `${queueRow({ jobId: 7, name: NAME, state: "CANCELLED" })}\n`;
    const word = await hints.queuedHint(queued, { wait: true });
    assertEquals(word, { state: "gone", why: "it has ended, or was cancelled", askedAt: 0, vanished: false });
    const { jobId: _, ...unsubmitted } = { ...queued, name: `${NAME}-never` };
    await jobs.state(unsubmitted, { until: "sure" });
    const never = await hints.queuedHint(unsubmitted, { wait: true });
    assertEquals(never?.state === "gone" ? never.why : never, "it was never submitted");
  });

  it("takes the second look by itself when asked for sure, but does not wait for a Slurm that is silent", async () => {
    const { slurm, clock, jobs } = setUp();
    assertEquals(await isOver(jobs, queued), true);
    slurm.answers.squeue = { code: 1, stderr: "there is no program 'squeue' on PATH" };
    slurm.answers.scontrol = { code: 1, stderr: "there is no program 'scontrol' on PATH" };
    clock.ms += 10_000;
    const before = clock.ms;
    assertEquals(await isOver(jobs, { ...queued, name: "furu-b", jobId: "8" }), false);
    assertEquals(clock.ms - before < 30_000, true);
  });

  it("tells of a claim's holder without waiting, and asks nothing of one that is in no job", async () => {
    const { slurm, hints, jobs } = setUp();
    assertEquals(await hints.claimHint(claim), undefined);
    assertEquals(slurm.calls, []);
    slurm.answers.squeue = `${queueRow({ jobId: 7, name: NAME, state: "NODE_FAIL" })}\n`;
    assertEquals(await hints.claimHint({ ...claim, slurm: slurmJob }), { state: "silent" });
    await jobs.state({ ...slurmJob, submitter: self }, { until: "sure" });
    const word = await hints.claimHint({ ...claim, slurm: slurmJob });
    assertEquals(word, { state: "gone", why: "its Slurm job 7 has ended", askedAt: 0, vanished: false });
  });

  it("tells of a claim's holder that its job stands still, or that Slurm has begun it again", async () => {
    for (
      const [state, restarts, expected] of [
        ["RUNNING", 0, { state: "alive", text: "RUNNING", still: false }],
        ["SUSPENDED", 0, { state: "alive", text: "SUSPENDED", still: true }],
        ["PENDING", 0, { state: "alive", text: "PENDING", still: true }],
        ["PENDING", 1, {
          state: "gone",
          why: "Slurm has begun its job 7 again",
          askedAt: 0,
          vanished: false,
        }],
        ["RUNNING", 1, {
          state: "gone",
          why: "Slurm has begun its job 7 again",
          askedAt: 0,
          vanished: false,
        }],
      ] as const
    ) {
      const { slurm, hints, jobs } = setUp();
      slurm.answers.squeue = `${queueRow({ jobId: 7, name: NAME, state, restarts })}\n`;
      await jobs.state({ ...slurmJob, submitter: self });
      assertEquals(await hints.claimHint({ ...claim, slurm: slurmJob }), expected);
    }
  });
});
