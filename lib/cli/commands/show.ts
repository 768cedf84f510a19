import { FuruError } from "../../core/errors.ts";
import { systemMachine } from "../../core/system/system_machine.ts";
import { Store } from "../../store/store.ts";
import { table } from "../../ui/table.ts";
import { artifactText } from "../view/artifact_text.ts";
import { artifactView } from "../view/artifact_view.ts";
import { defineCommand } from "../program/command.ts";
import { findReference, isReference, LEAST_DIGITS } from "../roots/find_reference.ts";
import { findStored } from "../view/find_stored.ts";

/** `furu show`: what the store knows of an artifact. */
export const showCommand = defineCommand({
  args: (program) => program.script ? "HASH|TASK" : "HASH|TASK [MODULE[#export]]",
  arity: (program) => ({ least: 1, most: program.script ? 1 : 2 }),
  description: [
    "Shows what is stored of an artifact: its parameters, where its result and its logs are, who " +
    "computed it when and with what, its failures, and whether today's code is still the one that " +
    "computed it (of runs on Slurm).",
    `HASH is a whole hash, its first digits (at least ${LEAST_DIGITS}), or an artifact as furu prints ` +
    "it: toy/Train(4f0c12ab). TASK, the name of a task, lists what is stored of it.",
  ],
  flags: {},
  examples: () => [
    ["4f0c12ab", "the artifact whose hash begins so"],
    ["toy/Train", "all artifacts of this task"],
    ["4f0c12ab --json", "the same for programs"],
  ],
  async run({ args, globals, io, program, engine }) {
    const [written = ""] = args;
    // A name as 'Face' could be the beginning of a hash: what is there decides.
    const ofTask = written.includes("(") ? [] : await findStored(await engine.root(), "", written);
    if (ofTask.length > 0 || !isReference(written)) {
      const root = await engine.root();
      if (ofTask.length === 0) throw new FuruError(`Cannot find anything of task '${written}' in ${root}`);
      const rows = ofTask.map(({ hash, hasRecord }) => ({ name: written, hash, stored: hasRecord }));
      io.out(
        globals.json
          ? `${JSON.stringify(rows)}\n`
          : table(rows.map(({ hash, stored }) => [hash, stored ? "stored" : "no result"])).join("\n") + "\n",
      );
      return 0;
    }
    const found = await findReference({ args, io, program, engine });
    const store = new Store(systemMachine(), { root: await engine.root(), leaseSec: 120, heartbeatSec: 40 });
    const view = await artifactView(store, found);
    io.out(globals.json ? `${JSON.stringify(view)}\n` : artifactText(view));
    return view.faults === undefined ? 0 : 1;
  },
});
