import { defineCommand } from "../program/command.ts";

/** `furu cancel`: cancels the jobs of a run on Slurm. */
export const cancelCommand = defineCommand({
  args: () => "RUN",
  arity: () => ({ least: 1, most: 1 }),
  description: [
    "Cancels the jobs that a run on Slurm submitted. What is computed already stays.",
  ],
  flags: {},
  examples: () => [
    ["slurm-2026-11-20T204646822Z-ff9e95", "the id that 'furu run --slurm --detach' printed"],
  ],
  async run({ args: [runId = ""], globals, io, engine }) {
    const cancelled = await engine.cancel(runId);
    if (globals.json) io.out(`${JSON.stringify({ runId, cancelled })}\n`);
    else if (!globals.quiet) {
      io.out(`cancelled ${cancelled === 1 ? "1 job" : `${cancelled} jobs`} of ${runId}\n`);
    }
    return 0;
  },
});
