import { StoreError } from "../../core/errors.ts";
import { decodeTagged } from "../../core/json/decode_tagged.ts";
import { encodeTagged } from "../../core/json/encode_tagged.ts";
import { bytesOf, TAG, type TypedArray, typedArrayOver } from "../../core/json/tags.ts";
import { ValuePaths, type ValuePlaces } from "./value_path.ts";

/** Typed arrays with more bytes than this are files of their own. */
const MAX_INLINE_BYTES = 4096;

/** How {@link encodeValue} encodes. */
export interface EncodeValueOptions {
  /**
   * Where the attempt's files are: paths into the store are stored relative to where they are found again.
   */
  places: ValuePlaces;
  /**
   * The name and hash of an artifact; `undefined` for any other object.
   *
   * @default {nothing is an artifact}
   */
  artifactReference?: (value: object) => readonly [name: string, hash: string] | undefined;
  /**
   * What the value belongs to, for errors: `"toy/Train(4f0c12ab)"`.
   *
   * @default {none}
   */
  owner?: string;
}

/** A file to be written into the attempt's folder before the record is committed. */
export interface ValueFile {
  /** Its name in the folder. */
  name: string;
  /** Its contents: a view of the value's own memory, to be written before anybody changes that. */
  bytes: Uint8Array;
}

/** A value as it is stored. */
export interface EncodedValue {
  /** JSON text. */
  json: string;
  /** The typed arrays that are too large for it. */
  files: ValueFile[];
  /** Whether it names the attempt's folder, which then has to stay, also when it is empty. */
  namesDir: boolean;
  /** Folders of other attempts that it names, below the store's. */
  uses: string[];
}

/**
 * Encodes what `create` returned. Besides JSON it may hold `undefined`, NaN, infinities, -0, bigint, Date,
 * Map, Set, typed arrays and artifacts, and all of them come back as they were. A path into the store (also
 * as a `file:` URL, and as a key) comes back as one into wherever the store is then.
 *
 * @throws {ValidationError} naming the path (`value.rows[3]`) of a function, a symbol, a class instance, a
 * hole in an array, a cycle, nesting deeper than 200, or of a path to what will be gone: `ctx.checkpointDir`,
 * another attempt.
 */
export function encodeValue(value: unknown, options: EncodeValueOptions): EncodedValue {
  const paths = new ValuePaths(options.places);
  const files: ValueFile[] = [];
  const json = encodeTagged(value, {
    action: "store",
    path: "value",
    owner: options.owner,
    canonical: false,
    instead:
      "write large data into a file in ctx.dir and return its path, or return typed arrays, which become files",
    artifactReference: options.artifactReference,
    string: paths.encode,
    typedArray: (kind, view) => {
      if (view.byteLength <= MAX_INLINE_BYTES) return undefined;
      // The dot and furu's name keep it apart from whatever files `create` has written there.
      const name = `.furu-value-${files.length}.bin`;
      files.push({ name, bytes: bytesOf(view) });
      return JSON.stringify({ [TAG.typedFile]: [kind, name, view.byteLength] });
    },
  });
  return { json, files, namesDir: paths.namesDir, uses: [...paths.uses] };
}

/** How {@link decodeValue} decodes. */
export interface DecodeValueOptions {
  /** Where the attempt's folder is now, absolute. */
  dir: string;
  /** Where the store is now, absolute. */
  root: string;
  /** Makes an artifact that can be loaded from its task's name and hash. */
  artifact: (name: string, hash: string) => unknown;
  /** Reads a file, given its path. */
  readBytes: (path: string) => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * The value that was encoded.
 *
 * @param json The parsed JSON text; not changed.
 * @throws {ValidationError} If it was never encoded by {@link encodeValue}; StoreError when a file of it does
 * not have the size it had; whatever `readBytes` throws.
 */
export async function decodeValue(json: unknown, options: DecodeValueOptions): Promise<unknown> {
  const { dir, root, artifact, readBytes } = options;
  const pending: { path: string; into: Uint8Array }[] = [];
  const value = decodeTagged(json, {
    artifact,
    path: (suffix) => dir + suffix,
    storePath: (suffix) => root + suffix,
    // Decoding is synchronous: the arrays are made at once and filled when the files have been read.
    typedFile: (kind, file, size) => {
      const path = `${dir}/${file}`;
      const array = emptyArray(kind, file, size);
      if (!array) throw new StoreError(`Cannot read the typed array in '${path}': ${kind} of ${size} bytes`);
      pending.push({ path, into: bytesOf(array) });
      return array;
    },
  });
  await Promise.all(pending.map(async ({ path, into }) => {
    const bytes = await readBytes(path);
    if (bytes.byteLength !== into.byteLength) {
      throw new StoreError(
        `Cannot read '${path}' as it must have ${into.byteLength} bytes: it has ${bytes.byteLength}`,
      );
    }
    into.set(bytes);
  }));
  return value;
}

/** How {@link checkValue} checks. */
export interface CheckValueOptions extends Pick<DecodeValueOptions, "dir" | "root"> {
  /** What is kept of the artifacts in it, by hash. */
  table: object;
  /** Size of a file of that name in the attempt's folder; an error when it is not there. */
  sizeOf: (name: string) => Promise<number>;
}

/**
 * Checks that a value could be decoded, without reading its files or making its artifacts.
 *
 * @param json The parsed JSON text.
 * @throws What {@link decodeValue} would throw; whatever `sizeOf` throws.
 */
export async function checkValue(json: unknown, options: CheckValueOptions): Promise<undefined> {
  const { dir, root, table, sizeOf } = options;
  const files: [name: string, size: number][] = [];
  decodeTagged(json, {
    path: (suffix) => dir + suffix,
    storePath: (suffix) => root + suffix,
    artifact: (name, hash) => {
      if (!Object.hasOwn(table, hash)) throw new StoreError(`Cannot find what is kept of ${name}(${hash})`);
    },
    typedFile: (kind, file, size) => {
      const array = emptyArray(kind, file, 0);
      if (!array) {
        throw new StoreError(`Cannot read the typed array in '${dir}/${file}': ${kind} of ${size} bytes`);
      }
      files.push([file, size]);
      return array;
    },
  });
  for (const [name, size] of files) {
    const there = await sizeOf(name);
    if (there !== size) {
      throw new StoreError(`Cannot read '${dir}/${name}' as it must have ${size} bytes: it has ${there}`);
    }
  }
  return undefined;
}

/**
 * An array of that many bytes; `undefined` when a record that is not ours names a nonsensical kind, file or
 * size.
 */
function emptyArray(kind: string, file: string, size: number): TypedArray | undefined {
  if (file.includes("/") || !Number.isSafeInteger(size) || size < 0) return undefined;
  return typedArrayOver(kind, new Uint8Array(size));
}
