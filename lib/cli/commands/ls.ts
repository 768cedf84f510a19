import { ANY_ARTIFACT, findArtifacts, parsePattern, taskNamesOf } from "../../catalog/find_artifacts.ts";
import { parseCondition, parseMoment, sortEntries } from "../../catalog/conditions.ts";
import { type ArtifactEntry, readEntries } from "../../catalog/read_entries.ts";
import { FuruError, UsageError } from "../../core/errors.ts";
import { didYouMean } from "../../core/nearest.ts";
import { readableStore } from "../program/readable_store.ts";
import { defineCommand } from "../program/command.ts";
import { listFlag, switchFlag, valueFlag, wholeNumber } from "../program/flag.ts";
import { entryJson, listText, tasksText } from "../view/list_text.ts";

const STATUSES: Readonly<Record<string, ArtifactEntry["status"]>> = {
  done: "DONE",
  running: "IN_PROGRESS",
  failed: "FAILED",
  nothing: "TODO",
  damaged: "DAMAGED",
};

const flags = {
  status: valueFlag(
    "STATUS",
    `Only ${Object.keys(STATUSES).join(", ")} (several with commas)`,
    parseStatuses,
    {
      short: "s",
    },
  ),
  where: {
    ...listFlag("CONDITION", "Only where a parameter is so, as lr=0.1 or data.size>10 (may be repeated)", {
      short: "w",
    }),
  },
  since: valueFlag("TIME", "Only what was computed, or failed, since: 2d, 3h, 2026-11-29", (text) => text),
  sort: valueFlag("ORDER", "By time, size, duration, memory, status, hash, or a parameter", (text) => text),
  reverse: switchFlag("The other way round", { short: "r" }),
  limit: valueFlag("N", "At most so many", (text) => wholeNumber(text, 1), { short: "n" }),
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
    const names = await taskNamesOf(store);
    const patterns = args.map((arg) => parsePattern(arg, names));
    const found = args.length === 0
      ? await findArtifacts(store, ANY_ARTIFACT)
      : (await Promise.all(patterns.map(async (pattern, i) => {
        const some = await findArtifacts(store, pattern);
        if (some.length > 0) return some;
        const hint = didYouMean(args[i]!, names);
        throw new FuruError(`Cannot find anything of '${args[i]}' in ${store.root}${hint}`);
      }))).flat();
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
      return 0;
    }
    const conditions = flags.where.map((written) => {
      try {
        return parseCondition(written);
      } catch (error) {
        if (error instanceof UsageError) throw new UsageError(`Cannot use option --where: ${error.message}`);
        throw error;
      }
    });
    const since = flags.since === undefined ? undefined : sinceOf(flags.since);
    const once = [...new Map(found.map((each) => [`${each.name} ${each.hash}`, each])).values()];
    let entries = (await readEntries(store, once)).filter((entry) =>
      (flags.status === undefined || flags.status.includes(entry.status)) &&
      (since === undefined || Date.parse(entry.at ?? "") >= since) &&
      conditions.every((condition) => condition(entry))
    );
    if (flags.sort !== undefined) entries = sortEntries(entries, flags.sort);
    if (flags.reverse) entries.reverse();
    const most = flags.limit ?? Infinity;
    const shown = entries.slice(0, most);
    if (globals.json) io.out(`${JSON.stringify(shown.map(entryJson))}\n`);
    else {
      io.out(listText(shown, options));
      if (shown.length < entries.length) {
        io.err(`${entries.length - shown.length} more are not shown (--limit)\n`);
      }
      if (entries.length === 0) io.err(`nothing of that is in ${store.root}\n`);
    }
    return 0;
  },
});

function parseStatuses(text: string): ArtifactEntry["status"][] {
  return text.split(",").map((word) => {
    const status = STATUSES[word.trim().toLowerCase()];
    if (status !== undefined) return status;
    throw new UsageError(`allowed are ${Object.keys(STATUSES).join(", ")}: current value is '${word}'`);
  });
}

function sinceOf(text: string): number {
  try {
    return parseMoment(text, Date.now());
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`Cannot use option --since: ${error.message}`);
    throw error;
  }
}
