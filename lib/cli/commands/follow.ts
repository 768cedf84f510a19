import { defineCommand } from "../program/command.ts";
import { progressOf } from "./run_flags.ts";

/** `furu follow`: shows a run on Slurm that was submitted before. */
export const followCommand = defineCommand({
  args: () => "RUN",
  arity: () => ({ least: 1, most: 1 }),
  description: [
    "Follows a run on Slurm until it has ended, as 'furu run --slurm' does. Ctrl-C ends only the " +
    "following.",
    "Exit codes: 0 all roots are there, 1 something failed, 2 wrong use.",
  ],
  flags: {},
  examples: () => [
    ["slurm-2026-11-20T204646822Z-ff9e95", "the id that 'furu run --slurm --detach' printed"],
  ],
  async run({ args: [runId = ""], globals, engine }) {
    await engine.follow(runId, { progress: progressOf(globals) });
    return 0;
  },
});
