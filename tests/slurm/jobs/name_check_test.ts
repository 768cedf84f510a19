import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { listedName } from "../../../lib/slurm/jobs/name_check.ts";
import { FakeSite, type SiteJob } from "../fake_site.ts";

const NAME = "furu-0123abcd-1";
const JOB = { jobId: "7", cluster: "here" };
const PENDING = { jobId: 7, name: NAME, state: "PENDING" };

function setUp(job: SiteJob) {
  const site = new FakeSite();
  site.jobs = [job];
  return { site, ask: () => listedName(site.client, NAME, JOB) };
}

describe("listedName()", () => {
  it("asks a site back once that leaves names as they are", async () => {
    const { site, ask } = setUp(PENDING);
    for (let i = 0; i < 3; i++) assertEquals(await ask(), undefined);
    assertEquals(site.count("scontrol", "7"), 1);
    assertEquals(site.notices, []);
  });

  const marks: [Partial<SiteJob>, string][] = [
    [{ comment: `furu:${NAME}` }, `Jobs are known by their comment 'furu:${NAME}'`],
    [{ comment: "x", command: `/runs/${NAME}.sh` }, `by the path of their script, /runs/${NAME}.sh`],
    [{ command: "/spool/script" }, "Jobs are known by their ids alone"],
  ];
  for (const [mark, words] of marks) {
    it(`says once what a renamed job is known by: ${Object.keys(mark).join(" and ")}`, async () => {
      const { site, ask } = setUp({ ...PENDING, name: "site-1", ...mark });
      assertEquals([await ask(), await ask()], ["site-1", "site-1"]);
      assertEquals(site.notices.length, 1);
      assertStringIncludes(site.notices[0]!, `this site rewrites the names of jobs: '${NAME}' is 'site-1'`);
      assertStringIncludes(site.notices[0]!, words);
    });
  }

  it("asks again at the next submission while Slurm does not answer", async () => {
    const { site, ask } = setUp(PENDING);
    site.down.add("scontrol");
    assertEquals(await ask(), undefined);
    site.down.clear();
    await ask();
    await ask();
    assertEquals(site.count("scontrol", "7"), 2);
  });
});
