import type { z } from "zod";
import { accepts, ANYTHING, defOf, isWrapper, REACHES, reachOf, type Schema } from "./schema_walk.ts";

/** A schema below an object, and what can be found in what it takes. */
export interface Child {
  /** The schema that looks at the value. */
  schema: Schema;
  /** See {@link reachOf}. */
  reach: number;
}

/** The rules for the keys of an object or record. */
export interface KeyPlan {
  /** The keys that it names. */
  valid: readonly string[];
  /** The schema for the value of a key; `undefined` for one that it does not take. */
  of: (key: string) => Child | undefined;
  /** Whether keys that it does not take are to be found. Otherwise zod itself refuses them. */
  refuses: boolean;
  /** Whether there is nothing to be found, whatever the keys are. */
  idle: boolean;
  /** The keys that have something to be looked at even where nothing is given. */
  prefilled: readonly string[];
}

const plans = new WeakMap<Schema, KeyPlan>();
const topPlans = new WeakMap<Schema, KeyPlan>();

/** The rules for the keys of this schema; `undefined` for one that is no object or record. */
export function planOf(schema: Schema, top: boolean): KeyPlan | undefined {
  const known = top ? topPlans : plans;
  let plan = known.get(schema);
  if (plan) return plan;
  const def = defOf(schema);
  if (def.type === "object") plan = planOfObject(def, top);
  else if (def.type === "record") plan = planOfRecord(def);
  else return undefined;
  known.set(schema, plan);
  return plan;
}

function planOfObject({ shape, catchall }: z.core.$ZodObjectDef, top: boolean): KeyPlan {
  const valid = Object.keys(shape);
  const rest = catchall && defOf(catchall).type;
  const open = rest !== undefined && rest !== "never" && !(top && rest === "unknown");
  const others = open ? childOf(catchall!) : undefined;
  const children = new Map(valid.map((key) => [key, childOf(shape[key]!)]));
  return {
    valid,
    of: (key) => children.get(key) ?? others,
    refuses: true,
    idle: false,
    prefilled: valid.filter((key) => (children.get(key)!.reach & REACHES.prefault) !== 0),
  };
}

function planOfRecord({ keyType, valueType, mode }: z.core.$ZodRecordDef): KeyPlan {
  const child = childOf(valueType);
  const loose = mode === "loose";
  const names = keyType._zod.values;
  const valid = loose ? [] : [...names ?? []].map(String);
  const isKey = (key: string) => accepts(keyType, key) || accepts(keyType, Number(key));
  return {
    valid,
    // A loose record hands the values of other keys on as they are.
    of: (key) => isKey(key) ? child : loose ? AS_IT_IS : undefined,
    refuses: names !== undefined,
    idle: child.reach === 0 && (loose || names === undefined),
    prefilled: [],
  };
}

const AS_IT_IS: Child = { schema: ANYTHING, reach: 0 };

/** A schema without what makes no difference to an object in it. */
export function childOf(schema: Schema): Child {
  const reach = reachOf(schema);
  for (;;) {
    const def = defOf(schema);
    if (!isWrapper(def) || def.type === "catch" || def.type === "prefault") return { schema, reach };
    schema = def.innerType;
  }
}
