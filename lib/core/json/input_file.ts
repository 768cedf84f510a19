import { ValidationError } from "../errors.ts";
import { TAG, tagOf } from "./tags.ts";

/** The key by which files and folders among parameters are recognised, whichever copy of furu made them. */
export const INPUT: unique symbol = Symbol.for("furu.input") as never;

/** What an input is. */
export type InputType = "file" | "folder";

/** What is known of an input. */
export interface InputFacts {
  /** The SHA-256 of its content, 64 hex digits: all of it that counts. */
  readonly sha256: string;
  /** Where it is, absolute; not there where that is not known. */
  readonly path?: string | undefined;
  /**
   * Size, times and inode that it had when its content was read: while they are the same, so is the content.
   * Not there where it had been changed just before, as then the same times say nothing.
   */
  readonly stamp?: string | undefined;
}

/**
 * A file or a folder as a parameter: its content counts, its path does not.
 *
 * @typeParam T What it is.
 */
export interface Input<T extends InputType = InputType> {
  /**
   * For furu itself.
   *
   * @internal
   */
  readonly [INPUT]: InputFacts;
  /** What it is. */
  readonly kind: T;
  /** The SHA-256 of its content, 64 hex digits. */
  readonly sha256: string;
  /**
   * Where it is, absolute. Of an artifact that was found in the store: where it was. To read it where that is
   * not known is an error.
   */
  readonly path: string;
  /**
   * Gives the path, so that it can stand in a text.
   *
   * @returns The path.
   */
  toString(): string;
}

/** A file as a parameter, which `file(path)` makes: its content counts, its path does not. */
export type FileInput = Input<"file">;

/** A folder as a parameter, which `folder(path)` makes: what is in it counts, its path does not. */
export type FolderInput = Input<"folder">;

/** Which tag stands for which, in canonical JSON and in values. */
const TAGS = { file: TAG.file, folder: TAG.folder } as const;

/** What a tag stands for; nothing for one of another kind. */
export function inputTypeOf(tag: string): InputType | undefined {
  return tag === TAG.file ? "file" : tag === TAG.folder ? "folder" : undefined;
}

/** Whether a value is a file or a folder as a parameter. */
export function isInput(value: unknown): value is Input {
  return typeof value === "object" && value !== null && INPUT in value;
}

/** All that is known of one, the path where that is known. */
export function factsOf(input: Input): InputFacts {
  return input[INPUT];
}

/** Makes one of what is known of it. */
export function makeInput(kind: InputType, facts: InputFacts): Input {
  return new InputObject(kind, facts);
}

/** What people see of one: `rows.csv(3f0c12ab)`, or `file(3f0c12ab)` where its path is not known. */
export function inputLabel(kind: InputType, { sha256, path }: InputFacts): string {
  return `${path === undefined ? kind : path.slice(path.lastIndexOf("/") + 1) || path}(${
    sha256.slice(0, 8)
  })`;
}

class InputObject implements Input {
  readonly [INPUT]: InputFacts;
  readonly kind: InputType;
  readonly sha256: string;
  declare readonly path: string;

  constructor(kind: InputType, facts: InputFacts) {
    const { sha256, path } = facts;
    this.kind = kind;
    this.sha256 = sha256;
    this[INPUT] = facts;
    // Of its own, so that it is in copies, too.
    Object.defineProperty(
      this,
      "path",
      path === undefined ? { get: unknownPath } : { value: path, enumerable: true },
    );
    Object.freeze(this);
  }

  toString(): string {
    return this.path;
  }

  toJSON(): Record<string, unknown> {
    const { sha256, path } = this[INPUT];
    return { [TAGS[this.kind]]: path === undefined ? { sha256 } : { path, sha256 } };
  }

  [Symbol.for("Deno.customInspect")](): string {
    return inputLabel(this.kind, this[INPUT]);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return inputLabel(this.kind, this[INPUT]);
  }
}

function unknownPath(this: Input): never {
  throw new ValidationError(
    `Cannot tell the path of a ${this.kind}: only its content is known (SHA-256 ${this.sha256})`,
  );
}

/** What of an input stands in its JSON besides what counts. */
export interface InputJsonOptions {
  /**
   * Makes the JSON of its path.
   *
   * @default {it is left out}
   */
  path?: ((path: string) => string) | undefined;
  /**
   * Whether its stamp does, for those who are to read the file.
   *
   * @default {false}
   */
  stamp?: boolean;
}

/** The JSON of an input with its tag. */
export function inputJson(input: Input, options: InputJsonOptions): string {
  const { sha256, path, stamp } = input[INPUT];
  const members = [
    ...(options.path === undefined || path === undefined ? [] : [`"path":${options.path(path)}`]),
    `"sha256":"${sha256}"`,
    ...(!options.stamp || stamp === undefined ? [] : [`"stamp":${JSON.stringify(stamp)}`]),
  ];
  return `{"${TAGS[input.kind]}":{${members.join()}}}`;
}

/** The facts that the content of a tag holds; nothing where it holds anything else. */
export function inputFacts(content: unknown): InputFacts | undefined {
  if (typeof content !== "object" || content === null) return undefined;
  const { sha256, path, stamp } = content as Record<string, unknown>;
  const isText = (value: unknown) => value === undefined || typeof value === "string";
  if (typeof sha256 !== "string" || !isSha256(sha256) || !isText(path) || !isText(stamp)) return undefined;
  return {
    sha256,
    ...(path === undefined ? {} : { path: path as string }),
    ...(stamp === undefined ? {} : { stamp: stamp as string }),
  };
}

/** Whether a text is a SHA-256: 64 hex digits, small ones. */
export function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Paths of inputs by the SHA-256 of their contents. */
export type InputPaths = Readonly<Record<string, string>>;

/** Where these inputs are, as far as that is known; nothing where there are none. */
export function pathsOf(inputs: readonly Input[] | undefined): InputPaths | undefined {
  if (inputs === undefined || inputs.length === 0) return undefined;
  return Object.fromEntries(
    inputs.flatMap((input) => input[INPUT].path === undefined ? [] : [[input.sha256, input.path]]),
  );
}

/**
 * Canonical JSON, parsed, in which the inputs have their paths, for people. It is no identity any more.
 *
 * @param paths Where they are, or were; nothing is changed without.
 */
export function withInputPaths<T>(json: T, paths: InputPaths | undefined): T {
  if (paths === undefined) return json;
  return mapInputs(
    json,
    ({ sha256 }) => Object.hasOwn(paths, sha256) ? { path: paths[sha256], sha256 } : { sha256 },
  ) as T;
}

/** Canonical JSON, parsed, in which of the inputs only stands what counts: as in an identity. */
export function withoutInputPaths<T>(json: T): T {
  return mapInputs(json, ({ sha256 }) => ({ sha256 })) as T;
}

/** What holds no input stays the very same. */
function mapInputs(json: unknown, change: (facts: InputFacts) => InputFacts): unknown {
  if (typeof json !== "object" || json === null) return json;
  const [tag, content] = tagOf(json) ?? [];
  if (tag !== undefined && inputTypeOf(tag)) {
    const facts = inputFacts(content);
    return facts === undefined ? json : { [tag]: change(facts) };
  }
  let changed = false;
  const map = (item: unknown): unknown => {
    const made = mapInputs(item, change);
    changed ||= made !== item;
    return made;
  };
  const made = Array.isArray(json)
    ? json.map(map)
    : Object.fromEntries(Object.entries(json).map(([key, item]) => [key, map(item)]));
  return changed ? made : json;
}
