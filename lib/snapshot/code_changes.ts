import { join } from "@std/path/posix/join";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { currentCode } from "./current_code.ts";
import type { Manifest } from "./manifest.ts";

/** How code differs from what it was. Paths are absolute. */
export interface CodeChanges {
  /** Files that are not as they were. */
  changed: string[];
  /** Files that were no part of it. */
  added: string[];
  /** Files that are no part of it any more. */
  removed: string[];
}

/**
 * How today's code differs from that of a snapshot.
 *
 * @returns `undefined` where it does not.
 * @throws {FuruError} when it cannot be found out what today's code is.
 */
export async function codeChanges(
  { base, roots, files, resolution }: Manifest,
): Promise<CodeChanges | undefined> {
  const now = await currentCode(roots.map((name) => toFileUrl(join(base, name)).href), resolution);
  const then = new Map(Object.entries(files).map(([name, sha256]) => [join(base, name), sha256]));
  const changes: CodeChanges = { changed: [], added: [], removed: [] };
  for (const { name, sha256 } of now?.files ?? []) {
    const path = join(now!.base, name);
    const before = then.get(path);
    if (before === undefined) changes.added.push(path);
    else if (before !== sha256) changes.changed.push(path);
    then.delete(path);
  }
  for (const path of then.keys()) changes.removed.push(path);
  const isSame = Object.values(changes).every((paths) => paths.length === 0);
  return isSame ? undefined : changes;
}
