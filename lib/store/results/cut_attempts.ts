import { join } from "@std/path/posix/join";
import { type ArtifactPaths, attemptPaths } from "../layout.ts";
import { listOrNothing, type Store } from "../store.ts";
import { newestCheckpoint, readEnds } from "./ends.ts";

/**
 * File times may be some milliseconds behind the clock. What is taken for new and is not costs one more try.
 */
const COARSE_MS = 1000;

/**
 * Whether an attempt that has ended saved something into its checkpoint folder that was not there before it
 * began: then the next one goes on from there.
 *
 * @param attempt Its number, and when it began, in milliseconds since 1970.
 * @throws {StoreError} If a folder cannot be listed.
 */
export async function savedCheckpoint(
  { machine }: Store,
  paths: ArtifactPaths,
  { attempt, since }: { attempt: number; since: number },
): Promise<boolean> {
  const names = (await listOrNothing(machine, paths.home)).map(({ name }) => name);
  const newest = newestCheckpoint(names);
  if (newest?.n !== attempt) return false;
  const folders = [attemptPaths(paths, newest).checkpoint];
  // What is added to the list meanwhile is looked into, too.
  for (const folder of folders) {
    for (const { name } of await listOrNothing(machine, folder)) {
      const info = await machine.files.stat(join(folder, name));
      if (info?.isDirectory) folders.push(join(folder, name));
      else if (info && info.mtimeMs >= since - COARSE_MS) return true;
    }
  }
  return false;
}

/**
 * For how long attempts of an artifact have run that a run cut off as the time of their job was up: the
 * longest of them, in milliseconds.
 *
 * @throws {StoreError} If the artifact's folder cannot be read.
 */
export async function longestCut(
  store: Store,
  paths: ArtifactPaths,
  runId: string,
): Promise<number | undefined> {
  const cut = (await readEnds(store, paths)).filter(({ run, planned }) => run === runId && planned);
  const ran = cut.map(({ startedAt, endedAt }) => Date.parse(endedAt) - Date.parse(startedAt));
  return ran.length === 0 ? undefined : Math.max(...ran);
}
