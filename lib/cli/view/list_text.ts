import type { ArtifactEntry } from "../../catalog/read_entries.ts";
import { formatDuration } from "../../ui/duration.ts";
import { differingPaths, flatParams, foldedLine, paramsLine } from "../../ui/params_text.ts";
import { style } from "../../ui/style.ts";
import { table } from "../../ui/table.ts";
import { bytesText, localTime, oneLine, plural, truncate } from "../../ui/text.ts";
import { paramsJson } from "./value_text.ts";

/** Options of {@link listText}. */
export interface ListOptions {
  /** Use colours. */
  color: boolean;
  /** Most columns of a line; `undefined` for no limit. */
  width: number | undefined;
  /**
   * Show memory, processor time, host and run as well.
   *
   * @default {false}
   */
  long?: boolean;
}

/** The words of statuses, for people. */
export const SHORT_STATUS = {
  DONE: "done",
  IN_PROGRESS: "running",
  FAILED: "failed",
  TODO: "nothing",
  DAMAGED: "damaged",
  PARTIAL: "partial",
} as const;

/** A status as people see it. */
export type ShownStatus = keyof typeof SHORT_STATUS;

/** Whether an artifact has one of these statuses: what is partial is done, too. */
export function hasStatus(
  { status, partial }: Pick<ArtifactEntry, "status" | "partial">,
  wanted: readonly ShownStatus[],
): boolean {
  return wanted.includes(status) || partial !== undefined && wanted.includes("PARTIAL");
}

/**
 * Lists artifacts, a table for each task: what all of a task have in common stands above it, and each line
 * has only the parameters in which they differ.
 */
export function listText(entries: readonly ArtifactEntry[], options: ListOptions): string {
  const paint = style(options.color);
  const parts = [...Map.groupBy(entries, ({ name }) => name)].map(([name, group]) => {
    const flat = group.map(({ params }) => flatParams(params ?? {}));
    const known = flat.filter((_, i) => group[i]?.params !== undefined);
    const differing = group.length === 1 ? undefined : differingPaths(known);
    const common = differing === undefined || known.length === 0
      ? ""
      : paramsLine(new Map([...known[0]!].filter(([path]) => !differing.has(path))));
    const head = [paint.strong(name), plural(group.length, "artifact"), paint.faint(common)];
    const rows = group.map((entry, i) => [
      entry.hash.slice(0, 8),
      SHORT_STATUS[entry.partial === undefined ? entry.status : "PARTIAL"],
      entry.at === undefined ? "" : localTime(entry.at),
      entry.durationMs === undefined ? "" : formatDuration(entry.durationMs),
      entry.bytes === undefined ? "" : bytesText(entry.bytes),
      ...(options.long ? longCells(entry) : []),
      noteOf(entry, paramsLine(flat[i]!, differing)),
    ]);
    const lines = table(rows, {
      head: ["HASH", "STATUS", "WHEN", "TOOK", "SIZE", ...(options.long ? LONG : []), "PARAMETERS"],
      right: options.long ? [3, 4, 5, 6] : [3, 4],
      width: options.width,
    });
    return [head.filter((part) => part !== "").join("  "), ...lines].join("\n");
  });
  return parts.map((part) => `${part}\n`).join("\n");
}

const LONG = ["MEMORY", "CPU", "HOST", "RUN"];

function longCells({ peakMemoryBytes, cpuSec, host = "", run = "" }: ArtifactEntry): string[] {
  return [
    peakMemoryBytes === undefined ? "" : bytesText(peakMemoryBytes),
    cpuSec === undefined ? "" : formatDuration(cpuSec * 1000),
    host,
    run,
  ];
}

function noteOf({ params, error }: ArtifactEntry, line: string): string {
  const parts = [params === undefined ? "(parameters not known)" : line];
  if (error !== undefined) parts.push(`${line === "" ? "" : "— "}${truncate(oneLine(error), 100)}`);
  return parts.filter((part) => part !== "").join(" ");
}

/** How many artifacts of a task there are, as far as the names in its folder tell. */
export interface TaskCounts {
  /** The task's name. */
  readonly name: string;
  /** Those with a result. */
  readonly done: number;
  /** Those without one that are computed now, or whose owner has died. */
  readonly running: number;
  /** Those without, of which attempts have left something: mostly they failed. */
  readonly other: number;
}

/** The tasks of a store, a line each. */
export function tasksText(counts: readonly TaskCounts[], options: ListOptions): string {
  const rows = counts.map(({ name, done, running, other }) => [name, `${done}`, `${running}`, `${other}`]);
  const [first = "", ...lines] = table(rows, {
    head: ["TASK", "DONE", "RUNNING", "NOT DONE"],
    right: [1, 2, 3],
    width: options.width,
  });
  return [style(options.color).strong(first), ...lines, ""].join("\n");
}

/** The same entries for programs: parameters as plain JSON, and without the whole record. */
export function entryJson(entry: ArtifactEntry): Record<string, unknown> {
  const { name, hash, status, params, record: _record, id: _id, inline: _inline, ...rest } = entry;
  const plain = paramsJson(params);
  return { name, hash, status, params: plain, ...rest };
}

/** What differs within a group of artifacts, for one line. */
export function sweepText(group: readonly ArtifactEntry[]): string {
  return foldedLine(group.map(({ params }) => flatParams(params)));
}
