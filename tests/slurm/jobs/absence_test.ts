import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { absence, absenceCounts, isForeign } from "../../../lib/slurm/jobs/absence.ts";

const self = { host: "here", pid: 1, user: "me" };
const other = { ...self, user: "somebody" };
const nobody = { host: "here", pid: 1 };

describe("absence()", () => {
  for (
    const { since, askedAt, gone } of [
      { since: undefined, askedAt: 0, gone: false },
      { since: undefined, askedAt: 50_000, gone: false },
      { since: 0, askedAt: 0, gone: false },
      { since: 0, askedAt: 9_999, gone: false },
      { since: 0, askedAt: 10_000, gone: true },
      { since: 5_000, askedAt: 14_999, gone: false },
      { since: 5_000, askedAt: 60_000, gone: true },
    ]
  ) {
    it(`of a job missing since ${since}, asked for at ${askedAt}, says ${gone ? "gone" : "wait"}`, () => {
      assertEquals(absence(since, askedAt, 10_000), { since: since ?? askedAt, gone });
    });
  }

  it("says gone at once where no second look is needed", () => {
    assertEquals(absence(undefined, 7, 0), { since: 7, gone: true });
  });
});

describe("absenceCounts()", () => {
  for (
    const { what, job, submitterGone = false, counts } of [
      { what: "a job of one's own", job: { jobId: "7", submitter: self }, counts: true },
      { what: "a job of unknown origin", job: { jobId: "7" }, counts: true },
      {
        what: "a job whose submitter's user is not known",
        job: { jobId: "7", submitter: nobody },
        counts: true,
      },
      { what: "a job of another user", job: { jobId: "7", submitter: other }, counts: false },
      { what: "a job that is noted as another user's", job: { jobId: "7", foreign: true }, counts: false },
      {
        what: "a job of another user who is gone",
        job: { submitter: other },
        submitterGone: true,
        counts: false,
      },
      { what: "a job that may be on its way", job: { submitter: self }, counts: false },
      {
        what: "a job whose submitter died before",
        job: { submitter: self },
        submitterGone: true,
        counts: true,
      },
      { what: "a name that nobody submits", job: {}, counts: true },
    ]
  ) {
    it(`is ${counts} for ${what}`, () => {
      assertEquals(absenceCounts(job, { self, isGone: () => submitterGone }), counts);
    });
  }
});

describe("isForeign()", () => {
  it("goes by the submitter's user where both are known", () => {
    assertEquals([self, other, nobody].map((submitter) => isForeign({ submitter }, self)), [
      false,
      true,
      false,
    ]);
  });
});
