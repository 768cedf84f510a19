import { LEAST_DIGITS } from "../../catalog/find_artifacts.ts";
import { artifactDiff } from "../../explain/artifact_diff.ts";
import { identityOfArtifact } from "../../explain/why.ts";
import { diffJson, diffText } from "../view/diff_text.ts";
import { artifactsBelow } from "../view/why_text.ts";
import { defineCommand } from "../program/command.ts";
import { readableStore } from "../program/readable_store.ts";
import { findReference } from "../roots/find_reference.ts";
import { loadTarget } from "../roots/target.ts";

/** `furu diff`: in what two artifacts differ. */
export const diffCommand = defineCommand({
  args: (program) => program.script ? "HASH HASH" : "HASH HASH [MODULE[#export]]",
  arity: (program) => ({ least: 2, most: program.script ? 2 : 3 }),
  description: [
    "Compares two artifacts: the parameters in which they differ, with the old and the new value, the " +
    "version of the task, and of dependencies that differ in which of their own fields; then who " +
    "computed each when, the sizes and beginnings of the values, and whether the code was the same.",
    `HASH is a whole hash, its first digits (at least ${LEAST_DIGITS}), or an artifact as furu prints it: ` +
    "toy/Train(4f0c12ab). What is not stored is looked for among those of MODULE.",
    "The exit code is 0 whether they differ or not.",
  ],
  flags: {},
  examples: () => [
    ["4f0c12ab 99ab01cd", "two stored artifacts"],
    ["4f0c12ab 99ab01cd --json", "the same for programs"],
  ],
  async run({ args, globals, io, program, engine }) {
    const [a = "", b = "", ...modules] = args;
    const store = await readableStore(engine, { mayLack: true });
    const [old, now] = [
      await findReference({ args: [a, ...modules], io, program, engine }),
      await findReference({ args: [b, ...modules], io, program, engine }),
    ];
    const hasRoots = program.script !== undefined || modules.length > 0;
    const artifacts = artifactsBelow(hasRoots ? (await loadTarget(program, modules, io)).roots : []);
    const known = (hash: string) => identityOfArtifact(artifacts.get(hash));
    const diff = await artifactDiff(store, old, now, known);
    const options = { color: io.color && !globals["no-color"], width: io.width };
    io.out(globals.json ? `${JSON.stringify(diffJson(diff))}\n` : diffText(diff, options));
    return 0;
  },
});
