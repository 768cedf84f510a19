import { type DecodeOptions, decodeTagged } from "./decode_tagged.ts";
import { encodeTagged } from "./encode_tagged.ts";
import { type Hash, hashText } from "../hash.ts";

/** Options of {@link canonicalJson}. */
export interface CanonicalOptions {
  /**
   * Name of the value in errors.
   *
   * @default {"value"}
   */
  path?: string;
  /**
   * What the value belongs to, for errors: `"toy/Train"`.
   *
   * @default {none}
   */
  owner?: string;
  /**
   * The number of characters that are allowed.
   *
   * @default {what V8 takes as one string}
   */
  most?: number;
  /**
   * What to do where they are too many, for errors.
   *
   * @default {nothing is said}
   */
  instead?: string;
  /**
   * The name and hash of an artifact; `undefined` for any other object.
   *
   * @default {nothing is an artifact}
   */
  artifactReference?: (value: object) => readonly [name: string, hash: string] | undefined;
  /**
   * Whether files and folders are written with where they are, for other processes: that is no identity.
   *
   * @default {false}
   */
  inputPaths?: boolean;
}

/**
 * The canonical JSON text of a value: equal values give equal texts and different values different ones. Keys
 * are sorted by code unit, members of a Set and entries of a Map by the bytes of their canonical text; there
 * are no spaces; what JSON has no form for is tagged (see `tags.ts`); `-0` is `0` and `undefined` properties
 * are absent.
 *
 * @throws {ValidationError} naming the path (`params.layers[2].lr`) of NaN, an infinity, `undefined` in an
 * array, a hole, an invalid date, a function, a symbol, a class instance, a cycle, or nesting deeper than
 * 200.
 */
export function canonicalJson(value: unknown, options: CanonicalOptions = {}): string {
  return encodeTagged(value, {
    action: "hash",
    path: options.path ?? "value",
    owner: options.owner,
    canonical: true,
    most: options.most,
    instead: options.instead,
    artifactReference: options.artifactReference,
    inputPaths: options.inputPaths,
  });
}

/**
 * The value of which this JSON value (parsed canonical JSON) is the canonical form. Exact but for what
 * canonical JSON does not tell apart: `-0`, `undefined` properties, the order of keys, members and entries.
 *
 * @param options `artifact` makes an artifact from its task's name and hash.
 * @throws {ValidationError} If it is no canonical form.
 */
export function fromCanonical(
  json: unknown,
  options: Pick<DecodeOptions, "artifact" | "input">,
): unknown {
  return decodeTagged(json, options);
}

/**
 * The canonical text of a JSON value that is in canonical form already, as parsed from a file in which
 * somebody may have changed the order of keys and the spaces: keys are sorted, nothing is tagged again.
 */
export function canonicalizeJson(json: unknown): string {
  if (Array.isArray(json)) return `[${json.map(canonicalizeJson).join()}]`;
  if (typeof json !== "object" || json === null) return JSON.stringify(json);
  const record = json as Record<string, unknown>;
  const members = Object.keys(record).sort().map((key) =>
    `${JSON.stringify(key)}:${canonicalizeJson(record[key])}`
  );
  return `{${members.join()}}`;
}

/** The hash that the `identity` of a stored record stands for: what its file has to be named after. */
export function hashOfIdentity(identity: unknown): Hash {
  return hashText(canonicalizeJson(identity));
}
