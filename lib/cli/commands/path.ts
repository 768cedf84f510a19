import { defineCommand } from "../program/command.ts";
import { LEAST_DIGITS } from "../../catalog/find_artifacts.ts";
import { findReference } from "../roots/find_reference.ts";
import { switchFlag } from "../program/flag.ts";

const flags = {
  dir: switchFlag("Print the artifact's folder (logs, files, failures) instead of its record"),
};

/** `furu path`: where an artifact is stored. */
export const pathCommand = defineCommand({
  args: (program) => program.script ? "HASH" : "HASH [MODULE[#export]]",
  arity: (program) => ({ least: 1, most: program.script ? 1 : 2 }),
  description: [
    "Prints the file with an artifact's result or, where there is none, the folder with what is kept " +
    "of its attempts.",
    `HASH is a whole hash, its first digits (at least ${LEAST_DIGITS}), or an artifact as furu prints ` +
    "it: toy/Train(4f0c12ab). An artifact that is not in the store is looked for among those that the " +
    "roots of the module need.",
  ],
  flags,
  examples: () => [
    ["4f0c12ab", "the record of the artifact whose hash begins so"],
    ["4f0c12ab --dir", "the folder with its files and logs"],
  ],
  async run({ args, flags, globals, io, program, engine }) {
    const artifact = await findReference({ args, io, program, engine });
    const path = flags.dir || (!artifact.hasRecord && artifact.hasHome) ? artifact.home : artifact.record;
    const { hash, record, home, hasRecord, hasHome } = artifact;
    io.out(
      globals.json
        ? `${JSON.stringify({ hash, name: artifact.name, record, home, hasRecord, hasHome })}\n`
        : `${path}\n`,
    );
    return 0;
  },
});
