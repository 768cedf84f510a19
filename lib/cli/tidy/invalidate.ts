import { readPins } from "../../tidy/pins.ts";
import { invalidation } from "../../tidy/remove_artifact.ts";
import { defineCommand } from "../program/command.ts";
import { divide, showOrApply } from "./apply.ts";
import { changeFlags, selectArtifacts } from "./select.ts";
import { openTidyStore } from "./tidy_store.ts";

/** `furu invalidate`: has artifacts computed again. */
export const invalidateCommand = defineCommand({
  args: () => "HASH|TASK|PATTERN...",
  arity: () => ({ least: 1, most: 1000 }),
  description: [
    "Has the next run compute artifacts again. Their results stay on disk as replaced ones, which " +
    "'furu gc --replaced' removes. First it shows which; --apply does it.",
    "What is computed now stays as it is. Pinned artifacts, and what a run on Slurm may load that has not " +
    "ended, need --force.",
    "Exit codes: 0 all of them are (or would be) computed again, 1 some stay as they are, 2 wrong use.",
  ],
  flags: changeFlags,
  examples: () => [
    ["4f0c12ab --apply", "one artifact"],
    ["houses/Train --where lr=0.1 --apply", "some of a sweep"],
  ],
  async run({ args, flags, globals, io, engine }) {
    const tidy = await openTidyStore(engine, { force: flags.force });
    const { context, graph, inUse } = tidy;
    const { store } = context;
    const { where, status, older } = flags;
    const pins = await readPins(store);
    const selected = selectArtifacts(graph, { args, where, status, older, pins }, store.root);
    const { going, staying } = divide(selected.filter(({ status }) => status === "DONE"), inUse);
    const removals = going.map((artifact) => invalidation(context, artifact, inUse));
    const words = { does: "invalidates", done: "invalidated" };
    return await showOrApply(tidy, { removals, staying, apply: flags.apply, mustAll: true, words }, {
      io,
      globals,
    });
  },
});
