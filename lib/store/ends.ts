import { join } from "@std/path/posix/join";
import { type ArtifactPaths, type AttemptKey, parseAttemptName } from "./layout.ts";
import { type EndRecord, parseEndRecord } from "./record.ts";
import { listOrNothing, type Store } from "./store.ts";

/**
 * How the attempts of an artifact ended that did not succeed, the latest (by number, then time, then id) last.
 *
 * @throws {StoreError} naming a damaged file.
 */
export async function readEnds(store: Store, paths: ArtifactPaths): Promise<EndRecord[]> {
  const ends: EndRecord[] = [];
  for (const { name } of await listOrNothing(store.machine, paths.home)) {
    if (parseAttemptName(name)?.kind !== "end") continue;
    const end = await readEnd(store, join(paths.home, name));
    if (end) ends.push(end);
  }
  return ends.sort((a, b) => a.attempt - b.attempt || compare(a.endedAt, b.endedAt) || compare(a.id, b.id));
}

/** The newest checkpoint folder of an attempt that has ended, for the next attempt to take over. */
export function newestCheckpoint(names: readonly string[]): AttemptKey | undefined {
  const known = names.flatMap((name) => parseAttemptName(name) ?? []);
  const ended = new Set(known.filter(({ kind }) => kind === "end").map(({ id }) => id));
  return known
    .filter(({ kind, id }) => kind === "checkpoint" && ended.has(id))
    .sort((a, b) => b.n - a.n || compare(b.id, a.id))[0];
}

async function readEnd(store: Store, path: string): Promise<EndRecord | undefined> {
  const text = await store.read(path);
  // A success ends with one more name of its record, for a moment.
  return text === undefined || text.startsWith('{"schema":1,"identity":')
    ? undefined
    : parseEndRecord(text, path);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
