import { sortEntries } from "../../catalog/conditions.ts";
import { catalogOf, readableStore } from "../program/readable_store.ts";
import { defineCommand } from "../program/command.ts";
import { switchFlag } from "../program/flag.ts";
import { findSelected, selectionFlags, statusAndTime, whereCondition } from "../roots/selection.ts";
import { entryJson, listText, tasksText } from "../view/list_text.ts";

const flags = {
  ...selectionFlags,
  long: switchFlag("Memory and processor time, host and run, too", { short: "l" }),
  all: switchFlag("All artifacts, however many there are", { short: "a" }),
};

/** Without a pattern, more artifacts than these are counted, not listed. */
const MOST_LISTED = 200;

/** `furu ls`: what there is in a store. */
export const lsCommand = defineCommand({
  args: () => "[TASK|PATTERN|HASH]...",
  arity: () => ({ least: 0, most: 1000 }),
  description: [
    "Lists what is stored: each artifact with its status, when it was computed, how long that took, its " +
    "size, and its parameters; of a sweep only those that differ. A store with more than " +
    `${MOST_LISTED} artifacts is listed by its tasks, unless some are asked for.`,
    "PATTERN is the name of a task, of a folder of tasks, or has *, ** and {a,b}: 'houses/*'.",
  ],
  flags,
  examples: () => [
    ["", "the whole store"],
    ["houses/Train --where lr=0.1 --sort seed", "some of a sweep"],
    ["--status failed --since 2d", "what failed in the last two days"],
    ["houses/Train --json", "for programs: one JSON array"],
  ],
  async run({ args, flags, globals, io, engine }) {
    const store = await readableStore(engine);
    const options = { color: io.color && !globals["no-color"], width: io.width, long: flags.long };
    const catalog = catalogOf(store);
    const where = whereCondition(flags.where);
    const found = await findSelected(store, args, catalog.list);
    const isFiltered = args.length > 0 || flags.where.length > 0 || flags.status !== undefined ||
      flags.since !== undefined || flags.sort !== undefined || flags.limit !== undefined || flags.all;
    if (!isFiltered && !globals.json && found.length > MOST_LISTED) {
      const counts = [...Map.groupBy(found, ({ name }) => name)].map(([name, group]) => {
        const done = group.filter(({ hasRecord }) => hasRecord).length;
        const running = group.filter(({ hasRecord, hasClaim }) => !hasRecord && hasClaim).length;
        return { name, done, running, other: group.length - done - running };
      });
      io.out(tasksText(counts, options));
      io.err(`${found.length} artifacts: name a task to list its artifacts, or give --all\n`);
      await catalog.keep();
      return 0;
    }
    const isWanted = statusAndTime(flags);
    const most = flags.limit ?? Infinity;
    // Where nothing else decides which are shown, those that are not need not be read.
    const isPlain = !where && flags.status === undefined && flags.since === undefined &&
      flags.sort === undefined;
    const read = isPlain && !flags.reverse ? found.slice(0, most) : found;
    let entries = (await catalog.entries(read, { where })).filter(isWanted);
    if (flags.sort !== undefined) entries = sortEntries(entries, flags.sort);
    if (flags.reverse) entries.reverse();
    const shown = entries.slice(0, most);
    if (globals.json) io.out(`${JSON.stringify(shown.map(entryJson))}\n`);
    else {
      io.out(listText(shown, options));
      const left = entries.length - shown.length + found.length - read.length;
      if (left > 0) io.err(`${left} more are not shown (--limit)\n`);
      if (entries.length === 0) io.err(`nothing of that is in ${store.root}\n`);
    }
    await catalog.keep();
    return 0;
  },
});
