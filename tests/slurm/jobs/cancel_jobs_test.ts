import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { SlurmError } from "../../../lib/core/errors.ts";
import { cancelOurs, leftAlone, requireOurs } from "../../../lib/slurm/jobs/cancel_jobs.ts";
import type { JobRef } from "../../../lib/slurm/jobs/job_identity.ts";
import { JobWatch } from "../../../lib/slurm/jobs/job_watch.ts";
import { FakeSite, type SiteJob } from "../fake_site.ts";

const UID = Deno.uid()!;
const self = { host: "here", pid: 1, user: "me", uid: UID };
const NAME = "furu-0123abcd-1";
const JOB = { name: NAME, jobId: "7", cluster: "here", submitter: self } satisfies JobRef;
const MINE = { jobId: 7, name: NAME, state: "RUNNING" };

function setUp(jobs: SiteJob[]) {
  const site = new FakeSite();
  site.jobs = jobs;
  const watch = new JobWatch({ clock: site.clock, self, isGone: () => true }, site.client);
  const cancel = async (refs: JobRef[], options = {}) => {
    const done = await cancelOurs(site.client, watch, refs, options);
    const calls = site.slurm.calls.filter(([name]) => name === "scancel").map((call) =>
      call.slice(1).join(" ")
    );
    return { ...done, calls };
  };
  return { site, watch, cancel };
}

describe("cancelOurs()", () => {
  it("cancels what Slurm says is ours, by id, name, cluster and user", async () => {
    const { site, cancel } = setUp([MINE, { jobId: 8, name: "beside", state: "RUNNING" }]);
    const { cancelled, calls } = await cancel([JOB]);
    assertEquals({ cancelled, calls }, { cancelled: [JOB], calls: ["7"] });
    assertEquals(site.count("squeue"), 0);
    assertEquals((await cancel([JOB], { pendingOnly: true })).calls[1], "--state=PENDING 7");
  });

  it("knows ours by comment or script where the site rewrites names", async () => {
    for (const mark of [{ comment: `furu:${NAME}` }, { command: `/runs/${NAME}.sh` }]) {
      const { cancel } = setUp([{ ...MINE, name: "site", ...mark }]);
      assertEquals((await cancel([JOB])).calls, ["7"]);
    }
  });

  const foreign: [string, SiteJob[], JobRef, string][] = [
    ["that has its id since ids were reset", [{ ...MINE, name: "other" }], JOB, "another job, 'other'"],
    ["of its name and id of another user", [{ ...MINE, uid: UID + 1 }], JOB, "another job"],
    [
      "that another user submitted",
      [MINE],
      { ...JOB, submitter: { ...self, user: "bob", uid: UID + 1 } },
      "a job of bob",
    ],
    ["of another user who has the same name elsewhere", [MINE], { ...JOB, uid: UID + 1 }, "a job of"],
  ];
  for (const [what, jobs, ref, why] of foreign) {
    it(`leaves a job alone ${what}`, async () => {
      const { cancel } = setUp(jobs);
      const { calls, cancelled, notOurs } = await cancel([ref]);
      assertEquals({ calls, cancelled }, { calls: [], cancelled: [] });
      assertStringIncludes(notOurs[0]!.why, why);
    });
  }

  const unclear: [string, SiteJob[], JobRef, string][] = [
    ["without a cluster", [MINE], { ...JOB, cluster: undefined }, "the cluster that it was submitted to"],
    ["without a user", [MINE], { ...JOB, submitter: undefined }, "the user who submitted it"],
    [
      "of which only what Slurm calls it is left",
      [{ ...MINE, name: "site" }],
      { ...JOB, listedAs: "site" },
      "'site'",
    ],
  ];
  for (const [what, jobs, ref, why] of unclear) {
    it(`leaves a job alone ${what}, and says that it cannot tell`, async () => {
      const { calls, unknown } = await setUp(jobs).cancel([ref]);
      assertEquals(calls, []);
      assertStringIncludes(unknown[0]!.why, why);
    });
  }

  it("cancels nothing while Slurm does not answer, but what this very process submitted", async () => {
    const { site, watch, cancel } = setUp([MINE]);
    site.slurm.answers.sbatch = "9\n";
    const own = {
      ...JOB,
      name: "furu-own",
      ...await site.client.submit({ script: "/a.sh", name: "furu-own", options: [] }),
    };
    watch.expect(own);
    site.down.add("squeue").add("scontrol");
    const { calls, unknown } = await cancel([JOB, own]);
    assertEquals(calls, ["9"]);
    assertEquals(unknown, [{ ref: JOB, why: "Slurm does not answer" }]);
    assertEquals(
      leftAlone({ unknown, notOurs: [] }),
      `left 1 job alone: 7 (${NAME}): Slurm does not answer`,
    );
  });

  it("goes by the list where scontrol does not answer", async () => {
    const { site, cancel } = setUp([MINE, { ...MINE, jobId: 8, name: "other" }]);
    site.down.add("scontrol");
    const { calls, unknown } = await cancel([JOB, { ...JOB, jobId: "8" }]);
    assertEquals({ calls, unknown: unknown.length }, { calls: ["7"], unknown: 1 });
  });

  it("does not touch what has ended", async () => {
    const ended = setUp([{ ...MINE, state: "COMPLETED" }]);
    assertEquals(await ended.cancel([JOB]), {
      cancelled: [],
      ended: [JOB],
      notOurs: [],
      unknown: [],
      calls: [],
    });
    const gone = setUp([]);
    assertEquals((await gone.cancel([JOB])).ended, [JOB]);
  });

  it("finds a job whose id nobody wrote down", async () => {
    const { cancel } = setUp([MINE, { ...MINE, jobId: 8, uid: UID + 1 }, {
      ...MINE,
      jobId: 9,
      name: "other",
    }]);
    const { jobId: _, ...nameless } = JOB;
    assertEquals((await cancel([nameless])).calls, ["7"]);
  });

  it("asks about very many with one question", async () => {
    const refs = Array.from({ length: 1000 }, (_, i) => ({ ...JOB, name: `furu-${i}`, jobId: `${i + 1}` }));
    const jobs = refs.map(({ name, jobId }) => ({ name, jobId, state: "PENDING" }));
    const { site, cancel } = setUp(jobs);
    jobs[5]!.name = "other";
    const { cancelled, notOurs } = await cancel(refs);
    assertEquals({ cancelled: cancelled.length, notOurs: notOurs.length }, { cancelled: 999, notOurs: 1 });
    assertEquals([site.count("squeue"), site.count("scontrol", "-a"), site.count("scancel")], [1, 1, 1]);
  });

  it("cancels a task of an array, and no sibling", async () => {
    const tasks = [0, 1].map((index) => ({ ...MINE, index }));
    assertEquals((await setUp(tasks).cancel([{ ...JOB, jobId: "7_1" }])).calls, ["7_1"]);
    assertEquals((await setUp([tasks[0]!]).cancel([{ ...JOB, jobId: "7_1" }])).calls, []);
  });

  it("throws scancel's own words", async () => {
    const { site, cancel } = setUp([MINE]);
    site.slurm.answers.scancel = { code: 1, stderr: "scancel: error: Access denied\n" };
    await assertRejects(
      () => cancel([JOB]),
      SlurmError,
      "Cannot cancel job 7: scancel: error: Access denied",
    );
  });
});

describe("requireOurs()", () => {
  it("gives what Slurm says of a job that is ours, and refuses any other", async () => {
    const { site } = setUp([MINE]);
    assertEquals((await requireOurs(site.client, JOB, "requeue")).map(({ name }) => name), [NAME]);
    const refuses = (words: string) =>
      assertRejects(
        () => requireOurs(site.client, JOB, "requeue"),
        SlurmError,
        `Cannot requeue job 7 (${NAME}) as ${words}`,
      );
    site.jobs = [{ ...MINE, name: "other" }];
    await refuses("it is another one, 'other'");
    site.jobs = [];
    await refuses("Slurm knows no such job");
    site.down.add("scontrol");
    await refuses("Slurm does not answer");
  });
});
