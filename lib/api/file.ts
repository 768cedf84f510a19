import { ValidationError } from "../core/errors.ts";
import {
  type FileInput,
  type FolderInput,
  type Input,
  isSha256,
  makeInput,
} from "../core/json/input_file.ts";
import { absolutePath } from "../core/paths.ts";
import { type InputSchema, inputSchema } from "../task/schema/input_schema.ts";

/**
 * Makes files, or folders, that can be parameters.
 *
 * @typeParam I `FileInput` or `FolderInput`.
 */
export interface InputFunction<I extends Input> {
  /**
   * Reads the content. What was read before, by whatever process, is remembered in the store by size, times
   * and inode, and not read again while these are the same.
   *
   * @param path A path, from the current folder on, or a `file:` URL.
   * @returns The parameter.
   * @throws {ValidationError} If there is none, or it cannot be read: names it, and says why.
   */
  (path: string | URL): Promise<I>;
  /** The schema of such a parameter. */
  readonly schema: InputSchema<I>;
  /**
   * One whose content is known already, as of a download with a checksum, or in a migration: nothing is read
   * now. Before it is computed with, the content is compared.
   *
   * @param sha256 The SHA-256 of the content, 64 hex digits.
   * @param path Where it is; without it nothing can be computed, only what is stored can be found.
   * @returns The parameter.
   * @throws {ValidationError} If the digest is none.
   */
  known(sha256: string, path?: string | URL): I;
}

/**
 * Makes a file a parameter: its content counts, its path does not.
 *
 * @example
 * ```ts
 * import { defineTask, file, z } from "@furu/furu";
 *
 * const Lines = defineTask({
 *   name: "docs/FileLines",
 *   params: z.object({ data: file.schema }),
 *   create: async ({ params }) => (await Deno.readTextFile(params.data.path)).split("\n"),
 * });
 * const lines = async () => Lines({ data: await file("words.txt") });
 * ```
 */
export const file: InputFunction<FileInput> = inputFunction<FileInput>("file");

/**
 * Makes a folder a parameter: the names and contents of all files in it count, and the names of all folders;
 * where it is does not, nor do times, owners and permissions. Links are followed.
 *
 * @example
 * ```ts
 * import { defineTask, folder, z } from "@furu/furu";
 *
 * const Count = defineTask({
 *   name: "docs/FolderCount",
 *   params: z.object({ images: folder.schema }),
 *   create: ({ params }) => [...Deno.readDirSync(params.images.path)].length,
 * });
 * const count = async () => Count({ images: await folder("images") });
 * ```
 */
export const folder: InputFunction<FolderInput> = inputFunction<FolderInput>("folder");

function inputFunction<I extends Input>(kind: I["kind"]): InputFunction<I> {
  const read = async (path: string | URL): Promise<I> => {
    // Loaded when used: whatever a pipeline imports, its workers load too.
    const { readInput } = await import("../run/get/read_input.ts");
    return await readInput(kind, path) as I;
  };
  const known = (sha256: string, path?: string | URL): I => {
    if (typeof sha256 !== "string" || !isSha256(sha256)) {
      throw new ValidationError(
        `Cannot use ${Deno.inspect(sha256)} as the digest of a ${kind}: it must be a SHA-256, 64 hex digits`,
      );
    }
    return makeInput(
      kind,
      path === undefined ? { sha256 } : { sha256, path: absolutePath(path, `a ${kind}`) },
    ) as I;
  };
  return Object.assign(read, { schema: inputSchema<I>(kind), known });
}
