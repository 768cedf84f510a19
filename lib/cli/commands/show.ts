import { FuruError } from "../../core/errors.ts";
import { artifactText } from "../view/artifact_text.ts";
import { artifactView } from "../view/artifact_view.ts";
import { defineCommand } from "../program/command.ts";
import { switchFlag } from "../program/flag.ts";
import { findArtifacts, LEAST_DIGITS, taskPattern } from "../../catalog/find_artifacts.ts";
import { dependentsOf } from "../../catalog/references.ts";
import { readEntries } from "../../catalog/read_entries.ts";
import { findReference, isPin, isReference } from "../roots/find_reference.ts";
import { readableStore } from "../program/readable_store.ts";
import { entryJson, listText } from "../view/list_text.ts";

/** `furu show`: what the store knows of an artifact. */
export const showCommand = defineCommand({
  args: (program) => program.script ? "HASH|TASK" : "HASH|TASK [MODULE[#export]]",
  arity: (program) => ({ least: 1, most: program.script ? 1 : 2 }),
  description: [
    "Shows what is stored of an artifact: its parameters, where its result and its logs are, who " +
    "computed it when and with what, its failures, and whether today's code is still the one that " +
    "computed it.",
    `HASH is a whole hash, its first digits (at least ${LEAST_DIGITS}), or an artifact as furu prints ` +
    "it: toy/Train(4f0c12ab). TASK, the name of a task, lists what is stored of it.",
  ],
  flags: {
    dependents: switchFlag("Also the stored artifacts that depend on it: all records are read for that"),
  },
  examples: () => [
    ["4f0c12ab", "the artifact whose hash begins so"],
    ["toy/Train", "all artifacts of this task"],
    ["4f0c12ab --json", "the same for programs"],
  ],
  async run({ args, flags, globals, io, program, engine }) {
    const [written = ""] = args;
    // A name as 'Face' could be the beginning of a hash: what is there decides.
    const store = await readableStore(engine, { mayLack: true });
    const ofTask = written.includes("(") ? [] : await findArtifacts(store, taskPattern(written));
    if (ofTask.length > 0 || !isReference(written) && !await isPin(engine, written)) {
      if (ofTask.length === 0) {
        throw new FuruError(`Cannot find anything of task '${written}' in ${store.root}`);
      }
      const entries = await readEntries(store, ofTask);
      const options = { color: io.color && !globals["no-color"], width: io.width };
      io.out(globals.json ? `${JSON.stringify(entries.map(entryJson))}\n` : listText(entries, options));
      return 0;
    }
    const found = await findReference({ args, io, program, engine });
    const view = await artifactView(store, found);
    if (flags.dependents) view.neededBy = await dependentsOf(store, found.hash);
    io.out(globals.json ? `${JSON.stringify(view)}\n` : artifactText(view));
    return view.faults === undefined ? 0 : 1;
  },
});
