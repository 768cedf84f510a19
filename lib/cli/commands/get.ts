import { defineCommand } from "../program/command.ts";
import { listFlag, switchFlag } from "../program/flag.ts";
import { findArtifact } from "../roots/find_artifact.ts";
import { valueText } from "../view/value_text.ts";

const flags = {
  set: listFlag("KEY=VALUE", "A parameter of the task, as data.size=10 (may be repeated)", { short: "s" }),
  force: switchFlag("Compute it again, stored or not", { short: "f" }),
};

/** `furu get`: the value of one artifact. */
export const getCommand = defineCommand({
  args: (program) => program.script ? "[TASK]" : "MODULE[#export]",
  arity: (program) => ({ least: program.script ? 0 : 1, most: 1 }),
  description: [
    "Prints the value of one artifact as JSON: of a task with the parameters given by --set, whose " +
    "types come from the task's schema, or of an artifact that is exported. What is missing is " +
    "computed in this process, one artifact at a time.",
    "Dates are given as 2026-01-31T08:30 (UTC unless there is an offset), bytes as base64:... or " +
    "hex:...; lists, sets, objects and maps as JSON or part by part, as layers.0.size=10.",
  ],
  flags,
  examples: (program) => {
    const task = program.script ? "Train" : "pipeline.ts#Train";
    return [
      [`${task} --set lr=0.1 --set data.size=10`, "the value of this task with these parameters"],
      ...(program.script
        ? []
        : [["pipeline.ts#best", "the value of an artifact that the module exports"]] as const),
    ];
  },
  async run(input) {
    const artifact = await findArtifact(input);
    const value = await input.engine.get(artifact, { force: input.flags.force });
    input.io.out(`${valueText(value)}\n`);
    return 0;
  },
});
