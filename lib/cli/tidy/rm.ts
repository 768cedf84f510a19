import { artifactRemoval, unfinishedRemovals } from "../../tidy/remove_artifact.ts";
import { readPins } from "../../tidy/pins.ts";
import type { Removal } from "../../tidy/removal.ts";
import { defineCommand } from "../program/command.ts";
import { divide, showOrApply } from "./apply.ts";
import { changeFlags, selectArtifacts } from "./select.ts";
import { openTidyStore } from "./tidy_store.ts";

/** `furu rm`: removes artifacts. */
export const rmCommand = defineCommand({
  args: () => "HASH|TASK|PATTERN...",
  arity: () => ({ least: 1, most: 1000 }),
  description: [
    "Removes artifacts with all that is stored of them: results, files, failures, logs. First it shows what " +
    "would go; --apply does it. What depends on them stays, and needs them only to be computed again.",
    "What is computed now or queued stays in any case, and what that may load, as far as it is known. Pinned " +
    "artifacts, and what runs on Slurm that have not ended may load, stay without --force.",
    "When it is interrupted, the same command finishes it.",
    "Exit codes: 0 all of that is removed (or shown), 1 some of it stays, 2 wrong use.",
  ],
  flags: changeFlags,
  examples: () => [
    ["4f0c12ab --apply", "one artifact"],
    ["houses/Train --where lr=0.1", "what would go of a sweep"],
    ["'houses/**' --status failed --older 30d --apply", "what failed long ago"],
  ],
  async run({ args, flags, globals, io, engine }) {
    const tidy = await openTidyStore(engine, { force: flags.force });
    const { context, graph, inUse } = tidy;
    const { store } = context;
    const pins = await readPins(store);
    const { where, status, older } = flags;
    const selected = selectArtifacts(graph, { args, where, status, older, pins }, store.root);
    // What a removal that was interrupted has left has lost its parameters: it goes with whatever is named.
    const named = selectArtifacts(graph, { args, pins }, store.root);
    const wanted = [...new Set([...selected, ...unfinishedRemovals(named, inUse)])];
    const { going, staying } = divide(wanted, inUse);
    const removals: Removal[] = [];
    for (const artifact of going) removals.push(await artifactRemoval(context, artifact, inUse));
    const words = { does: "removes", done: "removed" };
    return await showOrApply(tidy, { removals, staying, apply: flags.apply, mustAll: true, words }, {
      io,
      globals,
    });
  },
});
