import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  jobTime,
  judgeSignal,
  type SignalFacts,
  type SignalVerdict,
} from "../../../lib/slurm/client/job_time.ts";
import { type JobDetail, parseJobs } from "../../../lib/slurm/client/parse_jobs.ts";

/** What scontrol prints of a job of two minutes that has run for 20 seconds. */
function detail(changes: Record<string, string> = {}): JobDetail {
  const fields: Record<string, string> = {
    JobState: "RUNNING",
    Reason: "None",
    Requeue: "1",
    Restarts: "0",
    RunTime: "00:00:20",
    TimeLimit: "00:02:00",
    StartTime: "2026-11-20T20:00:00",
    EndTime: "2026-11-20T20:02:00",
    SuspendTime: "None",
    SecsPreSuspend: "0",
    ...changes,
  };
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${value}`).join(" ");
  return parseJobs(`JobId=7 JobName=furu-x UserId=me(1000) GroupId=me(1000) ${rest}\n`)![0]!;
}

describe("jobTime()", () => {
  const cases: [why: string, changes: Record<string, string>, expected: ReturnType<typeof jobTime>][] = [
    ["by differences of Slurm's own times", {}, {
      running: true,
      timedOut: false,
      leftMs: 100_000,
      cutShort: false,
    }],
    ["with the grace of a preemption", { EndTime: "2026-11-20T20:00:50" }, {
      running: true,
      timedOut: false,
      leftMs: 30_000,
      cutShort: true,
    }],
    ["after a suspension of ten minutes", {
      SuspendTime: "2026-11-20T20:10:10",
      SecsPreSuspend: "10",
      EndTime: "2026-11-20T20:12:00",
    }, { running: true, timedOut: false, leftMs: 100_000, cutShort: false }],
    ["without an end", { EndTime: "Unknown", TimeLimit: "UNLIMITED" }, {
      running: true,
      timedOut: false,
      cutShort: false,
    }],
    ["of days", { TimeLimit: "1-00:02:00", EndTime: "2026-11-21T20:02:00" }, {
      running: true,
      timedOut: false,
      leftMs: 86_500_000,
      cutShort: false,
    }],
    ["that was cancelled", { JobState: "COMPLETING" }, { running: false, timedOut: false, cutShort: false }],
    ["whose time is over", { JobState: "TIMEOUT" }, { running: false, timedOut: true, cutShort: false }],
  ];
  for (const [why, changes, expected] of cases) {
    it(`reads a job ${why}`, () => assertEquals(jobTime(detail(changes)), expected));
  }
});

describe("judgeSignal()", () => {
  const running = (leftMs?: number, cutShort = false) => ({
    running: true,
    timedOut: false,
    cutShort,
    ...(leftMs === undefined ? {} : { leftMs }),
  });
  const ending = { running: false, timedOut: false, cutShort: false };
  const hour = { timeMin: 60 };
  const cases: [why: string, facts: SignalFacts, expected: SignalVerdict][] = [
    ["USR1 before the end: planned", { signal: "SIGUSR1", ...hour, said: running(130_000) }, {
      due: true,
      planned: true,
      leftMs: 130_000,
    }],
    ["USR1 long before: left alone", { signal: "SIGUSR1", ...hour, said: running(3_000_000) }, {
      due: false,
      planned: false,
      leftMs: undefined,
    }],
    ["USR1 with a preemption's grace", { signal: "SIGUSR1", ...hour, said: running(600_000, true) }, {
      due: true,
      planned: false,
      leftMs: 600_000,
    }],
    ["USR1, Slurm is silent, the plan says that it is time", {
      signal: "SIGUSR1",
      ...hour,
      plannedLeftMs: 150_000,
    }, { due: true, planned: true, leftMs: 150_000 }],
    ["USR1, Slurm is silent, the plan says that there is time", {
      signal: "SIGUSR1",
      ...hour,
      plannedLeftMs: 3_000_000,
    }, { due: true, planned: false, leftMs: undefined }],
    ["USR1 where nothing is known", { signal: "SIGUSR1" }, { due: true, planned: true, leftMs: undefined }],
    ["TERM by scancel: KillWait", { signal: "SIGTERM", ...hour, said: ending, killWaitSec: 30 }, {
      due: true,
      planned: false,
      leftMs: 30_000,
    }],
    ["TERM by scancel, KillWait unknown", { signal: "SIGTERM", ...hour, said: ending }, {
      due: true,
      planned: false,
      leftMs: undefined,
    }],
    ["TERM at the job's end", {
      signal: "SIGTERM",
      ...hour,
      said: ending,
      plannedLeftMs: -1000,
      killWaitSec: 30,
    }, { due: true, planned: true, leftMs: 30_000 }],
    ["TERM with a preemption's grace", {
      signal: "SIGTERM",
      ...hour,
      said: running(60_000, true),
      killWaitSec: 30,
    }, { due: true, planned: false, leftMs: 60_000 }],
    ["TERM by hand", { signal: "SIGTERM", ...hour, said: running(3_000_000), killWaitSec: 30 }, {
      due: true,
      planned: false,
      leftMs: 30_000,
    }],
    ["TERM, Slurm is silent", { signal: "SIGTERM", ...hour, plannedLeftMs: 3_000_000 }, {
      due: true,
      planned: false,
      leftMs: undefined,
    }],
  ];
  for (const [why, facts, expected] of cases) {
    it(why, () => assertEquals(judgeSignal(facts), expected));
  }
});
