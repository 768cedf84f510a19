import { hashText } from "../core/hash.ts";
import type { TaskDefinition } from "./artifact/artifact.ts";
import { taskOfSchema } from "./artifact/task.ts";
import type { Schema } from "./schema/schema_walk.ts";

/** What does not tell one definition of a task from another. */
const ELSEWHERE: ReadonlySet<string> = new Set(
  ["name", "module", "place"] satisfies (keyof TaskDefinition)[],
);

/**
 * The options of a definition, each as text: functions as they are written (without types and comments, in
 * code that is typed in), schemas as what they are made of. What functions use from around them is not in it.
 */
export function definitionTexts(definition: TaskDefinition): Map<string, string> {
  const entries = Object.entries(definition).filter(([key, value]) =>
    !ELSEWHERE.has(key) && value !== undefined
  );
  return new Map(entries.map(([key, value]) => [key, new Writer().text(value)]));
}

/** The options in which two definitions differ, as far as their texts tell. */
export function changedOptions(older: TaskDefinition, newer: TaskDefinition): string[] {
  const [before, after] = [definitionTexts(older), definitionTexts(newer)];
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].filter((key) => before.get(key) !== after.get(key));
}

const digests = new WeakMap<TaskDefinition, string>();

/** A digest of {@link definitionTexts}: what is known of code that has no file. */
export function definitionDigest(definition: TaskDefinition): string {
  const known = digests.get(definition);
  if (known !== undefined) return known;
  const digest = hashText(JSON.stringify([...definitionTexts(definition)].sort()));
  digests.set(definition, digest);
  return digest;
}

/** Writes values of any kind; what was met before is a number, as schemas may refer to themselves. */
class Writer {
  readonly #met = new Map<object, number>();

  text(value: unknown): string {
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "symbol") return value.toString();
    if (value === null || typeof value !== "object" && typeof value !== "function") {
      return Object.is(value, -0) ? "-0" : JSON.stringify(value) ?? "undefined";
    }
    const met = this.#met.get(value);
    if (met !== undefined) return `#${met}`;
    this.#met.set(value, this.#met.size);
    if (typeof value === "function") return `${value}`;
    if ("_zod" in value) return this.#schema(value as Schema);
    if (value instanceof RegExp || value instanceof Date) return `${value}`;
    if (value instanceof Map || value instanceof Set) return `{${this.text([...value])}}`;
    if (ArrayBuffer.isView(value)) return `[${value}]`;
    if (Array.isArray(value)) return `[${value.map((each) => this.text(each)).join()}]`;
    return this.#object(value);
  }

  #schema(schema: Schema): string {
    const task = taskOfSchema(schema);
    if (task !== undefined) return `artifact of ${task.definition.name}`;
    return `schema ${this.#object(schema._zod.def)}`;
  }

  #object(value: object): string {
    return `{${Object.keys(value).map((key) => `${key}:${this.#member(value, key)}`).join()}}`;
  }

  /** A getter may refer to what is defined later. */
  #member(value: object, key: string): string {
    try {
      return this.text(value[key as keyof typeof value]);
    } catch {
      return "?";
    }
  }
}
