import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { join } from "@std/path/posix/join";

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

function pathExists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || (error as { code?: string }).code === "ENOTDIR") {
      return false;
    }
    throw error;
  }
}
