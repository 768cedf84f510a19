import { canonicalizeJson, canonicalJson } from "../core/json/canonical.ts";
import { errorText, ValidationError } from "../core/errors.ts";
import { isHash } from "../core/hash.ts";
import { TAG } from "../core/json/tags.ts";
import {
  ARTIFACT,
  type Artifact,
  artifactReference,
  type TaskDefinition,
} from "../task/artifact/artifact.ts";
import { makeArtifact } from "../task/artifact/make.ts";
import { isSimple } from "../task/schema/simple.ts";
import { parseParams } from "../task/schema/parse.ts";

/** An artifact that today's task makes of stored parameters. */
export interface Carried {
  /** The artifact. */
  readonly artifact: Artifact;
  /** Whether its counting parameters are just those, none added by a default and none left out. */
  readonly isExact: boolean;
}

/**
 * The artifact of today's task with parameters that were parsed once already.
 *
 * @throws {ValidationError} If today's schema refuses them, or makes something else of one.
 */
export function carryParams(task: TaskDefinition, params: Record<string, unknown>): Carried {
  try {
    const artifact = calledToday(task, params);
    const changed = changedParameter(task, params, artifact);
    if (changed === undefined) return { artifact, isExact: isExact(params, artifact) };
    throw new ValidationError(
      `today's schema makes ${changed.now} of its parameter '${changed.key}', which was ${changed.was}: give ` +
        `the migration 'params'`,
    );
  } catch (error) {
    // What a transform made cannot be given to it again: then the names of the parameters have to do.
    const { shape } = task.params;
    if (isSimple(task.params) || !Object.keys(params).every((key) => Object.hasOwn(shape, key))) throw error;
    const artifact = makeArtifact(task, { ...task.legacy, ...params });
    return { artifact, isExact: isExact(params, artifact) };
  }
}

/**
 * The artifact that today's task makes when it is called with these parameters, where what is left out has
 * its `legacy` value.
 *
 * @throws {ValidationError} If today's schema refuses them.
 */
export function calledToday(task: TaskDefinition, params: Record<string, unknown>): Artifact {
  return makeArtifact(task, parseParams(task, { ...task.legacy, ...params }));
}

function isExact(params: Record<string, unknown>, artifact: Artifact): boolean {
  return canonicalJson(params, { artifactReference }) === canonicalizeJson(countingOf(artifact));
}

function countingOf(artifact: Artifact): Record<string, unknown> {
  return JSON.parse(artifact[ARTIFACT].identity).params;
}

function changedParameter(
  task: TaskDefinition,
  params: Record<string, unknown>,
  artifact: Artifact,
): { key: string; was: string; now: string } | undefined {
  const before: Record<string, unknown> = JSON.parse(canonicalJson(params, { artifactReference }));
  const counting = countingOf(artifact);
  for (const [written, value] of Object.entries(before)) {
    const key = written.startsWith("$$") ? written.slice(1) : written;
    const isLeftOut = !Object.hasOwn(counting, written);
    if (isLeftOut && (task.unhashed.includes(key) || Object.hasOwn(task.legacy, key))) continue;
    const was = canonicalizeJson(value);
    const now = isLeftOut ? "nothing" : canonicalizeJson(counting[written]);
    if (was !== now) return { key, was, now };
  }
  return undefined;
}

/** An artifact as old parameters have it. */
export function storedReference(name: string, hash: string): Record<string, unknown> {
  return { [TAG.artifact]: [name, hash] };
}

/**
 * The same value with what `find` gives in place of each stored reference. What holds none stays as it is.
 *
 * @param find Gives today's artifact. What it throws is thrown.
 */
export function withArtifacts(value: unknown, find: (name: string, hash: string) => Artifact): unknown {
  if (typeof value !== "object" || value === null) return value;
  const replace = (each: unknown): unknown => withArtifacts(each, find);
  if (Array.isArray(value)) return value.map(replace);
  if (value instanceof Set) return new Set([...value].map(replace));
  if (value instanceof Map) return new Map([...value].map(([key, each]) => [replace(key), replace(each)]));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === TAG.artifact && isReference(first[1])) return find(...first[1]);
  return Object.fromEntries(entries.map(([key, each]) => [key, replace(each)]));
}

function isReference(content: unknown): content is [name: string, hash: string] {
  return Array.isArray(content) && content.length === 2 && typeof content[0] === "string" &&
    typeof content[1] === "string" && isHash(content[1]);
}

/** Why today's task refuses parameters, without what the reader knows already. */
export function refusalText(task: TaskDefinition, error: unknown): string {
  const head = `Cannot make an artifact of ${task.name} as its parameters are not allowed:`;
  const text = errorText(error);
  const reason = text.indexOf(head);
  if (reason < 0) return text.replace(/^ValidationError: /, "");
  return `today's schema refuses them: ${text.slice(reason + head.length).trim().replaceAll(/\n\s*/g, "; ")}`;
}
