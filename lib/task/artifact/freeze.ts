import { canonicalJson } from "../../core/json/canonical.ts";
import { compareText } from "../../core/json/encode_tagged.ts";
import { type Input, isInput } from "../../core/json/input_file.ts";
import { bytesOf, setOwn, typedArrayKind, typedArrayOver } from "../../core/json/tags.ts";
import { type Artifact, artifactReference, isArtifact } from "./artifact.ts";

/** What is met in parameters: each artifact, and each file or folder, in their order, some more than once. */
export interface Met {
  /** The artifacts. */
  readonly artifacts: Artifact[];
  /** The files and folders, those in artifacts left out. */
  readonly inputs: Input[];
}

/** Nothing has been met yet. */
export function nothingMet(): Met {
  return { artifacts: [], inputs: [] };
}

/**
 * A deeply frozen copy of parameters in the form that their hash stands for: keys, members and entries in
 * canonical order, no `-0`, no `undefined` properties. So parameters with equal hashes cannot make a task
 * behave differently, and what the caller does to its own objects afterwards changes nothing. Artifacts are
 * not descended into.
 *
 * @param value Parameters that {@link canonicalJson} accepts.
 * @param found Receives what is met.
 */
export function freezeParams(value: unknown, found: Met): unknown {
  if (typeof value !== "object" || value === null) return value === 0 ? 0 : value;
  if (isArtifact(value)) {
    found.artifacts.push(value);
    return value;
  }
  if (Array.isArray(value)) return Object.freeze(value.map((item) => freezeParams(item, found)));
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) {
    const source = value as Record<string, unknown>;
    const copy: Record<string, unknown> = {};
    for (const key of Object.keys(source).sort()) {
      const item = source[key];
      if (item !== undefined) setOwn(copy, key, freezeParams(item, found));
    }
    return Object.freeze(copy);
  }
  const kind = typedArrayKind(prototype);
  // Elements of typed arrays cannot be frozen; the copy at least is not shared with the caller.
  if (kind !== undefined) return typedArrayOver(kind, bytesOf(value as ArrayBufferView).slice());
  if (isInput(value)) {
    found.inputs.push(value);
    return value;
  }
  return freezeCollection(value as Date | Map<unknown, unknown> | Set<unknown>, found);
}

function freezeCollection(value: Date | Map<unknown, unknown> | Set<unknown>, found: Met): unknown {
  if (value instanceof Date) return lock(new Date(value), DATE_SETTERS);
  // Rare enough in parameters for encoding the members once more.
  const text = (member: unknown) => canonicalJson(member, { artifactReference });
  if (value instanceof Map) {
    const entries = [...value].map(([key, item]) => ({ key, item, order: [text(key), text(item)] as const }));
    entries.sort(({ order: [a, x] }, { order: [b, y] }) => compareText(a, b) || compareText(x, y));
    const copies = entries.map(({ key, item }) =>
      [freezeParams(key, found), freezeParams(item, found)] as const
    );
    return lock(new Map(copies), ["set", "delete", "clear"]);
  }
  const members = [...value].map((member) => ({ member, order: text(member) }));
  members.sort((a, b) => compareText(a.order, b.order));
  return lock(new Set(members.map(({ member }) => freezeParams(member, found))), ["add", "delete", "clear"]);
}

const DATE_SETTERS = Object.getOwnPropertyNames(Date.prototype).filter((name) => name.startsWith("set"));

/** Freezes what `Object.freeze` does not reach: what methods change. */
function lock<T extends object>(value: T, methods: readonly string[]): T {
  for (const method of methods) Object.defineProperty(value, method, { value: refuse });
  return Object.freeze(value);
}

function refuse(): never {
  throw new TypeError("Cannot change parameters as they are frozen: make a copy");
}
