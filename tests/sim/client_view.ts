import type { Folder, Inode } from "./inode.ts";
import { osError } from "./os_error.ts";
import type { SimProcess } from "./process.ts";
import type { World } from "./world.ts";

/** Looks a name up as the process's host does: it may remember that it was missing, and remembers when it is. */
export function lookUp<T>(
  world: World,
  process: SimProcess,
  path: string,
  what: string,
  look: () => T,
): T {
  const { host } = process;
  if (world.faults.staleNegative === 0) return look();
  const missing = world.disk.missing(path);
  if (host.believesMissing(path)) {
    if (missing === undefined) world.fates.happened("staleNegative");
    throw osError("ENOENT", what);
  }
  if (missing !== undefined && world.random.chance(world.faults.staleNegative)) {
    host.negative.set(missing, staleUntil(world));
  }
  return look();
}

/** Asks the server to make a name, whatever the host remembers of it; the folders on the way it must know. */
export function makeName<T>(
  process: SimProcess,
  path: string,
  what: string,
  make: () => T,
): T {
  const { host } = process;
  host.negative.delete(path);
  host.attributes.delete(path);
  if (host.negative.size > 0 && host.believesMissing(path)) throw osError("ENOENT", what);
  return make();
}

/** World time until which something that is seen now may be believed. */
export function staleUntil(world: World): number {
  return world.time + world.random.scale(1, world.faults.staleMs);
}

/** A folder's names as they were a while ago; a change by the host itself has refreshed what it knows. */
export function staleEntries(
  world: World,
  process: SimProcess,
  folder: Folder,
): Map<string, Inode> {
  const entries = new Map(folder.entries);
  const since = world.time - world.random.scale(1, world.faults.staleMs);
  for (const change of folder.changes.toReversed()) {
    if (change.at < since || change.by === process.host) break;
    if (change.added) entries.delete(change.name);
    else entries.set(change.name, change.inode);
  }
  return entries;
}
