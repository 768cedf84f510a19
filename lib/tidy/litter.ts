import { join } from "@std/path/posix/join";
import type { Machine, Owner } from "../core/system/machine.ts";
import { settleClaim } from "../store/claims/acquire_claim.ts";
import { readClaimFile } from "../store/claims/read_claim.ts";
import { indexDir, ownerPaths, ownersDir, privateNameOwner, taskDir } from "../store/layout.ts";
import type { ClaimRecord } from "../store/record.ts";
import type { Store } from "../store/store.ts";
import { type Ages, isOfThisHost, LEAST_AGE_MS, lookAtClaim } from "./ages.ts";
import { diskBytes } from "./attempts.ts";
import { insideStore, type StoredArtifact, type StoreGraph } from "./graph.ts";
import type { InUse, TidyContext } from "./in_use.ts";
import { pinsDir } from "./pins.ts";
import { moveAway, removeTree } from "./remove_tree.ts";
import type { Removal } from "./removal.ts";

/**
 * What processes have left that are dead: private names, owner files, claims beside results, empty folders.
 *
 * @throws {StoreError} If a folder cannot be listed.
 */
export async function litterRemovals(
  context: TidyContext,
  { graph, inUse }: { graph: StoreGraph; inUse: InUse },
): Promise<Removal[]> {
  const { store } = context;
  const artifacts = [...graph.artifacts.values()];
  const claims = artifacts.filter(({ hash, status }) => status === "DONE" && inUse.dead.has(hash));
  const removals = claims.map((artifact) => claimRemoval(context, artifact, inUse.dead.get(artifact.hash)!));
  const settled = Map.groupBy(claims, ({ hash }) => inUse.dead.get(hash)!.id);
  const tasks = [...new Set(artifacts.map(({ name }) => name))].map((name) => taskDir(store.root, name));
  const apart: string[] = [];
  for (const dir of [store.root, ...tasks, ...otherFolders(store, inUse)]) {
    for (const { name } of await store.list(dir)) {
      if (name === ".owners") apart.push(join(dir, name));
      else removals.push(...await privateRemoval(context, dir, name));
    }
  }
  for (const { home, hasHome } of artifacts) {
    if (!hasHome) continue;
    const names = await store.list(home);
    for (const { name } of names) removals.push(...await privateRemoval(context, home, name));
    if (names.length === 0) removals.push(emptyFolder(store, home));
  }
  for (const dir of [ownersDir(store.root), ...apart]) {
    for (const { name } of await store.list(dir)) {
      const removal = privateNameOwner(name, store.machine.self)
        ? await privateRemoval(context, dir, name)
        : await ownerRemoval(context, join(dir, name), settled.get(name)?.length ?? 0);
      removals.push(...removal);
    }
  }
  return removals;
}

/** The folders besides those of artifacts in which there may be private names. */
function otherFolders(store: Store, { runs }: InUse): string[] {
  const { root } = store;
  const snapshots = join(root, "snapshots");
  return [
    pinsDir(root),
    indexDir(root),
    join(root, "artifacts"),
    join(root, "runs"),
    ...runs.filter(({ open }) => open === undefined).map(({ dir }) => dir),
    snapshots,
    join(snapshots, "files"),
  ];
}

/** Whether a private name is litter: of a process that is gone or, where that cannot be told, by its age. */
export function isDeadName(
  name: string,
  { machine, ages, mtimeMs, leaseSec }: {
    machine: Pick<Machine, "self" | "isGone">;
    ages: Ages;
    mtimeMs: number;
    leaseSec: number;
  },
): boolean {
  const found = privateNameOwner(name, machine.self);
  if (found === undefined) return false;
  return found.owner ? machine.isGone(found.owner) : ages.isForgotten(mtimeMs, leaseSec);
}

async function privateRemoval(
  { store, ages }: TidyContext,
  dir: string,
  name: string,
): Promise<Removal[]> {
  const { machine, leaseSec } = store;
  if (privateNameOwner(name, machine.self) === undefined) return [];
  const path = join(dir, name);
  const info = await machine.files.stat(path);
  if (!info || !isDeadName(name, { machine, ages, mtimeMs: info.mtimeMs, leaseSec })) return [];
  return [{
    kind: "litter",
    what: insideStore(store, path),
    bytes: await diskBytes(store, path),
    remove: async () => ({ done: true, left: await removeTree(store, path) }),
  }];
}

function emptyFolder(store: Store, path: string): Removal {
  return {
    kind: "litter",
    what: insideStore(store, path),
    bytes: 0,
    remove: async () => {
      await store.remove(path);
      return { done: true, left: [] };
    },
  };
}

/** Settles a claim of a dead owner, as the next one would that wants the artifact. */
export function claimRemoval(
  { store, ages }: TidyContext,
  artifact: StoredArtifact,
  meant: ClaimRecord,
): Removal {
  const paths = store.paths(artifact);
  return {
    kind: "claim",
    name: artifact.name,
    hash: artifact.hash,
    what: insideStore(store, paths.claim),
    bytes: 0,
    remove: async () => {
      const look = await lookAtClaim(store, paths, ages);
      if (look.state === "absent") return { done: true, left: [] };
      if (look.state === "unknown" || look.state === "alive" || look.holder.id !== meant.id) {
        return { done: false, why: "it is computed now" };
      }
      if (!await settleClaim(store, paths, look)) return { done: false, why: "it has just ended" };
      return { done: true, left: [] };
    },
  };
}

/** The facts about an owner folder that {@link isDeadOwner} judges by. */
export interface OwnerFacts {
  /** Who it is of; nothing where it has no owner file. */
  readonly owner: Owner | undefined;
  /** Whether that process is provably gone. */
  readonly isGone: boolean;
  /** Claims that are links to its file. */
  readonly claims: number;
  /** When its file, or without one its folder, was last changed. */
  readonly mtimeMs: number;
  /** How long it counts as alive without a heartbeat. */
  readonly leaseSec: number;
}

/**
 * Whether an owner folder is litter. One with claims never is: they come first. Of another host only age
 * tells: should its process live all the same, it notices that its file is gone, and makes another one.
 */
export function isDeadOwner(
  { owner, isGone, claims, mtimeMs, leaseSec }: OwnerFacts,
  { ages, self }: { ages: Ages; self: Owner },
): boolean {
  if (owner === undefined) return ages.isOlder(mtimeMs, LEAST_AGE_MS);
  if (claims > 0) return false;
  return isGone || !isOfThisHost(owner, self) && ages.isForgotten(mtimeMs, leaseSec);
}

/**
 * How many names in an owner folder are of its owner file: a claim that was taken away is one for a moment.
 */
async function namesOf(store: Store, dir: string, ino: number): Promise<number> {
  let count = 0;
  for (const { name } of await store.list(dir)) {
    if ((await store.machine.files.stat(join(dir, name)))?.ino === ino) count++;
  }
  return count;
}

/** @param settled So many claims are removed before it. */
async function ownerRemoval(
  { store, ages }: TidyContext,
  dir: string,
  settled: number,
): Promise<Removal[]> {
  const { machine } = store;
  const judge = async (settled: number): Promise<boolean> => {
    const { path } = ownerPaths(dir);
    const info = await machine.files.stat(path);
    const holder = info && await readClaimFile(store, path);
    const mtimeMs = info?.mtimeMs ?? (await machine.files.stat(dir))?.mtimeMs;
    if (mtimeMs === undefined) return false;
    const facts: OwnerFacts = {
      owner: holder?.owner,
      isGone: holder !== undefined && machine.isGone(holder.owner),
      claims: info === undefined ? 0 : info.nlink - await namesOf(store, dir, info.ino) - settled,
      mtimeMs,
      leaseSec: holder?.leaseSec ?? store.leaseSec,
    };
    return isDeadOwner(facts, { ages, self: machine.self });
  };
  // One of a newer furu is left alone.
  if (!await judge(settled).catch(() => false)) return [];
  return [{
    kind: "litter",
    what: insideStore(store, dir),
    bytes: await diskBytes(store, dir),
    remove: async () => {
      // It may be gone together with its last claim.
      if (!await machine.files.exists(dir)) return { done: true, left: [] };
      if (!await judge(0)) return { done: false, why: "claims are links to it" };
      const trash = await moveAway(store, dir, [store.root, join(dir, "..")]);
      return { done: true, left: trash === undefined ? [] : await removeTree(store, trash) };
    },
  }];
}
