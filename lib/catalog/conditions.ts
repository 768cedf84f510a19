import { UsageError } from "../core/errors.ts";
import { flatParams } from "../ui/params_text.ts";
import type { ArtifactEntry } from "./read_entries.ts";

/** Whether an artifact is one of those that are asked for, by its parameters. */
export type Condition = (entry: Pick<ArtifactEntry, "params">) => boolean;

const OPERATORS = ["!=", "<=", ">=", "=", "<", ">", "~"] as const;
type Operator = typeof OPERATORS[number];

/**
 * Reads a condition on a parameter: `lr=0.1`, `data.size>10`, `model!=tree`, `model~ree` (contains). Numbers
 * are compared as numbers, anything else as the text that lists show. A parameter that is an artifact or a
 * file is compared as `toy/Prep(4f0c12ab)` or `rows.csv(3f0c12ab)`, by its name alone, or by the beginning of
 * its hash or digest.
 *
 * @throws {UsageError} If it is none.
 */
export function parseCondition(written: string): Condition {
  const { path, holds } = parseComparison(written);
  return ({ params }) => holds(params === undefined ? undefined : flatParams(params).get(path));
}

/** A comparison as people write it. */
export interface Comparison {
  /** What is compared, as `data.size`. */
  readonly path: string;
  /** Whether it is so of a text; `undefined` where there is none, which only `!=` is true of. */
  readonly holds: (text: string | undefined) => boolean;
}

/**
 * Reads a comparison, as {@link parseCondition} does.
 *
 * @throws {UsageError} If it is none.
 */
export function parseComparison(written: string): Comparison {
  const match = /^\s*([^=<>!~]+?)\s*(!=|<=|>=|=|<|>|~)\s*(.*)$/s.exec(written);
  if (!match) {
    throw new UsageError(
      `a parameter, one of ${OPERATORS.join(" ")}, and a value are needed, as lr=0.1: current value is ` +
        `'${written}'`,
    );
  }
  const [, path = "", operator, wanted = ""] = match;
  return {
    path,
    holds: (text) => text === undefined ? operator === "!=" : compares(text, operator as Operator, wanted),
  };
}

function compares(text: string, operator: Operator, wanted: string): boolean {
  const bare = text.replace(/^"(.*)"$/s, "$1");
  if (operator === "~") return bare.includes(wanted);
  const [a, b] = [Number(bare), Number(wanted)];
  const areNumbers = bare.trim() !== "" && wanted.trim() !== "" && !Number.isNaN(a) && !Number.isNaN(b);
  const isEqual = areNumbers ? a === b : bare === wanted || isNamed(bare, wanted);
  switch (operator) {
    case "=":
      return isEqual;
    case "!=":
      return !isEqual;
    case "<":
      return areNumbers ? a < b : bare < wanted;
    case "<=":
      return isEqual || (areNumbers ? a < b : bare < wanted);
    case ">":
      return areNumbers ? a > b : bare > wanted;
    case ">=":
      return isEqual || (areNumbers ? a > b : bare > wanted);
  }
}

/** Whether the text is of an artifact or a file of that name, or whose hash or digest begins so. */
function isNamed(text: string, wanted: string): boolean {
  const [, name, hash] = /^(.*)\(([0-9a-f]{8})\)$/s.exec(text) ?? [];
  if (hash === undefined) return false;
  return name === wanted || wanted.length >= 4 && (hash.startsWith(wanted) || wanted.startsWith(hash));
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Reads a moment: so long ago (`30s`, `15m`, `2h`, `3d`, `1w`), or a date (`2026-11-29`, or with a time, in
 * local time unless there is an offset).
 *
 * @param now The time, in milliseconds.
 * @returns Milliseconds since 1970.
 * @throws {UsageError} If it is none.
 */
export function parseMoment(written: string, now: number): number {
  const [, count, unit = ""] = /^(\d+(?:\.\d+)?)\s*([smhdw])$/.exec(written) ?? [];
  if (count !== undefined) return now - Number(count) * (UNIT_MS[unit] ?? 0);
  // A date alone would be one of UTC.
  const at = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(written) ? `${written}T00:00` : written);
  if (!Number.isNaN(at) && /^\d{4}-/.test(written)) return at;
  throw new UsageError(
    `a time ago, as 30s, 15m, 2h, 3d or 1w, or a date, as 2026-11-29, is needed: current value is '${written}'`,
  );
}

/** The orders in which artifacts are listed. */
const ORDERS: Readonly<Record<string, (entry: ArtifactEntry) => string | number>> = {
  time: ({ at }) => at ?? "",
  size: ({ bytes }) => bytes ?? 0,
  duration: ({ durationMs }) => durationMs ?? 0,
  memory: ({ peakMemoryBytes }) => peakMemoryBytes ?? 0,
  status: ({ status }) => status,
  hash: ({ hash }) => hash,
};

/**
 * Sorts artifacts: by `time`, `size`, `duration`, `memory`, `status`, `hash`, or by a parameter. Those that
 * are equal stay in their order.
 *
 * @throws {UsageError} If no artifact has such a parameter.
 */
export function sortEntries(entries: readonly ArtifactEntry[], order: string): ArtifactEntry[] {
  const by = ORDERS[order];
  if (by) return entries.toSorted((one, other) => compare(by(one), by(other)));
  const keyed = entries.map((entry) => ({ entry, key: flatParams(entry.params).get(order) }));
  if (entries.length > 0 && keyed.every(({ key }) => key === undefined)) {
    throw new UsageError(
      `Cannot sort by '${order}': allowed are ${
        Object.keys(ORDERS).join(", ")
      }, and parameters of what is listed`,
    );
  }
  return keyed.toSorted((one, other) => compareTexts(one.key, other.key)).map(({ entry }) => entry);
}

function compareTexts(one: string | undefined, other: string | undefined): number {
  if (one === undefined || other === undefined) {
    return Number(one === undefined) - Number(other === undefined);
  }
  const [a, b] = [Number(one), Number(other)];
  return Number.isNaN(a) || Number.isNaN(b) ? compare(one, other) : a - b;
}

function compare<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
