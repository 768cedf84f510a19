import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { memoryKill } from "../../../lib/slurm/client/job_log.ts";

describe("memoryKill()", () => {
  it("finds the line by which Slurm says so", () => {
    const lines = [
      "slurmstepd-cpu1: error: StepId=1.batch exceeded memory limit (328343552 > 104857600), being killed",
      "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=12.batch. Some of your processes may have been killed.",
      "slurmstepd: error: Detected 1 oom_kill event in StepId=12.batch. Some of the step tasks have been OOM Killed.",
    ];
    for (const line of lines) assertEquals(memoryKill(`epoch 1\n${line}\nepoch 2\n`), line);
  });

  it("does not take a task's own words for Slurm's", () => {
    const log =
      "error: exceeded memory limit\nslurmstepd-cpu1: error: *** JOB 1 ON cpu1 CANCELLED AT 2026 ***\n";
    assertEquals(memoryKill(log), undefined);
  });
});
