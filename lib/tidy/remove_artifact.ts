import { REMOVER, TIDIER } from "../store/claims/claim.ts";
import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { findArtifacts, taskPattern } from "../catalog/find_artifacts.ts";
import { artifactLabel } from "../core/hash.ts";
import { type ArtifactPaths, artifactsDir, privateNameOwner } from "../store/layout.ts";
import { readQueued, removeQueued } from "../store/claims/queued.ts";
import type { FileEntry } from "../core/system/files.ts";
import { ownersOf } from "../store/claims/owner_files.ts";
import type { Store } from "../store/store.ts";
import { discardAttempts, diskBytes, throwFromHome } from "./attempts.ts";
import type { StoredArtifact } from "./graph.ts";
import { type HeldArtifact, isSameRecord, probeFolder, setRecordAside, withClaim } from "./hold.ts";
import type { InUse, TidyContext } from "./in_use.ts";
import { type Left, throwAway } from "./remove_tree.ts";
import type { Removal, RemovalOutcome } from "./removal.ts";

/**
 * All of an artifact, as something that may go. It is claimed first, so that nobody computes it meanwhile;
 * then its record is renamed away, from when on it is not done; then the rest of it.
 *
 * @param inUse Asked again when it is claimed.
 */
export async function artifactRemoval(
  context: TidyContext,
  artifact: StoredArtifact,
  inUse: Pick<InUse, "recheck">,
): Promise<Removal> {
  const { store } = context;
  const { name, hash, hasHome, hasRecord } = artifact;
  const own = hasRecord && artifact.status === "DONE" ? artifact.bytes ?? 0 : 0;
  return {
    kind: "artifact",
    name,
    hash,
    what: artifactLabel(name, hash),
    // What its record tells of its files need not be asked for.
    bytes: own + (hasHome ? await bytesBeside(store, artifact) : 0),
    remove: async () => {
      const held = await withClaim(context, artifact, REMOVER, async (held) => {
        const reason = await inUse.recheck(artifact);
        if (reason) return { kind: "kept", why: reason.text };
        if (!await isSameRecord(store, artifact, artifact.recordId)) {
          return { kind: "kept", why: "it was computed again meanwhile" };
        }
        return { kind: "done", value: await removeHeld(store, held) };
      });
      return outcomeOf(held);
    },
  };
}

function outcomeOf(held: Awaited<ReturnType<typeof withClaim<Left[]>>>): RemovalOutcome {
  return held.kind === "done" ? { done: true, left: held.value } : { done: false, why: held.why };
}

/** Bytes in an artifact's folder besides the files of the result that counts, of which its record tells. */
async function bytesBeside(store: Store, { home, recordId, status }: StoredArtifact): Promise<number> {
  let bytes = 0;
  for (const { name } of await store.list(home)) {
    const isOwn = status === "DONE" && recordId !== undefined && new RegExp(`^\\d+-${recordId}$`).test(name);
    if (!isOwn) bytes += await diskBytes(store, join(home, name));
  }
  return bytes;
}

/** Removes all of an artifact that is claimed. */
async function removeHeld(store: Store, { paths, claim }: HeldArtifact): Promise<Left[]> {
  const owner = claim?.owner;
  // Where something may not be taken away nothing is touched.
  const before = await entriesOf(store, paths);
  if (before.length > 0) await probeFolder(store, paths.home);
  for (const { name, isDirectory } of before) {
    if (isDirectory) await probeFolder(store, join(paths.home, name));
  }
  await discardAttempts(store, before.map(({ name }) => name));
  const left = await throwAway(store, paths.record, [...(owner ? [owner.dir] : []), paths.taskDir]);
  const job = await readQueued(store, paths);
  if (job) await removeQueued(store, paths, job.name);
  // Without a claim somebody may begin an attempt now: its names are none of those.
  const going = claim ? await entriesOf(store, paths) : before;
  for (const { name } of going) left.push(...await throwFromHome(store, { paths, owner }, name));
  return left;
}

/** What is in an artifact's folder and not somebody's who may be about to use it. */
async function entriesOf(store: Store, { home }: ArtifactPaths): Promise<FileEntry[]> {
  const { machine } = store;
  return (await store.list(home)).filter(({ name }) => {
    if (name === "queued.json" || name === "queued.id.json" || name.startsWith(".nfs")) return false;
    const owner = privateNameOwner(name, machine.self)?.owner;
    return owner === undefined || machine.isGone(owner);
  });
}

/**
 * Removals that a process had begun which died: the rest of them is to go, too. Its claim says so or, when
 * somebody has settled that, the end that was written for it.
 *
 * @param artifacts Those that are looked at.
 */
export function unfinishedRemovals(
  artifacts: Iterable<StoredArtifact>,
  { dead }: Pick<InUse, "dead">,
): StoredArtifact[] {
  return [...artifacts].filter(({ hash, hasRecord, hasClaim, error = "" }) =>
    !hasRecord && (hasClaim ? dead.get(hash)?.backend === REMOVER : error.includes(`(${REMOVER}, since `))
  );
}

/** The result of an artifact, to be kept beside as one that was replaced: the next run computes it again. */
export function invalidation(
  context: TidyContext,
  artifact: StoredArtifact,
  inUse: Pick<InUse, "recheck">,
): Removal {
  const { store } = context;
  const { name, hash, bytes = 0 } = artifact;
  return {
    kind: "artifact",
    name,
    hash,
    what: artifactLabel(name, hash),
    bytes,
    remove: async () => {
      const held = await withClaim<Left[]>(context, artifact, TIDIER, async ({ paths }) => {
        const reason = await inUse.recheck(artifact);
        if (reason) return { kind: "kept", why: reason.text };
        const { recordId: id, attempt: n } = artifact;
        if (id === undefined || n === undefined || !await isSameRecord(store, artifact, id)) {
          return { kind: "kept", why: "it was computed again meanwhile" };
        }
        await setRecordAside(store, paths, { kind: "replaced", n, id });
        return { kind: "done", value: [] };
      });
      return outcomeOf(held);
    },
  };
}

/**
 * Removes the folders of tasks in which nothing is left, and those above them. Harmless where somebody
 * computes the first artifact of such a task just now: its folder is made again.
 */
export async function removeEmptyTasks(store: Store, names: Iterable<string>): Promise<void> {
  const top = artifactsDir(store.root);
  for (const name of names) {
    if ((await findArtifacts(store, taskPattern(name))).length > 0) {
      continue;
    }
    for (let dir = join(top, name); dir !== top && basename(dir) !== ""; dir = dirname(dir)) {
      if (!await store.remove(dir).catch(() => false)) break;
    }
  }
}

/** Keeps the owner file of this process from one claim to the next. Returns what ends that. */
export function keepOwner(store: Store): () => Promise<void> {
  return ownersOf(store).keep();
}
