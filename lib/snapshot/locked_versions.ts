import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { z } from "zod";
import { errorText, FuruError } from "../core/errors.ts";
import { oneFile } from "../core/packed.ts";
import { findUpward, pathOf } from "../core/paths.ts";
import { namedFiles } from "./project_files.ts";

const pins = z.record(z.string(), z.string());
// Where versions 3 and 4 upwards of the file have them.
const lockSchema = z.looseObject({
  specifiers: pins.optional(),
  packages: z.looseObject({ specifiers: pins.optional() }).optional(),
});

/**
 * The versions of packages that the `deno.lock` of a module's project names, by what is asked for
 * (`npm:zod@^4`).
 *
 * @param entry URL or path of the module.
 * @returns `undefined` where there is no such file, or none counts.
 * @throws {FuruError} If the file is damaged, which it names.
 */
export function lockedVersions(entry: string): Record<string, string> | undefined {
  const path = oneFile() === undefined ? lockFile(pathOf(entry)) : undefined;
  if (path === undefined) return undefined;
  try {
    const { specifiers, packages } = lockSchema.parse(JSON.parse(Deno.readTextFileSync(path)));
    return { ...packages?.specifiers, ...specifiers };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new FuruError(`Cannot read ${path}: ${errorText(error)}`, { cause: error });
  }
}

function lockFile(entry: string): string | undefined {
  const config = entry.startsWith("/")
    ? findUpward(dirname(entry), ["deno.json", "deno.jsonc"])?.path
    : undefined;
  if (config === undefined) return undefined;
  return namedFiles(config).lock ?? join(dirname(config), "deno.lock");
}
