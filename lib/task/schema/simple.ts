import { type Def, defOf, isWrapper, partsOf, type Schema } from "./schema_walk.ts";

const SIMPLE = new Set<Def["type"]>(
  ("string number boolean bigint date null enum literal any unknown custom object array tuple record set map union " +
    "intersection").split(" ") as Def["type"][],
);

/**
 * Whether input and output of this schema have the same type, so that a value of the output type can be
 * parsed.
 */
export function isSimple(schema: Schema): boolean {
  const all = new Set([schema]);
  for (const part of all) {
    const def = defOf(part);
    if (!SIMPLE.has(def.type) && !(isWrapper(def) && def.type !== "success")) return false;
    for (const below of partsOf(part)) all.add(below);
  }
  return true;
}
