import { defineCommand } from "../program/command.ts";

/** `furu cancel`: cancels the jobs of a run on Slurm. */
export const cancelCommand = defineCommand({
  args: () => "RUN",
  arity: () => ({ least: 1, most: 1 }),
  description: [
    "Cancels the jobs that a run on Slurm submitted. What is computed already stays.",
    "Only jobs that surely are the run's own are cancelled, by id, name, cluster and user. A run of another " +
    "user, or of a cluster that cannot be reached from here, is refused, and one that has ended is left alone.",
    "Exit codes: 0 all are cancelled, 1 some may go on or the run was refused, 2 wrong use.",
  ],
  flags: {},
  examples: () => [
    ["slurm-2026-11-20T204646822Z-ff9e95", "the id that 'furu run --slurm --detach' printed"],
  ],
  async run({ args: [runId = ""], globals, io, engine }) {
    const { cancelled, hadEnded, left } = await engine.cancel(runId);
    if (globals.json) io.out(`${JSON.stringify({ runId, cancelled, hadEnded, left })}\n`);
    else if (!globals.quiet) {
      io.out(
        hadEnded
          ? `run ${runId} has ended: nothing to cancel\n`
          : `cancelled ${cancelled === 1 ? "1 job" : `${cancelled} jobs`} of ${runId}\n`,
      );
    }
    for (const line of globals.json ? [] : left) io.err(`${line}\n`);
    return left.length === 0 ? 0 : 1;
  },
});
