import { assert, assertEquals, assertObjectMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  type JobRef,
  JobWatch,
  type KnownJob,
  type StateOptions,
} from "../../../lib/slurm/jobs/job_watch.ts";
import { FakeSite } from "../fake_site.ts";
import { jobLine, queueRow } from "../fake_slurm.ts";

const UID = Deno.uid()!;
const self = { host: "here", pid: 1, user: "me", uid: UID };
const NAME = "furu-0123abcd-1";
const JOB: JobRef = { name: NAME, jobId: "7", cluster: "here", submitter: self };
const MINE = { jobId: 7, name: NAME, state: "RUNNING" };

function setUp(jobs: FakeSite["jobs"] = [], submitterGone = false) {
  const site = new FakeSite();
  site.jobs = jobs;
  const { clock, client } = site;
  const watch = new JobWatch({ clock, self, isGone: () => submitterGone }, client);
  /** Looks until nothing more is asked about that very job. */
  const sure = (ref: JobRef = JOB, options: StateOptions = {}) =>
    watch.state(ref, { until: "sure", ...options });
  /** Looks when the interval has passed since the last time. */
  const next = async (ref: JobRef = JOB, ms = 10_000) => {
    clock.ms += ms;
    return await sure(ref);
  };
  return { site, clock, watch, sure, next };
}

const brief = ({ status, evidence, text }: KnownJob): string => `${status} by ${evidence}: ${text}`;

describe("JobWatch.state()", () => {
  it("finds a job by its name, with the id that Slurm gave it", async () => {
    const { watch } = setUp([{ ...MINE, state: "PENDING", restarts: 1, reason: "Priority" }]);
    assertEquals(await watch.state({ name: NAME }), {
      status: "alive",
      pending: true,
      text: "PENDING (Priority)",
      why: "Priority",
      evidence: "list",
      askedAt: 0,
      jobId: "7",
      restarts: 1,
    });
  });

  it("finds a job whose name the site rewrote by its comment, or by its script", async () => {
    const jobs = [
      { ...MINE, name: "site-1", comment: `furu:${NAME}` },
      { ...MINE, jobId: 8, name: "site-2", command: "/runs/furu-0123abcd-2.sh" },
    ];
    const { watch, sure, site } = setUp(jobs);
    assertEquals(brief(await watch.state({ name: NAME })), "alive by list: RUNNING");
    const second = { ...JOB, name: "furu-0123abcd-2", jobId: "8" };
    assertEquals(brief(await sure(second)), "alive by job: RUNNING");
    assertEquals(site.count("scontrol", "8"), 1);
    site.clock.ms += 10_000;
    // From then on its row is known by what Slurm calls it.
    assertEquals(brief(await sure(second)), "alive by list: RUNNING");
    assertEquals(site.count("scontrol", "8"), 1);
  });

  it("says nothing of a job of which Slurm has not answered, however long", async () => {
    const { site, next } = setUp([MINE]);
    site.down.add("squeue").add("scontrol");
    const unknown = { status: "unknown", text: "not seen yet", evidence: "nothing", restarts: 0 } as const;
    for (let i = 0; i < 5; i++) assertEquals(await next(), unknown);
  });

  it("keeps what it knows while Slurm does not answer, and says since when it does not", async () => {
    const { site, watch, next } = setUp([MINE]);
    await next();
    assertEquals(watch.silence(), undefined);
    site.down.add("squeue").add("scontrol");
    for (let i = 0; i < 5; i++) assertEquals(brief(await next()), "alive by list: RUNNING");
    assertObjectMatch(watch.silence()!, { since: 20_000 });
    assertStringIncludes(watch.silence()!.text, "Unable to contact slurm controller");
    site.down.clear();
    await next();
    assertEquals(watch.silence(), undefined);
  });

  it("goes by scontrol where squeue does not answer", async () => {
    const { site, next } = setUp([MINE]);
    site.down.add("squeue");
    assertEquals(brief(await next()), "alive by job: RUNNING");
    site.jobs = [{ ...MINE, state: "TIMEOUT" }];
    assertEquals(brief(await next()), "dead by job: TIMEOUT");
  });

  it("takes a job for gone when Slurm says that it knows no such id", async () => {
    const { site, watch, next } = setUp([MINE]);
    await next();
    site.jobs = [];
    site.clock.ms += 10_000;
    assertEquals(brief(await watch.state(JOB)), "alive by absence: RUNNING");
    assertEquals(await watch.state(JOB, { until: "sure" }), {
      status: "dead",
      reason: "vanished",
      text: "Slurm knows no such job any more",
      evidence: "job",
      askedAt: 20_000,
      jobId: "7",
      restarts: 0,
    });
  });

  it("does not take a job for gone while Slurm does not answer about that very job", async () => {
    const { site, next } = setUp([MINE]);
    await next();
    site.jobs = [];
    site.down.add("scontrol");
    for (let i = 0; i < 5; i++) assertEquals(brief(await next()), "alive by absence: RUNNING");
  });

  it("does not believe a list that a job is over, while Slurm says that it lives", async () => {
    const { site, next } = setUp([MINE]);
    await next();
    site.squeueSays = `${queueRow({ ...MINE, state: "NODE_FAIL" })}\n`;
    assertEquals(brief(await next()), "alive by job: RUNNING");
    site.jobs = [{ ...MINE, state: "TIMEOUT" }];
    assertEquals(brief(await next()), "dead by job: TIMEOUT");
  });

  it("tells how a job ended that only a list told of, when Slurm has forgotten it since", async () => {
    const { site, next } = setUp();
    site.squeueSays = `${queueRow({ ...MINE, state: "OUT_OF_MEMORY" })}\n`;
    assertObjectMatch(await next(), { status: "dead", reason: "out-of-memory", evidence: "job" });
  });

  it("does not believe a list that a job lives which has ended, unless Slurm begins it again", async () => {
    const { site, next } = setUp([{ ...MINE, state: "NODE_FAIL" }]);
    assertObjectMatch(await next(), { status: "dead", reason: "node-failure" });
    site.squeueSays = `${queueRow(MINE)}\n`;
    assertObjectMatch(await next(), { status: "dead", reason: "node-failure" });
    site.squeueSays = undefined;
    site.jobs = [{ ...MINE, state: "PENDING", restarts: 1 }];
    // A list that was wrong once is believed later.
    await next(JOB, 60_000);
    assertObjectMatch(await next(JOB, 60_000), { status: "alive", restarts: 1 });
  });

  it("does not believe a list that a running job pends, unless Slurm has begun it again", async () => {
    const { site, next } = setUp([MINE]);
    await next();
    site.squeueSays = `${queueRow({ ...MINE, state: "PENDING" })}\n`;
    assertEquals(brief(await next()), "alive by job: RUNNING");
    site.squeueSays = `${queueRow({ ...MINE, state: "PENDING", restarts: 1 })}\n`;
    assertObjectMatch(await next(), { pending: true, restarts: 1, evidence: "list" });
  });

  it("knows no more of a job that is missing in a list than before, nor since when", async () => {
    const { site, watch, next } = setUp();
    site.down.add("scontrol");
    watch.expect(JOB);
    assertObjectMatch(await next(), { pending: true, evidence: "absence" });
    assertEquals(watch.peek(JOB)?.askedAt, undefined);
  });

  it("takes another job under its id for another one: by name, or by user", async () => {
    for (const other of [{ ...MINE, name: "somebody-elses" }, { ...MINE, uid: UID + 1 }]) {
      const { next } = setUp([other]);
      assertObjectMatch(await next(), {
        status: "dead",
        reason: "vanished",
        text: `Slurm has given its id to another job, '${other.name}'`,
      });
    }
  });

  it("does not say that a job vanished whose cluster is not known, or is another one's name", async () => {
    const { next } = setUp();
    assertEquals(brief(await next({ ...JOB, cluster: undefined })), "unknown by absence: not seen yet");
  });

  it("takes no task of an array for its sibling", async () => {
    const { sure } = setUp([{ ...MINE, index: 0 }, { ...MINE, index: 1, state: "TIMEOUT" }]);
    assertObjectMatch(await sure({ ...JOB, jobId: "7_0" }), { status: "alive", jobId: "7" });
    assertObjectMatch(await sure({ ...JOB, jobId: "7_1" }), { status: "dead", reason: "timeout" });
    assertObjectMatch(await sure({ ...JOB, jobId: "7_2" }), { status: "dead", reason: "vanished" });
  });

  it("concludes nothing from not seeing the job of another user", async () => {
    const { site, next } = setUp([{ ...MINE, uid: UID + 1 }], true);
    site.showsOthers = false;
    const refs = [{ ...JOB, submitter: { ...self, user: "somebody", uid: UID + 1 } }, {
      ...JOB,
      foreign: true,
    }];
    for (const ref of refs) {
      for (let i = 0; i < 5; i++) {
        assertObjectMatch(await next(ref), { status: "unknown", evidence: "absence" });
      }
    }
  });

  it("sees that a job of another user is gone which Slurm has shown", async () => {
    const ref = { ...JOB, submitter: { ...self, user: "bob", uid: UID + 1 } };
    const { site, next } = setUp([{ ...MINE, uid: UID + 1 }]);
    assertObjectMatch(await next(ref), { status: "alive" });
    site.jobs = [];
    assertObjectMatch(await next(ref), { status: "dead", reason: "vanished" });
  });

  it("believes that a task lives where Slurm shortens which tasks of an array have not begun", async () => {
    const { site, sure } = setUp([{ ...MINE, index: 0, state: "FAILED" }]);
    const rest = jobLine({ ...MINE, state: "PENDING", index: "1-5,7,..." });
    const shown = jobLine({ ...MINE, index: 0, state: "FAILED" });
    site.slurm.answers.scontrol = (args) => args.includes("config") ? "" : `${rest}${shown}`;
    assertObjectMatch(await sure({ ...JOB, jobId: "7_7" }), { status: "alive", evidence: "job" });
    assertObjectMatch(await sure({ ...JOB, jobId: "7_0" }), { status: "dead", evidence: "job" });
  });

  it("gives up a job without an id only when its submitter is gone, after two looks", async () => {
    const [alive, gone] = [setUp(), setUp([], true)];
    const ref = { name: NAME, cluster: "here", submitter: self };
    assertObjectMatch(await alive.next(ref), { status: "unknown", evidence: "absence" });
    assertObjectMatch(await alive.next(ref), { status: "unknown" });
    assertObjectMatch(await gone.watch.state(ref), { status: "unknown", evidence: "absence" });
    assertObjectMatch(await gone.sure(ref), { status: "dead", text: "it was never submitted" });
    assert(gone.clock.ms >= 10_000);
  });

  it("finds a job without an id that a cached list does not show", async () => {
    const { site, clock, watch, sure } = setUp([], true);
    site.cacheMs = 60_000;
    await watch.state({ name: "furu-other" });
    site.jobs = [MINE];
    clock.ms += 10_000;
    assertEquals(brief(await sure({ name: NAME, submitter: self })), "alive by job: RUNNING");
  });

  it("stops waiting when it is told to", async () => {
    const { sure } = setUp();
    const signal = AbortSignal.abort(new Error("stopped"));
    await assertRejects(() => sure(JOB, { signal }), Error, "stopped");
  });
});

describe("JobWatch.known()", () => {
  it("knows a job from the moment when sbatch took it, without asking", async () => {
    const { site, watch } = setUp();
    watch.expect(JOB);
    assertObjectMatch(watch.known(JOB), {
      status: "alive",
      pending: true,
      text: "submitted, not listed yet",
      evidence: "nothing",
      jobId: "7",
    });
    await watch.state(JOB);
    assertEquals(site.count("squeue"), 1);
  });

  it("does not wait for Slurm, and has it asked", async () => {
    const { watch } = setUp([MINE]);
    assertObjectMatch(watch.known(JOB), { status: "unknown", evidence: "nothing" });
    await watch.state(JOB);
    assertEquals(brief(watch.known(JOB)), "alive by list: RUNNING");
  });
});

describe("a list that is answered from a cache", () => {
  it("makes no job seem gone, and is asked for less often when that is found out", async () => {
    const { site, clock, watch, next } = setUp();
    site.cacheMs = 60_000;
    await next({ ...JOB, jobId: "1" });
    const refs = Array.from({ length: 20 }, (_, i) => ({ ...JOB, name: `${NAME}${i}`, jobId: `${100 + i}` }));
    site.jobs = refs.map(({ name, jobId }) => ({ name, jobId, state: "RUNNING" }));
    for (const ref of refs) watch.expect(ref);
    const before = site.count("squeue");
    for (let s = 0; s < 120; s++) {
      clock.ms += 1000;
      const known = await Promise.all(refs.map((ref) => watch.state(ref, { until: "sure" })));
      assertEquals(new Set(known.map(({ status }) => status)), new Set(["alive"]), `after ${s} s`);
    }
    // Every 10 s it would be 12.
    assert(site.count("squeue") - before <= 7, `${site.count("squeue") - before} lists`);
    assert(site.count("scontrol", "-a") <= 80, `${site.count("scontrol", "-a")} questions`);
    assertEquals(site.notices.length, 1);
    assertStringIncludes(site.notices[0]!, "squeue's answers are older than their questions here");
  });

  it("does not hide for longer than its age that a job has ended", async () => {
    const { site, next } = setUp([MINE]);
    site.cacheMs = 60_000;
    await next();
    site.jobs = [{ ...MINE, state: "FAILED" }];
    let known = await next();
    for (let i = 0; i < 8 && known.status !== "dead"; i++) known = await next();
    assertEquals(brief(known), "dead by job: FAILED");
  });
});

describe("the questions of a JobWatch", () => {
  const other = { host: "there", pid: 2, user: "bob", uid: UID + 1 };
  const ofOthers = (n: number): JobRef => ({
    ...JOB,
    name: `furu-other-${n}`,
    jobId: `${n}`,
    submitter: other,
  });

  it("are one list per interval, however often and about how many jobs it is asked", async () => {
    const { site, watch, next } = setUp();
    site.jobs = Array.from({ length: 20 }, (_, i) => ({ ...MINE, jobId: 20 + i, name: `furu-${i}` }));
    const refs = site.jobs.map(({ name, jobId }) => ({ ...JOB, name, jobId: `${jobId}` }));
    for (const ref of refs) await watch.state(ref);
    await Promise.all(refs.map((ref) => watch.state(ref)));
    assertEquals(site.count("squeue"), 1);
    // Another watch of the same process asks nothing of its own.
    const second = new JobWatch({ clock: site.clock, self, isGone: () => false }, site.client);
    await second.state(refs[0]!);
    assertEquals(site.count("squeue"), 1);
    await next(refs[0]);
    assertEquals(site.count("squeue"), 2);
    assertEquals(site.count("scontrol", "-a"), 0);
  });

  it("about jobs of other users are the same one", async () => {
    const { site, watch, clock } = setUp();
    const refs = Array.from({ length: 20 }, (_, n) => ofOthers(n + 100));
    site.jobs = refs.map(({ name, jobId }) => ({ ...MINE, name, jobId: jobId!, uid: UID + 1 }));
    for (let s = 0; s < 30; s++) {
      const known = await Promise.all(refs.map((ref) => watch.state(ref)));
      assertEquals(new Set(known.map(({ status }) => status)), new Set(["alive"]));
      clock.ms += 1000;
    }
    assertEquals(site.count("squeue"), 3);
    assertEquals(
      site.slurm.calls.at(-1)?.find((arg) => arg.startsWith("--user=")),
      `--user=${UID},${UID + 1}`,
    );
  });

  it("about jobs of whom nobody knows whose they are, are by their ids", async () => {
    const { site, watch, next } = setUp();
    const refs = [1, 2, 3].map((n): JobRef => ({ ...ofOthers(n), submitter: undefined, foreign: true }));
    for (const ref of refs) await watch.state(ref);
    await next(refs[0]);
    const asked = site.slurm.calls.flat().filter((arg) => arg.startsWith("--jobs="));
    assertEquals(asked, ["--jobs=1", "--jobs=1,2,3"]);
  });

  it("about hundreds of jobs that were forgotten long ago are few lists", async () => {
    const { site, watch } = setUp([], true);
    const refs = Array.from({ length: 200 }, (_, i) => ({ ...JOB, name: `furu-${i}`, jobId: `${i + 1}` }));
    const inTurn = refs.slice(0, 100);
    for (const ref of inTurn) {
      assertObjectMatch(await watch.state(ref, { until: "sure" }), { reason: "vanished" });
    }
    const known = await Promise.all(refs.map((ref) => watch.state(ref, { until: "sure" })));
    assertEquals(new Set(known.map(({ status }) => status)), new Set(["dead"]));
    assertEquals(site.count("squeue"), 1);
    assertEquals(site.count("scontrol", "-a"), 200);
    assertEquals(site.clock.ms, 0);
  });

  it("about very many single jobs are put off, and come in the end", async () => {
    const { site, watch } = setUp();
    const refs = Array.from({ length: 300 }, (_, i) => ({ ...JOB, name: `furu-${i}`, jobId: `${i + 1}` }));
    const known = await Promise.all(refs.map((ref) => watch.state(ref, { until: "sure" })));
    assertEquals(new Set(known.map(({ status }) => status)), new Set(["dead"]));
    assert(site.clock.ms >= 20_000 && site.clock.ms <= 60_000, `${site.clock.ms}`);
  });

  it("to the accounting are one for many that are absent, where there is one", async () => {
    const { site, watch } = setUp();
    const refs = Array.from({ length: 20 }, (_, i) => ({ ...JOB, name: `furu-${i}`, jobId: `${i + 1}` }));
    site.accounted = refs.map(({ name, jobId }, i) => ({
      name,
      jobId: jobId!,
      state: i === 0 ? "NODE_FAIL" : "OUT_OF_MEMORY",
    }));
    const known = await Promise.all(refs.map((ref) => watch.state(ref, { until: "sure" })));
    assertEquals(known.map((each): string => each.status === "dead" ? each.reason : each.status), [
      "node-failure",
      ...Array.from({ length: 19 }, () => "out-of-memory"),
    ]);
    // One whether it works, and one for all of them. Of one that could be begun again Slurm itself is asked.
    assertEquals(site.count("sacct"), 2);
    assertEquals(site.count("scontrol", "-a"), 1);
  });

  it("to an accounting that lags count only for what is over", async () => {
    const { site, next } = setUp();
    site.accounted = [MINE];
    assertObjectMatch(await next(), { status: "dead", reason: "vanished" });
  });

  it("are about jobs that somebody still asks about", async () => {
    const { site, watch, clock } = setUp();
    const strangers = [1, 2].map((n): JobRef => ({ ...ofOthers(n), submitter: undefined, foreign: true }));
    await watch.state(strangers[0]!);
    clock.ms += 60_000;
    await watch.state(strangers[1]!);
    const asked = site.slurm.calls.flat().filter((arg) => arg.startsWith("--jobs="));
    assertEquals(asked, ["--jobs=1", "--jobs=2"]);
  });
});
