import { fromCanonical } from "../core/json/canonical.ts";
import type { InputFacts, InputType } from "../core/json/input_file.ts";
import { decodeTagged } from "../core/json/decode_tagged.ts";
import { typedArrayOver } from "../core/json/tags.ts";
import type { TypedArray } from "../core/json/tags.ts";
import { StoreError } from "../core/errors.ts";

/** An artifact in a cell of a table. */
export class ArtifactCell {
  /** Of its name and its hash. */
  constructor(readonly name: string, readonly hash: string) {}

  /** As furu prints artifacts, with the whole hash: `toy/Prep(4f0c...)`. */
  toJSON(): string {
    return `${this.name}(${this.hash})`;
  }
}

/** A typed array that lies in a file and was not read. */
export class FileCell {
  /** Of its kind (`"Float64Array"`), the path of its file and the size of that in bytes. */
  constructor(readonly kind: string, readonly path: string, readonly bytes: number) {}

  /** What it is, for people: `Float64Array(1000)`. */
  toJSON(): string {
    const size = (typedArrayOver(this.kind, new Uint8Array(0)) as { BYTES_PER_ELEMENT?: number } | undefined)
      ?.BYTES_PER_ELEMENT ?? 1;
    return `${this.kind}(${this.bytes / size})`;
  }

  /**
   * The array itself.
   *
   * @throws {StoreError} If the file does not hold it.
   */
  async read(readBytes: (path: string) => Promise<Uint8Array<ArrayBuffer>>): Promise<TypedArray> {
    const bytes = await readBytes(this.path);
    const array = bytes.byteLength === this.bytes ? typedArrayOver(this.kind, bytes) : undefined;
    if (array) return array;
    throw new StoreError(
      `Cannot read '${this.path}' as it must have ${this.bytes} bytes: it has ${bytes.length}`,
    );
  }
}

/** A file or a folder in a cell of a table. */
export class InputCell {
  /** What it is, and what is known of it. */
  constructor(readonly kind: InputType, readonly facts: InputFacts) {}

  /** Its path, where that is known, with the whole SHA-256: `/data/rows.csv(3f0c...)`. */
  toJSON(): string {
    return `${this.facts.path ?? this.kind}(${this.facts.sha256})`;
  }
}

/**
 * Values by their paths, as `data.size`: what is no plain object, or an empty one, is a cell by itself. A
 * value that is a cell itself has the path that it is given.
 */
export type Cells = Map<string, unknown>;

const input = (kind: InputType, facts: InputFacts): InputCell => new InputCell(kind, facts);

/** Parameters, as canonical JSON has them, as cells. */
export function paramCells(params: unknown): Cells {
  const cells: Cells = new Map();
  if (params === undefined) return cells;
  flatten(
    fromCanonical(params, { artifact: (name, hash) => new ArtifactCell(name, hash), input }),
    "",
    cells,
  );
  return cells;
}

/**
 * A stored value as cells below `value`.
 *
 * @param json The value as its record has it.
 * @param places The folder of the attempt, and the store's.
 * @throws {ValidationError} If furu never wrote it.
 */
export function valueCells(json: unknown, { dir, root }: { dir: string; root: string }): Cells {
  const value = decodeTagged(json, {
    artifact: (name, hash) => new ArtifactCell(name, hash),
    input,
    path: (suffix) => dir + suffix,
    storePath: (suffix) => root + suffix,
    // It stands for the array, which is read when somebody wants it.
    typedFile: (kind, file, bytes) => new FileCell(kind, `${dir}/${file}`, bytes) as unknown as TypedArray,
  });
  const cells: Cells = new Map();
  flatten(value, "value", cells);
  return cells;
}

/**
 * Values as cells below a path.
 *
 * @param cellFor Makes the cell of what is no plain object.
 * @default {the value itself}
 */
export function flatten(
  value: unknown,
  path: string,
  cells: Cells,
  cellFor: (value: unknown) => unknown = (value) => value,
): void {
  if (!isPlain(value)) return void cells.set(path, cellFor(value));
  for (const [key, item] of Object.entries(value)) {
    flatten(item, path === "" ? key : `${path}.${key}`, cells, cellFor);
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.keys(value).length > 0;
}
