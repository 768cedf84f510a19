import { artifactLabel } from "../core/hash.ts";
import { inputFacts, inputLabel, inputTypeOf } from "../core/json/input_file.ts";
import { isPlainObject, TAG, tagOf } from "../core/json/tags.ts";
import { oneLine, truncate } from "./text.ts";

/** Parameters one by one: texts by their paths, as `data.size`. */
export type FlatParams = ReadonlyMap<string, string>;

/** The longest text of one parameter, in columns. */
const MOST_OF_ONE = 40;
/** So many different values of a parameter are named; of more numbers the range is. */
const MOST_NAMED = 4;

/**
 * Takes parameters apart for people.
 *
 * @param params Parameters as canonical JSON has them (see `tags.ts`), parsed.
 */
export function flatParams(params: unknown): FlatParams {
  const flat = new Map<string, string>();
  flatten(params, "", flat);
  return flat;
}

/** The paths whose texts are not the same in all of a group. In a group of one nothing differs. */
export function differingPaths(group: readonly FlatParams[]): Set<string> {
  const [first = new Map<string, string>()] = group;
  const differing = new Set<string>();
  for (const each of group) {
    for (const [path, text] of each) if (first.get(path) !== text) differing.add(path);
    for (const path of first.keys()) if (!each.has(path)) differing.add(path);
  }
  // In the order in which they stand, whichever was found to differ first.
  return new Set([...first.keys(), ...differing].filter((path) => differing.has(path)));
}

/**
 * Parameters on one line: `lr=0.1 data.size=10`.
 *
 * @param only Only these, where they are there.
 */
export function paramsLine(params: FlatParams, only?: ReadonlySet<string>): string {
  const shown = [...params].filter(([path]) => only === undefined || only.has(path));
  return shown.map(([path, text]) => path === "" ? text : `${path}=${text}`).join(" ");
}

/** What differs in a group, on one line: `lr=0.001..0.1, seed=1,2,3`. */
export function foldedLine(group: readonly FlatParams[]): string {
  return [...differingPaths(group)].map((path) => {
    const texts = [...new Set(group.map((each) => each.get(path) ?? "-"))];
    return `${path}=${folded(texts)}`;
  }).join(", ");
}

function folded(texts: readonly string[]): string {
  const numbers = texts.map(Number);
  const areNumbers = texts.every((text, i) => text !== "" && Number.isFinite(numbers[i]));
  const order = areNumbers
    ? texts.toSorted((a, b) => Number(a) - Number(b))
    : texts.toSorted((a, b) => a < b ? -1 : 1);
  if (order.length <= MOST_NAMED) return order.join(",");
  if (areNumbers) return `${order[0]}..${order.at(-1)}`;
  return `${order.slice(0, MOST_NAMED - 1).join(",")},… (${order.length})`;
}

function flatten(value: unknown, path: string, flat: Map<string, string>): void {
  if (!isPlainObject(value) || path !== "" && Object.keys(value).length === 0) {
    return void flat.set(path, leafText(value));
  }
  for (const [key, item] of Object.entries(value)) {
    // Users' own keys that begin with `$` have one more in canonical JSON.
    const name = key.startsWith("$$") ? key.slice(1) : key;
    flatten(item, path === "" ? name : `${path}.${name}`, flat);
  }
}

function leafText(value: unknown): string {
  return truncate(oneLine(textOf(value)), MOST_OF_ONE);
}

function textOf(value: unknown): string {
  if (typeof value === "string") return /^[^\s"'=,]+$/.test(value) ? value : JSON.stringify(value);
  const inner = tagOf(value);
  if (inner === undefined) {
    return Array.isArray(value) ? `[${value.map(textOf).join(",")}]` : objectText(value);
  }
  const [tag, content] = inner;
  if (tag === TAG.artifact && Array.isArray(content)) return artifactLabel(`${content[0]}`, `${content[1]}`);
  if (tag === TAG.typed && Array.isArray(content)) return `${content[0]}(…)`;
  if (tag === TAG.set && Array.isArray(content)) return `{${content.map(textOf).join(",")}}`;
  const kind = inputTypeOf(tag);
  const facts = kind && inputFacts(content);
  if (kind && facts) return inputLabel(kind, facts);
  return typeof content === "string" ? content : JSON.stringify(content);
}

function objectText(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  return `{${Object.entries(value).map(([key, item]) => `${key}:${textOf(item)}`).join(",")}}`;
}
