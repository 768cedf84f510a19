import { parseCondition, parseMoment } from "../../catalog/conditions.ts";
import { type ArtifactPattern, parsePattern } from "../../catalog/find_artifacts.ts";
import type { ArtifactEntry } from "../../catalog/read_entries.ts";
import { FuruError, UsageError } from "../../core/errors.ts";
import { didYouMean } from "../../core/nearest.ts";
import type { StoredArtifact, StoreGraph } from "../../tidy/graph.ts";
import type { Pin } from "../../tidy/pins.ts";
import { type Flag, listFlag, valueFlag } from "../program/flag.ts";

const STATUSES: Readonly<Record<string, ArtifactEntry["status"]>> = {
  done: "DONE",
  running: "IN_PROGRESS",
  failed: "FAILED",
  nothing: "TODO",
  damaged: "DAMAGED",
};

/** The flags that choose among artifacts. */
export const selectFlags = {
  where: listFlag("CONDITION", "Only where a parameter is so, as lr=0.1 or data.size>10 (may be repeated)", {
    short: "w",
  }),
  status: valueFlag(
    "STATUS",
    `Only ${Object.keys(STATUSES).join(", ")} (several with commas)`,
    parseStatuses,
    { short: "s" },
  ),
  older: olderFlag("Only what was computed, or failed, before: 30d, 2w, 2026-11-29"),
};

/** A flag for a moment before which something happened. */
export function olderFlag(description: string): Flag<number | undefined> {
  return valueFlag("TIME", description, (text) => parseMoment(text, Date.now()));
}

function parseStatuses(text: string): ArtifactEntry["status"][] {
  return text.split(",").map((word) => {
    const status = STATUSES[word.trim().toLowerCase()];
    if (status !== undefined) return status;
    throw new UsageError(`allowed are ${Object.keys(STATUSES).join(", ")}: current value is '${word}'`);
  });
}

/** What {@link selectArtifacts} chooses by. */
export interface Selection {
  /** Tasks, patterns and hashes; by default all artifacts. */
  readonly args: readonly string[];
  /** Conditions on parameters. */
  readonly where?: readonly string[] | undefined;
  /** States. */
  readonly status?: readonly ArtifactEntry["status"][] | undefined;
  /** Milliseconds since 1970, before which it was computed or failed. */
  readonly older?: number | undefined;
  /** Pins, whose names are references. */
  readonly pins?: readonly Pick<Pin, "pin" | "name" | "hash">[] | undefined;
}

/**
 * The artifacts that are meant, in the order of tasks and hashes.
 *
 * @throws {UsageError} If a condition is none.
 * @throws {FuruError} If there is nothing of an argument, or digits fit several artifacts.
 */
export function selectArtifacts(
  graph: Pick<StoreGraph, "artifacts">,
  { args, where = [], status, older, pins = [] }: Selection,
  root: string,
): StoredArtifact[] {
  const all = graph.artifacts.values().toArray();
  const names = [...new Set(all.map(({ name }) => name))].sort();
  const conditions = where.map((written) => {
    try {
      return parseCondition(written);
    } catch (error) {
      if (error instanceof UsageError) throw new UsageError(`Cannot use option --where: ${error.message}`);
      throw error;
    }
  });
  const meant = args.length === 0 ? all : args.flatMap((arg) => {
    const some = withPattern(all, patternOf(arg, names, pins));
    if (some.length === 0) {
      throw new FuruError(`Cannot find anything of '${arg}' in ${root}${didYouMean(arg, names)}`);
    }
    return some;
  });
  return [...new Set(meant)].filter((artifact) => {
    // A condition may ask for the record itself; here it is only a path.
    const { record: _path, ...entry } = artifact;
    return (status === undefined || status.includes(artifact.status)) &&
      (older === undefined || artifact.at !== undefined && Date.parse(artifact.at) < older) &&
      conditions.every((condition) => condition(entry));
  }).sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.hash < b.hash ? -1 : 1);
}

function patternOf(
  arg: string,
  names: readonly string[],
  pins: readonly Pick<Pin, "pin" | "name" | "hash">[],
): ArtifactPattern {
  const pinned = pins.find(({ pin }) => pin === arg);
  if (!pinned || names.includes(arg)) return parsePattern(arg, names);
  return { task: (each) => each === pinned.name, only: pinned.name, prefix: pinned.hash };
}

/** Digits are meant for one artifact: to remove all that begin so is hardly what anybody wants. */
function withPattern(all: readonly StoredArtifact[], { task, prefix }: ArtifactPattern): StoredArtifact[] {
  const some = all.filter(({ name, hash }) => task(name) && hash.startsWith(prefix));
  if (prefix === "" || some.length < 2) return some;
  const lines = some.slice(0, 20).map(({ name, hash }) => `  ${hash}  ${name}`);
  if (some.length > 20) lines.push(`  … and ${some.length - 20} more`);
  throw new FuruError(
    `Cannot tell which artifact '${prefix}' is, ${some.length} begin so:\n${lines.join("\n")}`,
  );
}
