import { join } from "@std/path/posix/join";
import { StoreError } from "../../core/errors.ts";
import { type ArtifactPaths, type AttemptKey, parseAttemptName } from "../layout.ts";
import { DamagedError, type EndRecord, isSuccessRecord, parseEndRecord } from "../record.ts";
import { RECORD_SCHEMA } from "../layout.ts";
import type { Store } from "../store.ts";

/**
 * How the attempts of an artifact ended that did not succeed, the latest (by number, then time, then id)
 * last.
 *
 * @throws {StoreError} naming a file or folder that the system cannot read.
 */
export async function readEnds(store: Store, paths: ArtifactPaths): Promise<EndRecord[]> {
  const ends: EndRecord[] = [];
  for (const { name } of await store.list(paths.home)) {
    const attempt = parseAttemptName(name);
    if (attempt?.kind !== "end") continue;
    const end = await readEnd(store, join(paths.home, name), attempt);
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

/**
 * An end that cannot be read (a power cut tore it, a newer furu wrote it) is still one: its name says whose,
 * and it counts as that of an attempt that crashed.
 */
async function readEnd(store: Store, path: string, { n, id }: AttemptKey): Promise<EndRecord | undefined> {
  const text = await store.read(path);
  // A success ends with one more name of its record, for a moment.
  if (text === undefined || isSuccessRecord(text)) return undefined;
  try {
    return parseEndRecord(text, path);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const info = await store.machine.files.stat(path);
    if (!info) return undefined;
    const at = new Date(info.mtimeMs).toISOString();
    return {
      schema: RECORD_SCHEMA,
      id,
      attempt: n,
      kind: "crashed",
      error: `how it ended is not known (${error instanceof DamagedError ? error.what : error.message})`,
      owner: { host: "unknown", pid: 0 },
      startedAt: at,
      endedAt: at,
    };
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
