import { z } from "zod";
import { type Input, type InputType, isInput } from "../../core/json/input_file.ts";

/**
 * The schema of a parameter that is a file, or a folder.
 *
 * @typeParam I `FileInput` or `FolderInput`.
 */
export type InputSchema<I> = z.ZodCustom<I, I>;

/** By the function that checks it, which derived schemas share. Copies of furu share it, too. */
const KIND = Symbol.for("furu.inputKind");

/** A schema that accepts the files, or the folders, of any copy of furu. */
export function inputSchema<I extends Input>(kind: I["kind"]): InputSchema<I> {
  const isOfKind = (value: unknown) => isInput(value) && value.kind === kind;
  Object.defineProperty(isOfKind, KIND, { value: kind });
  return z.custom<I>(isOfKind, {
    error: ({ input }) => {
      const allowed = `a ${kind}, as ${kind}(path) makes it`;
      if (input === undefined) return `is missing, expected ${allowed}`;
      const isPath = typeof input === "string" || input instanceof URL;
      return `expected ${allowed}${isPath ? `: await ${kind}(${JSON.stringify(input)})` : ""}`;
    },
  }) as InputSchema<I>;
}

/** Which of both a schema accepts, also when `.describe()` or `.refine()` were called on it. */
export function inputKindOf(schema: z.core.$ZodType): InputType | undefined {
  const { fn } = schema._zod.def as { fn?: { [KIND]?: InputType } };
  return fn?.[KIND];
}

/** Makes the file or the folder that a text names. */
export type MakeInput = (kind: InputType, path: string) => Promise<Input>;

/** Those that were made for what is parsed now; nothing while nothing is. */
let made: ReadonlyMap<string, Input | { readonly error: unknown }> | undefined;

/**
 * Parses texts, of which some may name files and folders: parsing does not wait, but their contents have to
 * be read. So it is done again and again until all that it asks for are made.
 *
 * @param parse Parses; asks for inputs by {@link inputOfText}.
 */
export async function parseWithInputs<T>(make: MakeInput, parse: () => T): Promise<T> {
  const found = new Map<string, Input | { readonly error: unknown }>();
  for (;;) {
    try {
      made = found;
      return parse();
    } catch (missing) {
      if (!(missing instanceof MissingInput)) throw missing;
      const { kind, path, key } = missing;
      found.set(key, await make(kind, path).catch((error) => ({ error })));
    } finally {
      made = undefined;
    }
  }
}

/**
 * The file or the folder that a text names, within {@link parseWithInputs}.
 *
 * @throws {ValidationError} If there is no such one.
 */
export function inputOfText(kind: InputType, path: string): Input {
  const key = `${kind} ${path}`;
  const found = made?.get(key);
  if (found === undefined) throw new MissingInput(kind, path, key);
  if (isInput(found)) return found;
  throw found.error;
}

/** No error that anybody sees, and none that a union takes for a form that does not fit. */
class MissingInput {
  constructor(readonly kind: InputType, readonly path: string, readonly key: string) {}
}
