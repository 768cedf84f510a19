import { UsageError } from "../../core/errors.ts";
import { tellFacts } from "../../doctor/machine/tell_facts.ts";
import { TRIAL_PREFIX } from "../../doctor/machine/store_facts.ts";
import { defineCommand } from "../program/command.ts";
import { valueFlag } from "../program/flag.ts";

const flags = {
  folder: valueFlag("NAME", "The name of the folder in which the store's filesystem is tried", (text) => {
    if (text.startsWith(TRIAL_PREFIX) && !text.includes("/")) return text;
    throw new UsageError(`a name that begins with ${TRIAL_PREFIX} is needed: current value is '${text}'`);
  }),
  entry: valueFlag("URL", "The module that the program was started with", (text) => text),
};

/** The hidden command `furu doctor-probe`: looks at machine and store, and tells a line of JSON for each. */
export const doctorProbeCommand = defineCommand({
  args: () => "",
  arity: () => ({ least: 0, most: 0 }),
  description: ["What 'furu doctor' starts to look at machine and store: whatever hangs, hangs there."],
  flags,
  examples: () => [
    ["--folder .furu-doctor-1 --entry file:///data/pipeline.ts", "as 'furu doctor' starts it"],
  ],
  async run({ flags: { folder, entry }, io }) {
    if (folder === undefined || entry === undefined) {
      throw new UsageError("Cannot look at anything as --folder and --entry are needed");
    }
    await tellFacts({ name: folder, entry }, (line) => io.out(`${JSON.stringify(line)}\n`));
    return 0;
  },
});
