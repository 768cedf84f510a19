import { parseMoment } from "../../catalog/conditions.ts";
import { type ArtifactPattern, parsePattern, taskPattern } from "../../catalog/find_artifacts.ts";
import { FuruError } from "../../core/errors.ts";
import { didYouMean } from "../../core/nearest.ts";
import type { StoredArtifact, StoreGraph } from "../../tidy/graph.ts";
import type { Pin } from "../../tidy/pins.ts";
import { type Flag, switchFlag, valueFlag } from "../program/flag.ts";
import { ambiguous } from "../roots/find_reference.ts";
import { selectionFlags, whereCondition } from "../roots/selection.ts";
import { hasStatus, type ShownStatus } from "../view/list_text.ts";

/** The flags that choose among artifacts. */
export const selectFlags = {
  where: selectionFlags.where,
  status: selectionFlags.status,
  older: olderFlag("Only what was computed, or failed, before: 30d, 2w, 2026-11-29"),
};

/** The flags of commands that change what is chosen. */
export const changeFlags = {
  ...selectFlags,
  apply: switchFlag("Do it"),
  force: switchFlag("Also what is pinned, or what a run may load that has not ended"),
};

/** A flag for a moment before which something happened. */
export function olderFlag(description: string): Flag<number | undefined> {
  return valueFlag("TIME", description, (text) => parseMoment(text, Date.now()));
}

/** What {@link selectArtifacts} chooses by. */
export interface Selection {
  /** Tasks, patterns and hashes; by default all artifacts. */
  readonly args: readonly string[];
  /** Conditions on parameters. */
  readonly where?: readonly string[] | undefined;
  /** States. */
  readonly status?: readonly ShownStatus[] | undefined;
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
  const holds = whereCondition(where);
  const meant = args.length === 0 ? all : args.flatMap((arg) => {
    const some = withPattern(all, patternOf(arg, names, pins));
    if (some.length === 0) {
      throw new FuruError(`Cannot find anything of '${arg}' in ${root}${didYouMean(arg, names)}`);
    }
    return some;
  });
  return [...new Set(meant)].filter((artifact) =>
    (status === undefined || hasStatus(artifact, status)) &&
    (older === undefined || artifact.at !== undefined && Date.parse(artifact.at) < older) &&
    (holds === undefined || holds(artifact))
  ).sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.hash < b.hash ? -1 : 1);
}

function patternOf(
  arg: string,
  names: readonly string[],
  pins: readonly Pick<Pin, "pin" | "name" | "hash">[],
): ArtifactPattern {
  const pinned = pins.find(({ pin }) => pin === arg);
  if (!pinned || names.includes(arg)) return parsePattern(arg, names);
  return taskPattern(pinned.name, pinned.hash);
}

/** Digits are meant for one artifact: to remove all that begin so is hardly what anybody wants. */
function withPattern(all: readonly StoredArtifact[], { task, prefix }: ArtifactPattern): StoredArtifact[] {
  const some = all.filter(({ name, hash }) => task(name) && hash.startsWith(prefix));
  if (prefix === "" || some.length < 2) return some;
  throw ambiguous(prefix, some);
}
