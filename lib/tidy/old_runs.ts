import { join } from "@std/path/posix/join";
import { contentsDir, type SnapshotPaths, snapshotPaths, snapshotsDir } from "../snapshot/places.ts";
import { listOrNothing, type Store } from "../store/store.ts";
import { LEAST_AGE_MS } from "./ages.ts";
import { diskBytes } from "./attempts.ts";
import type { StoreGraph } from "./graph.ts";
import type { InUse, TidyContext } from "./in_use.ts";
import { type Left, throwAway } from "./remove_tree.ts";
import type { Removal } from "./removal.ts";
import { readStoredRun, type StoredRun } from "./runs.ts";

/**
 * The folders of runs that have ended before then, with the output of their jobs.
 *
 * @param options `slurmRoot`: the folder of Slurm's own output files. `before`: milliseconds since 1970.
 */
export async function runRemovals(
  context: TidyContext,
  { runs, graph, before, slurmRoot }: {
    runs: readonly StoredRun[];
    graph: StoreGraph;
    before: number;
    slurmRoot: string;
  },
): Promise<Removal[]> {
  const { store, ages, askLife } = context;
  const removals: Removal[] = [];
  const going = runs.filter(({ open, endedAt }) => open === undefined && endedAt < before);
  const outputs = going.length === 0 ? [] : await outputFolders(store, slurmRoot);
  for (const { runId, dir } of going) {
    const all = [...outputs.map((folder) => join(folder, runId)), dir];
    let bytes = 0;
    for (const path of all) bytes += await diskBytes(store, path);
    removals.push({
      kind: "run",
      what: runId,
      bytes,
      remove: async () => {
        const { open } = await readStoredRun(store, runId, { graph, ages, askLife });
        if (open !== undefined) return { done: false, why: open };
        const left: Left[] = [];
        // The run comes last: when it is gone, nobody finds the rest of it.
        for (const path of all) left.push(...await throwAway(store, path, [store.root, join(path, "..")]));
        return { done: true, left };
      },
    });
  }
  return removals;
}

/** `slurm/<nodes|workers>/<spec>`: in each of them there may be a folder of a run. */
async function outputFolders({ machine }: Store, slurmRoot: string): Promise<string[]> {
  const folders: string[] = [];
  for (const kind of ["nodes", "workers"]) {
    const dir = join(slurmRoot, kind);
    const specs = await listOrNothing(machine, dir);
    folders.push(...specs.filter(({ isDirectory }) => isDirectory).map(({ name }) => join(dir, name)));
  }
  return folders;
}

/**
 * Snapshots that no run names which stays, and no record; and contents of files that no snapshot has.
 *
 * @param options `going`: ids of the runs that go as well.
 */
export async function snapshotRemovals(
  context: TidyContext,
  { graph, inUse, going }: { graph: StoreGraph; inUse: InUse; going: ReadonlySet<string> },
): Promise<Removal[]> {
  const { store } = context;
  // What a run uses that cannot be read is not known.
  if (inUse.runs.some(({ fault }) => fault !== undefined)) return [];
  const named = new Set(graph.artifacts.values().flatMap(({ snapshots }) => snapshots));
  for (const { runId, snapshot } of inUse.runs) {
    if (snapshot !== undefined && !going.has(runId)) named.add(snapshot);
  }
  const removals: Removal[] = [];
  for (const { name, isDirectory } of await store.list(snapshotsDir(store.root))) {
    if (!isDirectory || name.startsWith(".") || name === "files" || named.has(name)) continue;
    const paths = snapshotPaths(store.root, name);
    const { dir } = paths;
    if (!await isUnused(context, paths)) continue;
    removals.push({
      kind: "snapshot",
      what: name,
      bytes: await ownBytes(store, dir),
      remove: async () => {
        if (!await isUnused(context, paths)) return { done: false, why: "a run uses it since" };
        return { done: true, left: await throwAway(store, dir, [store.root, snapshotsDir(store.root)]) };
      },
    });
  }
  removals.push(...await contentsRemoval(store, removals.length > 0));
  return removals;
}

/** A run that is about to begin with it has marked it, and is not there yet. */
async function isUnused(
  { store, ages }: TidyContext,
  { used, manifest, dir }: SnapshotPaths,
): Promise<boolean> {
  const { files } = store.machine;
  const marked = await files.stat(used) ?? await files.stat(manifest) ?? await files.stat(dir);
  return marked !== undefined && ages.isOlder(marked.mtimeMs, LEAST_AGE_MS);
}

/** Bytes that go with a snapshot: contents that others have as well stay. */
async function ownBytes(store: Store, dir: string): Promise<number> {
  let bytes = 0;
  for (const { name, isDirectory } of await store.list(dir)) {
    const path = join(dir, name);
    if (isDirectory) bytes += await ownBytes(store, path);
    else {
      const info = await store.machine.files.stat(path);
      if (info?.isFile && info.nlink <= 2) bytes += info.size;
    }
  }
  return bytes;
}

/** Contents without another name. Whoever needs one at this moment writes it again. */
async function contentsRemoval(store: Store, someGo: boolean): Promise<Removal[]> {
  const unused = async (): Promise<{ path: string; size: number }[]> => {
    const all: { path: string; size: number }[] = [];
    for (const { name } of await store.list(contentsDir(store.root))) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue;
      const path = join(contentsDir(store.root), name);
      const info = await store.machine.files.stat(path);
      if (info?.isFile && info.nlink === 1) all.push({ path, size: info.size });
    }
    return all;
  };
  const now = await unused();
  if (now.length === 0 && !someGo) return [];
  return [{
    kind: "snapshot",
    what: "snapshots/files",
    bytes: now.reduce((sum, { size }) => sum + size, 0),
    remove: async () => {
      for (const { path } of await unused()) await store.remove(path);
      return { done: true, left: [] };
    },
  }];
}
