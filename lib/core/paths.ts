import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { join } from "@std/path/posix/join";
import { permissionError } from "./permissions.ts";

/** The nearest folder at or above `from` that holds one of `names`, and which one; `undefined` where none does. */
export function findUpward(
  from: string,
  names: readonly string[],
): { dir: string; path: string } | undefined {
  for (let dir = from;; dir = dirname(dir)) {
    for (const name of names) {
      const path = join(dir, name);
      if (pathExists(path)) return { dir, path };
    }
    if (dirname(dir) === dir) return undefined;
  }
}

/** The path of a `file:` URL; anything else is returned as it is. */
export function pathOf(urlOrPath: string | URL): string {
  const text = urlOrPath.toString();
  return text.startsWith("file:") ? fromFileUrl(text) : text;
}

/** The current folder. @throws {ConfigError} naming the flag when this process may not know it. */
export function currentFolder(): string {
  try {
    return Deno.cwd();
  } catch (error) {
    throw permissionError("find the project's folder", error);
  }
}

function pathExists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    const isAbsent = error instanceof Deno.errors.NotFound || (error as { code?: string }).code === "ENOTDIR";
    // A process that may read only its project's folder sees nothing above it.
    if (isAbsent || error instanceof Deno.errors.NotCapable) return false;
    throw error;
  }
}
