import { type Condition, parseCondition, parseMoment } from "../../catalog/conditions.ts";
import {
  ANY_ARTIFACT,
  findArtifacts,
  type FoundArtifact,
  parsePattern,
  taskNamesOf,
} from "../../catalog/find_artifacts.ts";
import type { ListFolder } from "../../catalog/folder_names.ts";
import type { ArtifactEntry } from "../../catalog/read_entries.ts";
import { FuruError, UsageError } from "../../core/errors.ts";
import { didYouMean } from "../../core/nearest.ts";
import type { Store } from "../../store/store.ts";
import { hasStatus, SHORT_STATUS, type ShownStatus } from "../view/list_text.ts";
import { type FlagValues, listFlag, switchFlag, valueFlag, wholeNumber } from "../program/flag.ts";

/** Statuses by the words that lists show. */
const STATUSES = new Map(Object.entries(SHORT_STATUS).map(([status, word]) => [word as string, status]));

/** The flags by which commands choose among artifacts. */
export const selectionFlags = {
  status: valueFlag(
    "STATUS",
    `Only ${[...STATUSES.keys()].join(", ")} (several with commas)`,
    parseStatuses,
    { short: "s" },
  ),
  where: listFlag("CONDITION", "Only where a parameter is so, as lr=0.1 or data.size>10 (may be repeated)", {
    short: "w",
  }),
  since: valueFlag("TIME", "Only what was computed, or failed, since: 2d, 3h, 2026-11-29", (text) => text),
  sort: valueFlag("ORDER", "By time, size, duration, memory, status, hash, or a parameter", (text) => text),
  reverse: switchFlag("The other way round", { short: "r" }),
  limit: valueFlag("N", "At most so many", (text) => wholeNumber(text, 1), { short: "n" }),
};

/**
 * The artifacts that arguments mean, each once; all of the store where there are none.
 *
 * @param list How the names in a folder are found out; by default the system is asked.
 * @throws {FuruError} If there is nothing of one of them.
 */
export async function findSelected(
  store: Store,
  args: readonly string[],
  list?: ListFolder,
): Promise<FoundArtifact[]> {
  if (args.length === 0) return await findArtifacts(store, ANY_ARTIFACT, list);
  const names = await taskNamesOf(store, list);
  const patterns = args.map((arg) => parsePattern(arg, names));
  const found = (await Promise.all(patterns.map(async (pattern, i) => {
    const some = await findArtifacts(store, pattern, list);
    if (some.length > 0) return some;
    const hint = didYouMean(args[i]!, names);
    throw new FuruError(`Cannot find anything of '${args[i]}' in ${store.root}${hint}`);
  }))).flat();
  if (patterns.length === 1) return found;
  return [...new Map(found.map((each) => [`${each.name} ${each.hash}`, each])).values()];
}

/**
 * Whether an artifact has the status and the time that flags ask for.
 *
 * @throws {UsageError} If `--since` is no time.
 */
export function statusAndTime(
  { status, since }: Pick<FlagValues<typeof selectionFlags>, "status" | "since">,
): (entry: ArtifactEntry) => boolean {
  const from = since === undefined ? undefined : ofFlag("since", () => parseMoment(since, Date.now()));
  return (entry) =>
    (status === undefined || hasStatus(entry, status)) &&
    (from === undefined || Date.parse(entry.at ?? "") >= from);
}

/**
 * The condition that `--where` asks for; nothing where it asks for none.
 *
 * @throws {UsageError} If one is none.
 */
export function whereCondition(where: readonly string[]): Condition | undefined {
  const conditions = ofFlag("where", () => where.map(parseCondition));
  return conditions.length === 0 ? undefined : (entry) => conditions.every((condition) => condition(entry));
}

/** Reads a flag's value; an error about that names the flag. */
export function ofFlag<T>(flag: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`Cannot use option --${flag}: ${error.message}`);
    throw error;
  }
}

function parseStatuses(text: string): ShownStatus[] {
  return text.split(",").map((word) => {
    const status = STATUSES.get(word.trim().toLowerCase());
    if (status !== undefined) return status as ShownStatus;
    throw new UsageError(`allowed are ${[...STATUSES.keys()].join(", ")}: current value is '${word}'`);
  });
}
