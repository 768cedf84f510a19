import { isPlainObject } from "../core/json/tags.ts";
import type { ArtifactEntry } from "../catalog/read_entries.ts";
import { compareText } from "../core/json/encode_tagged.ts";
import { differingFields, type StoredIdentity } from "./differences.ts";

/** A stored artifact that others are compared with. */
interface Compared {
  readonly entry: ArtifactEntry;
  /** Texts of its fields, by their paths. */
  readonly fields: ReadonlyMap<string, string>;
}

/** The stored artifacts of one task, to find among them the one that is nearest to another one. */
export class StoredOfTask {
  readonly #candidates: Compared[];

  /** @param entries All artifacts of the task; those without a result are left out. */
  constructor(entries: readonly ArtifactEntry[]) {
    this.#candidates = entries.flatMap((entry) => {
      const identity = entry.record?.identity;
      return identity ? [{ entry, fields: fieldsOf(identity) }] : [];
    }).sort((a, b) => compareText(b.entry.at ?? "", a.entry.at ?? ""));
  }

  /** The number of stored artifacts. */
  get size(): number {
    return this.#candidates.length;
  }

  /**
   * The one that differs in the fewest fields; of those the newest.
   *
   * @param identity What it is to be near to.
   * @param hash Its hash: itself is not meant.
   * @param most Only so many, the newest, are compared.
   * @default {all}
   */
  nearest(
    identity: StoredIdentity,
    hash: string,
    most = Infinity,
  ): ArtifactEntry | undefined {
    const wanted = fieldsOf(identity);
    let best: Compared | undefined;
    let least = Infinity;
    let left = most;
    for (const candidate of this.#candidates) {
      if (left-- <= 0) break;
      if (candidate.entry.hash === hash) continue;
      const count = countDiffering(wanted, candidate.fields, least);
      if (count < least) [best, least] = [candidate, count];
    }
    return best?.entry;
  }
}

/** How many fields differ; no more than `most` are counted. */
function countDiffering(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
  most: number,
): number {
  let shared = 0;
  let count = 0;
  for (const [path, text] of a) {
    const other = b.get(path);
    if (other !== undefined) shared++;
    if (other !== text && ++count >= most) return count;
  }
  return count + b.size - shared;
}

const NOTHING: StoredIdentity = { task: "" };

function fieldsOf(identity: StoredIdentity): Map<string, string> {
  const fields = differingFields(NOTHING, { ...identity, params: undefined, task: "" });
  const flat = new Map(fields.map((field, i) => [`${field.of} ${i}`, JSON.stringify(field.new)]));
  flatten(identity.params, "params", flat);
  return flat;
}

function flatten(value: unknown, path: string, flat: Map<string, string>): void {
  if (!isPlainObject(value) || Object.keys(value).length === 0) {
    flat.set(path, typeof value === "string" ? value : JSON.stringify(value));
    return;
  }
  for (const [key, each] of Object.entries(value)) flatten(each, `${path}.${key}`, flat);
}
