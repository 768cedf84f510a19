import type { Shortage } from "../../core/attempt_end.ts";
import { errorText } from "../../core/errors.ts";
import { nextSpec, type SpecLadder, type SpecNeeds } from "../../task/ladder.ts";

/** The fields of a spec that may grow, and what there is too little of when they are too small. */
const GROWING: Readonly<Record<"memGb" | "timeMin", Shortage>> = { memGb: "memory", timeMin: "time" };
const FIELDS = Object.keys(GROWING) as (keyof typeof GROWING)[];
/** A function is asked for so many attempts. */
const MOST_ATTEMPTS = 5;

/** Specs, each size of those that grow as a spec of its own. */
export interface GrownSpecs {
  /** By name: of a spec `big` that grows, `big` is the first size, `big.2` the next. */
  readonly specs: Record<string, unknown>;
  /** From which size to which: by the spec. */
  readonly ladder: SpecLadder;
  /** Sizes that a function gave for later attempts: one that no cluster could give is left out. */
  readonly byFunction: ReadonlySet<string>;
  /** What is wrong. */
  readonly faults: readonly string[];
}

/**
 * Makes specs of specs that grow with the attempt: `memGb: [8, 16, 32]`, or `memGb: ({ attempt }) => 8 *
 * attempt`. What is no such thing stays as it is, for others to check.
 */
export function growSpecs(given: Readonly<Record<string, unknown>>): GrownSpecs {
  const specs: Record<string, unknown> = {};
  const ladder: Record<string, Partial<Record<Shortage, string>>> = {};
  const byFunction = new Set<string>();
  const faults: string[] = [];
  for (const [name, spec] of Object.entries(given)) {
    const sizes = sizesOf(name, spec, faults);
    sizes.forEach((size, index) => {
      const own = nameOf(name, index);
      if (index > 0 && Object.hasOwn(given, own)) {
        faults.push(`spec '${own}' cannot be, as it is the name of attempt ${index + 1} of spec '${name}'`);
      }
      specs[own] = size;
      if (index > 0 && FIELDS.some((field) => typeof fieldOf(spec, field) === "function")) {
        byFunction.add(own);
      }
      for (const field of FIELDS) {
        const next = sizes.findIndex((other, at) => at > index && most(other, field) > most(size, field));
        if (next > 0) (ladder[own] ??= {})[GROWING[field]] = nameOf(name, next);
      }
    });
  }
  return { specs, ladder, byFunction, faults };
}

/**
 * The specs that an artifact may come to: first all sizes of a spec, then the next spec that its task names.
 *
 * @param needs What the task says.
 * @param growth The sizes of specs.
 */
export function withGrowth(needs: SpecNeeds, growth: SpecLadder): SpecNeeds {
  const ladder: Record<string, Partial<Record<Shortage, string>>> = {};
  const base = new Map([[needs.spec, needs.spec]]);
  // A Map's iteration goes on over what is added meanwhile.
  for (const [spec, named] of base) {
    for (const lack of Object.values(GROWING)) {
      const larger = nextSpec(growth, spec, lack);
      const next = larger ?? nextSpec(needs.ladder, named, lack);
      if (next === undefined) continue;
      (ladder[spec] ??= {})[lack] = next;
      if (!base.has(next)) base.set(next, larger === undefined ? next : named);
    }
  }
  return Object.keys(ladder).length === 0 ? { spec: needs.spec } : { spec: needs.spec, ladder };
}

/** A ladder without some specs: those before them are the last ones. */
export function withoutSpecs(ladder: SpecLadder, without: ReadonlySet<string>): SpecLadder {
  const left = Object.entries(ladder).flatMap(([spec, next]) => {
    const kept = Object.entries(next).filter(([, to]) => !without.has(to));
    return without.has(spec) || kept.length === 0 ? [] : [[spec, Object.fromEntries(kept)]];
  });
  return Object.fromEntries(left);
}

function nameOf(name: string, index: number): string {
  return index === 0 ? name : `${name}.${index + 1}`;
}

/** The sizes of a spec: of one that does not grow, itself. */
function sizesOf(name: string, spec: unknown, faults: string[]): unknown[] {
  const grows = FIELDS.filter((field) => {
    const value = fieldOf(spec, field);
    return typeof value === "function" || Array.isArray(value) && value.length > 0;
  });
  if (grows.length === 0) return [spec];
  const values = new Map(grows.map((field) => [field, valuesOf(name, field, fieldOf(spec, field), faults)]));
  const count = Math.max(...[...values.values()].map(({ length }) => length));
  return Array.from({ length: count }, (_, index) => ({
    ...spec as object,
    ...Object.fromEntries([...values].map(([field, all]) => [field, all[index] ?? all.at(-1)])),
  }));
}

function valuesOf(name: string, field: keyof typeof GROWING, given: unknown, faults: string[]): unknown[] {
  if (typeof given !== "function") {
    const values = given as unknown[];
    const grows = values.every((value, index) =>
      index === 0 || rank(value, field) > rank(values[index - 1], field)
    );
    if (values.every((value) => typeof value === "number") && !grows) {
      faults.push(
        `spec '${name}'.${field}: each value must be more than the one before: current value is ` +
          Deno.inspect(values),
      );
      return values.slice(0, 1);
    }
    return values;
  }
  const values: unknown[] = [];
  try {
    for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
      const said: unknown = given({ attempt });
      const value = field === "timeMin" && typeof said === "number" ? Math.ceil(said) : said;
      // Where it grows no more, more of the same would not help.
      if (attempt > 1 && !(rank(value, field) > rank(values.at(-1), field))) break;
      values.push(value);
    }
  } catch (error) {
    faults.push(`spec '${name}'.${field} threw: ${errorText(error)}`);
  }
  return values.length === 0 ? [undefined] : values;
}

function most(size: unknown, field: keyof typeof GROWING): number {
  return rank(fieldOf(size, field), field);
}

/** 0 of memory is all that a node has. */
function rank(value: unknown, field: keyof typeof GROWING): number {
  if (typeof value !== "number") return Number.NaN;
  return field === "memGb" && value === 0 ? Infinity : value;
}

function fieldOf(spec: unknown, field: keyof typeof GROWING): unknown {
  return typeof spec === "object" && spec !== null ? (spec as Record<string, unknown>)[field] : undefined;
}
