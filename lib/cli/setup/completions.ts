import { UsageError } from "../../core/errors.ts";
import { didYouMean } from "../../core/nearest.ts";
import { quote } from "../../slurm/client/script.ts";
import { furuCommand } from "../../worker/command.ts";
import { defineCommand } from "../program/command.ts";
import { completionScript, SHELLS } from "./shell_scripts.ts";

/** `furu completions`: what makes a shell complete. */
export const completionsCommand = defineCommand({
  args: () => SHELLS.join("|"),
  arity: () => ({ least: 1, most: 1 }),
  description: [
    "Prints a script for a shell that completes commands, options and their values, names of tasks, " +
    "hashes, runs and modules after 'furu'. It asks this furu, wherever it is, so that it also works where " +
    "'furu' is an alias, as: alias furu='deno task -q furu'.",
  ],
  flags: {},
  examples: () => [
    ["bash", 'for ~/.bashrc: eval "$(furu completions bash)"'],
    ["zsh", 'for ~/.zshrc, after compinit: eval "$(furu completions zsh)"'],
    ["fish", "for ~/.config/fish/completions/furu.fish"],
  ],
  run({ args: [written = ""], io }) {
    const shell = SHELLS.find((each) => each === written);
    if (shell === undefined) {
      const near = didYouMean(written, SHELLS);
      throw new UsageError(`Cannot complete in '${written}': allowed are ${SHELLS.join(", ")}${near}`);
    }
    io.out(completionScript(shell, furuCommand().map(quote).join(" ")));
    return Promise.resolve(0);
  },
});
