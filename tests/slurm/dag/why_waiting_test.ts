import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { jobState } from "../../../lib/slurm/client/job_state.ts";
import { type WaitingJob, whyDagWaits } from "../../../lib/slurm/dag/why_waiting.ts";

function job(jobId: string, state: string, reason = "", own = true): WaitingJob {
  return { jobId, own, known: { ...jobState(state, reason), evidence: "list", restarts: 0 } };
}

describe("whyDagWaits()", () => {
  const cases: { what: string; jobs: WaitingJob[]; says: string | undefined }[] = [
    {
      what: "jobs that run",
      jobs: [job("1", "RUNNING"), job("2", "PENDING", "Dependency")],
      says: undefined,
    },
    {
      what: "jobs that others come before",
      jobs: [job("1", "PENDING", "Priority"), job("2", "PENDING", "Priority")],
      says: "2 jobs (as 1) waits for its turn: PENDING (Priority), others come first",
    },
    {
      what: "a job that is held after failed launches",
      jobs: [job("1", "PENDING", "launch failed requeued held")],
      says: "held after failed launches: see its log, then 'scontrol release' it",
    },
    {
      what: "a job that stands still",
      jobs: [job("1", "SUSPENDED"), job("2", "PENDING", "Dependency")],
      says: "Slurm job 1 waits for a change: SUSPENDED",
    },
    {
      what: "a job of another run",
      jobs: [job("7", "PENDING", "Resources", false)],
      says: "Slurm job 7 of another run waits for its turn: PENDING (Resources), the nodes are busy",
    },
  ];
  for (const { what, jobs, says } of cases) {
    it(`tells of ${what}`, () => {
      const said = whyDagWaits({ jobs, unsubmitted: [] })?.text;
      if (says === undefined) assertEquals(said, undefined);
      else assertStringIncludes(said ?? "", says);
    });
  }

  it("tells of a Slurm that is silent and of what cannot be submitted, with a key that stays as time passes", () => {
    const view = (forMs: number) => ({
      jobs: [],
      unsubmitted: [{ of: "2 jobs of spec 'gpu'", why: "a limit" }],
      silence: { forMs, text: "Unable to contact slurm controller" },
    });
    const [first, second] = [whyDagWaits(view(61_000)), whyDagWaits(view(4_000_000))];
    assertStringIncludes(first!.text, "this run waits for an answer of Slurm, for 1m 1s by now: Unable");
    assertStringIncludes(first!.text, "2 jobs of spec 'gpu' waits for a limit");
    assertEquals(first!.key, second!.key);
  });
});
