import type { z } from "zod";
import { MAX_DEPTH } from "../../core/json/tags.ts";
import { isArtifact } from "../artifact/artifact.ts";
import type { Choices } from "./choose_form.ts";
import { type Child, childOf, type KeyPlan, planOf } from "./key_plan.ts";
import {
  accepts,
  defOf,
  fitOf,
  innerOfLazy,
  isWrapper,
  REACHES,
  reachOf,
  type Schema,
} from "./schema_walk.ts";

/** Something in an input that zod passes over in silence. */
export interface Finding {
  /** The path from the input down. */
  path: readonly PropertyKey[];
  /** Keys that no `z.object` which sees them has; what else they can be is in `valid`. */
  unknown?: { keys: string[]; valid: string[] };
  /** The schema whose `.catch()` replaces what was given, and that. */
  caught?: { schema: Schema; input: unknown };
}

/** All that was found in an input. */
export interface Inspected {
  findings: readonly Finding[];
  /** Forms of unions that know all keys, where the first one that fits does not. */
  choices: Choices | undefined;
}

/**
 * Looks for what zod would drop or replace without a word: keys that a plain `z.object` at any depth does not
 * have, and values that a `.catch()` replaces.
 *
 * It follows the input as zod does, by the same schemas, and changes nothing. Of an intersection a key is
 * known when either side knows it. Of a union the first form that fits counts, as in zod, unless that would
 * drop keys that another form which fits too has; when none fits, a key is unknown when no form knows it.
 * What a transform or codec makes is the schema's own and not looked at; what `z.preprocess` makes is the
 * input.
 *
 * @param schema The schema of parameters: even when it is loose its own keys are all there are.
 */
export function inspectInput(schema: z.ZodObject, input: unknown): Inspected {
  if (hasOrdinaryKeys(planOf(schema, true)!, input as Record<string, unknown>, 0)) return NOTHING;
  const walk = new Walk(schema);
  const findings = walk.of([schema], input);
  return { findings, choices: walk.choices };
}

/** Whether an input that this schema accepts has keys which it would drop. */
export function losesKeys(schema: Schema, input: unknown): boolean {
  return new Walk().of([schema], input).some(({ unknown }) => unknown !== undefined);
}

const NONE: readonly Finding[] = Object.freeze([]);
const NOTHING: Inspected = Object.freeze({ findings: NONE, choices: undefined });

/** Whether there is nothing in it but objects of known keys: the quick way for most parameters. */
function isOrdinary({ schema, reach }: Child, input: unknown, depth: number): boolean {
  if (typeof input !== "object" || input === null) return (reach & ~REACHES.keys) === 0;
  if (depth > DEEPEST) return false;
  const plan = planOf(schema, false);
  if (plan) return hasOrdinaryKeys(plan, input as Record<string, unknown>, depth);
  const def = defOf(schema);
  if (def.type === "array" && Array.isArray(input)) {
    const member = childOf(def.element);
    return input.every((item) => isOrdinary(member, item, depth + 1));
  }
  if (def.type !== "union") return false;
  const form = def.options.find((option) => accepts(option, input));
  return form !== undefined && isOrdinary(childOf(form), input, depth + 1);
}

function hasOrdinaryKeys(plan: KeyPlan, input: Record<string, unknown>, depth: number): boolean {
  if (plan.prefilled.length > 0) return false;
  for (const key in input) {
    const child = plan.of(key);
    if (child === undefined) return false;
    if (child.reach !== 0 && !isOrdinary(child, input[key], depth + 1)) return false;
  }
  return true;
}

/** Input that is nested deeper, as a cycle is, is refused later. */
const DEEPEST = MAX_DEPTH + 50;

class Walk {
  choices: Map<Schema, Map<unknown, Schema>> | undefined;
  readonly #top: Schema | undefined;
  #seen: Map<Schema, Map<unknown, readonly Finding[]>> | undefined;
  #depth = 0;
  // Above 0: objects that a function made are looked at, which will be others when they are parsed.
  #computed = 0;

  constructor(top?: Schema) {
    this.#top = top;
  }

  /** Finds all in an input that all these schemas see. */
  of(schemas: readonly Schema[], input: unknown): readonly Finding[] {
    if (this.#depth > DEEPEST) return NONE;
    this.#depth++;
    const found: Finding[] = [];
    const sides: Side[] = [];
    for (const schema of schemas) this.#sides(schema, input, sides, found);
    if (typeof input === "object" && input !== null && sides.length > 0 && !sides.includes(OPAQUE)) {
      this.#below(sides as Schema[], input, found);
    }
    this.#depth--;
    return found;
  }

  /** Takes off all that wraps the schemas that look at the input. */
  #sides(schema: Schema, input: unknown, sides: Side[], found: Finding[]): void {
    for (;;) {
      const def = defOf(schema);
      // What was not given at all is filled in, as by a default.
      if (def.type === "catch" && input !== undefined && !accepts(def.innerType, input)) {
        found.push({ path: [], caught: { schema: def.innerType, input } });
      }
      if (def.type === "prefault" && input === undefined) {
        found.push(...this.of([def.innerType], def.defaultValue));
        return;
      }
      if (isWrapper(def)) {
        schema = def.innerType;
        continue;
      }
      switch (def.type) {
        case "lazy":
          schema = innerOfLazy(schema);
          break;
        case "pipe": {
          const { type } = defOf(def.in);
          if (type === "transform") {
            found.push(...this.#preprocessed(def, input));
            return;
          }
          // A first part that takes anything hands it on as it is.
          schema = type === "any" || type === "unknown" || type === "custom" ? def.out : def.in;
          break;
        }
        case "intersection":
          this.#sides(def.left, input, sides, found);
          schema = def.right;
          break;
        case "object":
        case "array":
        case "tuple":
        case "record":
        case "map":
        case "set":
        case "union":
          sides.push(schema);
          return;
        case "any":
        case "unknown":
        case "custom":
        case "transform":
        case "file":
        case "function":
        case "promise":
          sides.push(OPAQUE);
          return;
        default:
          return; // takes no objects
      }
    }
  }

  /** Looks at what `z.preprocess` makes of an input, in its place. */
  #preprocessed({ in: first, out }: z.core.$ZodPipeDef, input: unknown): readonly Finding[] {
    const payload: z.core.ParsePayload = { value: input, issues: [] };
    try {
      first._zod.run(payload, { async: false });
    } catch {
      return NONE; // the parse says so
    }
    if (payload.value === input) return this.of([out], input);
    this.#computed++;
    const found = this.of([out], payload.value);
    this.#computed--;
    return found;
  }

  #below(sides: readonly Schema[], input: object, found: Finding[]): void {
    const union = sides.find((side) => defOf(side).type === "union");
    if (union) {
      found.push(...this.#union(union, sides.filter((side) => side !== union), input));
    } else if (Array.isArray(input)) {
      input.forEach((item, i) => this.#child(sides.flatMap((side) => itemSchema(side, i)), item, i, found));
    } else if (input instanceof Map) {
      let i = 0;
      for (const [key, value] of input) {
        const name = typeof key === "object" ? `[value ${i}]` : key as PropertyKey;
        this.#child(sides.flatMap((side) => partOf(side, "map", "keyType")), key, `[key ${i++}]`, found);
        this.#child(sides.flatMap((side) => partOf(side, "map", "valueType")), value, name, found);
      }
    } else if (input instanceof Set) {
      let i = 0;
      const schemas = sides.flatMap((side) => partOf(side, "set", "valueType"));
      for (const member of input) this.#child(schemas, member, `[member ${i++}]`, found);
    } else this.#object(sides, input as Record<string, unknown>, found);
  }

  #object(sides: readonly Schema[], input: Record<string, unknown>, found: Finding[]): void {
    const plans = sides.flatMap((side) => planOf(side, side === this.#top) ?? []);
    if (plans.length === 0) return;
    const only = plans.length === 1 ? plans[0]! : undefined;
    if (only?.idle) return;
    let keys: string[] | undefined;
    // As zod does: also what is inherited.
    for (const key in input) {
      if (only) {
        const child = only.of(key);
        if (child === undefined) only.refuses && (keys ??= []).push(key);
        else if (child.reach !== 0) this.#child([child.schema], input[key], key, found);
      } else {
        const children = plans.flatMap((plan) => plan.of(key) ?? []);
        if (children.length === 0) (keys ??= []).push(key);
        else this.#child(children.map(({ schema }) => schema), input[key], key, found);
      }
    }
    for (const plan of plans) {
      for (const key of plan.prefilled) {
        if (!(key in input)) this.#child([plan.of(key)!.schema], undefined, key, found);
      }
    }
    if (keys) found.push({ path: [], unknown: { keys, valid: plans.flatMap(({ valid }) => valid) } });
  }

  #child(schemas: readonly Schema[], value: unknown, key: PropertyKey, found: Finding[]): void {
    const isObject = typeof value === "object" && value !== null;
    if (
      !schemas.some((schema) => (reachOf(schema) & (isObject ? ~0 : ~REACHES.keys)) !== 0)
    ) {
      return;
    }
    for (const finding of this.of(schemas, value)) found.push({ ...finding, path: [key, ...finding.path] });
  }

  #union(union: Schema, others: readonly Schema[], input: object): readonly Finding[] {
    const { options, inclusive, discriminator } = defOf(union) as z.core.$ZodDiscriminatedUnionDef;
    const value = discriminator === undefined ? undefined : (input as Record<string, unknown>)[discriminator];
    const meant = discriminator === undefined
      ? options
      : options.filter((option) => option._zod.propValues?.[discriminator]?.has(value as never));
    const first = this.#firstForm(meant, input);
    const isXor = inclusive === false && discriminator === undefined;
    if (first < 0 || (isXor && meant.slice(first + 1).some((option) => accepts(option, input)))) {
      // What is wrong with an artifact is not its keys.
      if (isArtifact(input)) return NONE;
      const forms = (meant.length > 0 ? meant : options).filter((option) =>
        !this.#takesAnything(option, input)
      );
      return forms.length === 0 ? NONE : this.of([...forms, ...others], input);
    }
    const found = this.#form(meant[first]!, others, input);
    if (!found.some(({ unknown }) => unknown) || inclusive === false || this.#computed > 0) return found;
    const other = meant.slice(first + 1).find((option) =>
      accepts(option, input) && this.#form(option, others, input).length === 0
    );
    if (!other) return found;
    this.choices ??= new Map();
    if (!this.choices.has(union)) this.choices.set(union, new Map());
    this.choices.get(union)!.set(input, other);
    return NONE;
  }

  /** The place of the form that zod takes; -1 when it takes none. */
  #firstForm(forms: readonly Schema[], input: object): number {
    const near: number[] = [];
    for (const [i, form] of forms.entries()) {
      const fit = fitOf(form, input);
      if (fit === "fits") return i;
      if (fit === "nearly") near.push(i);
    }
    return near.length === 1 ? near[0]! : -1;
  }

  /** Kept, since nested unions would ask for the same again and again, twice as often with each level. */
  #form(option: Schema, others: readonly Schema[], input: object): readonly Finding[] {
    if (others.length > 0) return this.of([option, ...others], input);
    this.#seen ??= new Map();
    let known = this.#seen.get(option);
    if (!known) this.#seen.set(option, known = new Map());
    let found = known.get(input);
    if (!found) known.set(input, found = this.of([option], input));
    return found;
  }

  #takesAnything(option: Schema, input: object): boolean {
    const sides: Side[] = [];
    this.#sides(option, input, sides, []);
    return sides.includes(OPAQUE);
  }
}

/** In place of a schema that takes all there is and hands it on as it is. */
const OPAQUE = "opaque";
type Side = Schema | typeof OPAQUE;

/** The schema of a member of a list. */
function itemSchema(schema: Schema, i: number): Schema | readonly Schema[] {
  const def = defOf(schema);
  if (def.type === "array") return def.element;
  return def.type === "tuple" ? def.items[i] ?? def.rest ?? [] : [];
}

function partOf(
  schema: Schema,
  type: "map" | "set",
  part: "keyType" | "valueType",
): Schema | readonly Schema[] {
  const def = defOf(schema);
  return def.type === type ? (def as z.core.$ZodMapDef)[part] : [];
}
