import { type FlatParams, flatParams, foldedLine, paramsLine } from "../../ui/params_text.ts";
import { style } from "../../ui/style.ts";
import { bytesText, plural, truncate } from "../../ui/text.ts";
import type { StoredArtifact, StoreGraph } from "../../tidy/graph.ts";
import type { Removal, RemovalKind } from "../../tidy/removal.ts";

/** Artifacts that are about to go, of one task. Names of fields are those of `--json`, and stay. */
export interface GoingTask {
  /** The task's name. */
  readonly name: string;
  /** Their hashes. */
  readonly hashes: readonly string[];
  /** Bytes that they take. */
  readonly bytes: number;
  /** What differs in them, on one line; of one alone, its parameters. */
  readonly params: string;
  /** Artifacts with a result that use some of them directly, and stay. */
  readonly dependents: number;
}

/** An artifact that stays though it was meant. Names of fields are those of `--json`, and stay. */
export interface Staying {
  /** The task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: string;
  /** Why, in words for people. */
  readonly why: string;
}

/** Sums up, by task, artifacts that are about to go. */
export function goingTasks(removals: readonly Removal[], graph: StoreGraph): GoingTask[] {
  const artifacts = removals.filter(({ kind }) => kind === "artifact");
  const going = new Set(artifacts.map(({ hash }) => hash));
  return [...Map.groupBy(artifacts, ({ name = "" }) => name)].map(([name, group]) => {
    const hashes = group.flatMap(({ hash }) => hash ?? []);
    const users = hashes.flatMap((hash) => graph.usersOf(hash)).filter(({ hash }) => !going.has(hash));
    return {
      name,
      hashes,
      bytes: group.reduce((sum, { bytes }) => sum + bytes, 0),
      params: paramsOf(hashes.flatMap((hash) => graph.artifacts.get(hash) ?? [])),
      dependents: new Set(users.map(({ hash }) => hash)).size,
    };
  });
}

function paramsOf(group: readonly StoredArtifact[]): string {
  const flat: FlatParams[] = group.flatMap(({ params }) => params === undefined ? [] : [flatParams(params)]);
  return flat.length === 1 ? paramsLine(flat[0]!) : foldedLine(flat);
}

const WORDS: Readonly<Record<Exclude<RemovalKind, "artifact">, string>> = {
  failed: "failed attempts of",
  replaced: "replaced results of",
  run: "run",
  snapshot: "snapshot",
  claim: "claim of a dead process:",
  litter: "left by a dead process:",
};
/** So many of a kind are named. */
const NAMED = 10;

/** How what is about to go is shown. */
export interface PlanTextOptions {
  /** Use colours. */
  readonly color: boolean;
  /** Most columns of a line; `undefined` for no limit. */
  readonly width: number | undefined;
}

/** What is about to go, for people. */
export function planText(removals: readonly Removal[], graph: StoreGraph, options: PlanTextOptions): string {
  const paint = style(options.color);
  const lines: string[] = [];
  for (const { name, hashes, bytes, params, dependents } of goingTasks(removals, graph)) {
    const one = hashes.length === 1 ? `${hashes[0]!.slice(0, 8)}` : plural(hashes.length, "artifact");
    lines.push(
      [paint.strong(name), `${one}, ${bytesText(bytes)}`, paint.faint(params)].filter((part) => part !== "")
        .join("  "),
    );
    if (dependents > 0) {
      lines.push(
        `  ${plural(dependents, "stored artifact")} ${dependents === 1 ? "depends" : "depend"} on that and ` +
          `${dependents === 1 ? "stays" : "stay"}`,
      );
    }
  }
  const others = removals.filter(({ kind }) => kind !== "artifact");
  for (const [kind, group] of Map.groupBy(others, ({ kind }) => kind as Exclude<RemovalKind, "artifact">)) {
    for (const { what, bytes } of group.slice(0, NAMED)) {
      lines.push(`${WORDS[kind]} ${what}${bytes > 0 ? `  ${bytesText(bytes)}` : ""}`);
    }
    if (group.length > NAMED) {
      const bytes = group.slice(NAMED).reduce((sum, each) => sum + each.bytes, 0);
      lines.push(`${WORDS[kind]} … ${group.length - NAMED} more  ${bytesText(bytes)}`);
    }
  }
  const cut = options.width === undefined || options.color
    ? lines
    : lines.map((line) => truncate(line, options.width!));
  return cut.map((line) => `${line}\n`).join("");
}

/** Why artifacts stay that were meant, a line for each reason. */
export function stayText(staying: readonly Staying[]): string {
  return [...Map.groupBy(staying, ({ why }) => why)].map(([why, group]) => {
    const named = group.slice(0, 3).map(({ name, hash }) => `${name}(${hash.slice(0, 8)})`).join(", ");
    const more = group.length > 3 ? ` and ${group.length - 3} more` : "";
    return `stays: ${named}${more}: ${why}\n`;
  }).join("");
}

/** `12 artifacts, 3 runs (4.1 MB)`. */
export function removalCounts(removals: readonly Removal[]): string {
  const counts = [...Map.groupBy(removals, ({ kind }) => kind)].map(([kind, group]) => {
    switch (kind) {
      case "failed":
        return `failed attempts of ${plural(group.length, "artifact")}`;
      case "replaced":
        return `replaced results of ${plural(group.length, "artifact")}`;
      case "litter":
        return group.length === 1 ? "1 thing left by the dead" : `${group.length} things left by the dead`;
      default:
        return plural(group.length, kind);
    }
  });
  const bytes = removals.reduce((sum, each) => sum + each.bytes, 0);
  return `${counts.join(", ")} (${bytesText(bytes)})`;
}
