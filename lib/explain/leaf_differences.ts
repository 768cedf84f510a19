import type { ArtifactDifference, FieldDifference } from "./differences.ts";

/** A field in which artifacts differ at last: the reason of all the differences above it. */
export interface LeafDifference {
  /** The dependencies that lead to it: paths of the fields, and the tasks that are there. */
  readonly through: readonly { readonly path: string; readonly task: string }[];
  /** The field. */
  readonly field: FieldDifference;
}

/** So many are found at most. */
const MOST_LEAVES = 50;

/**
 * The fields at the ends of all dependencies that differ: `seed` of the `data`, where that is all by which
 * one training differs from another one. A difference that many dependencies share is one.
 */
export function leafDifferences(fields: readonly FieldDifference[]): LeafDifference[] {
  const found: LeafDifference[] = [];
  const seen = new Set<ArtifactDifference>();
  // A stack of its own, for chains are long.
  const open: LeafDifference[] = fields.map((field) => ({ through: [], field })).reverse();
  for (let leaf = open.pop(); leaf && found.length < MOST_LEAVES; leaf = open.pop()) {
    const { field, through } = leaf;
    const below = field.below?.fields;
    // Of another task, or not known: the dependency itself is what differs.
    if (!field.below || !below || below.length === 0 || below.some(({ of }) => of === "task")) {
      found.push(leaf);
    } else if (!seen.has(field.below)) {
      seen.add(field.below);
      const deeper = [...through, { path: field.path, task: field.below.new.name }];
      for (const each of below.toReversed()) open.push({ through: deeper, field: each });
    }
  }
  return found;
}

/** Where a leaf is, as a text: `data (toy/Prep) seed`. */
export function leafPath({ through, field }: LeafDifference): string {
  const NAMED = 3;
  const steps = through.map(({ path, task }) => `${path} (${task})`);
  const shown = steps.length <= NAMED ? steps : [steps[0], `… ${steps.length - 2} more …`, steps.at(-1)];
  return [...shown, field.path === "" ? "parameters" : field.path].join(" ");
}
