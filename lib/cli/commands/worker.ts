import { UsageError } from "../../core/errors.ts";
import { defineCommand } from "../program/command.ts";
import { given, valueFlag, wholeNumber } from "../program/flag.ts";

/** `furu worker`: takes tasks from the queue of a run. Runs on Slurm start it themselves. */
export const furuWorkerCommand = defineCommand({
  args: () => "",
  arity: () => ({ least: 0, most: 0 }),
  description: [
    "Takes tasks from the queue of a run and computes them, until the run has ended or nothing was to " +
    "be done for a while. Runs on Slurm start such workers as jobs; by hand it works on any machine " +
    "that sees the store's folder. Ctrl-C: what runs is given back to the queue.",
    "Exit codes: 0 it has left, 1 nothing can be computed here, 2 wrong use.",
  ],
  flags: {
    run: valueFlag("DIR", "The run's folder: runs/<run id> of the store", (text) => text),
    spec: valueFlag(
      "SPEC",
      "Which tasks to take: those that need this spec (default: default)",
      (text) => text,
    ),
    slots: valueFlag(
      "N",
      "How many tasks to compute at the same time (default: as the run says)",
      (text) => wholeNumber(text, 1),
    ),
    job: valueFlag("KEY", "By what its launcher knows it; by hand leave it out", (text) => text),
  },
  examples: () => [
    ["--run furu-data/runs/slurm-2026-11-20T204646822Z-ff9e95", "helps with the tasks of spec default"],
  ],
  async run({ flags: { run, spec = "default", slots, job }, engine }) {
    if (run === undefined) throw new UsageError("Cannot work as the run's folder is missing: --run DIR");
    return await engine.worker(given({ dir: run, spec, slots, job }));
  },
});
