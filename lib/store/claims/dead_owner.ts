import { basename } from "@std/path/posix/basename";
import { join } from "@std/path/posix/join";
import { z } from "zod";
import type { HeartbeatOptions, Machine } from "../../core/system/machine.ts";
import { linkOurs } from "../file_steps.ts";
import { readJson } from "../json_file.ts";
import { type OwnerPaths, ownerPaths, ownersDir, privateName } from "../layout.ts";
import type { ClaimRecord } from "../record.ts";
import { RECORD_SCHEMA } from "../layout.ts";
import { listOrNothing, removeIfThere, type Store } from "../store.ts";
import { readClaimFile } from "./read_claim.ts";

const deathRecord = z.lazy(() =>
  z.object({
    schema: z.literal(RECORD_SCHEMA),
    /** How its attempts ended. */
    kind: z.enum(["crashed", "preempted"]),
    why: z.string(),
  })
);

/** That a process was declared dead, which frees all that it has claimed. */
export type Death = Omit<z.output<typeof deathRecord>, "schema">;

/** Where the owner file of a claim is; `undefined` for a torn claim, which does not tell. */
function ownerPathsOf(store: Store, { dir }: ClaimRecord): OwnerPaths | undefined {
  return dir === undefined ? undefined : ownerPaths(join(store.root, dir));
}

/**
 * Whether the process behind a claim was declared dead. By something that is there: that an owner file is
 * missing says nothing, as a host may not see it yet.
 *
 * @throws {StoreError} If the file server does not answer.
 */
export async function readDeath(store: Store, holder: ClaimRecord): Promise<Death | undefined> {
  const paths = ownerPathsOf(store, holder);
  const read = paths && await readJson(store, paths.dead, deathRecord);
  if (read === undefined) return undefined;
  // Torn by a power cut: that it was declared dead is what counts.
  if (!("value" in read)) return { kind: "crashed", why: "its process was declared dead" };
  const { kind, why } = read.value;
  return { kind, why };
}

/** Declares the process behind a claim dead. The first to do so is right. */
export async function declareOwnerDead(store: Store, holder: ClaimRecord, death: Death): Promise<void> {
  const paths = ownerPathsOf(store, holder);
  // Nobody beats for what has no folder any more, and there is nobody to be told.
  if (!paths || !await store.machine.files.stat(paths.dir)) return;
  const temporary = await store.writePrivate(paths.dir, JSON.stringify({ schema: RECORD_SCHEMA, ...death }));
  try {
    await linkOurs(store, temporary, paths.dead);
  } catch (error) {
    // Somebody else has declared it dead meanwhile, and discarded what is in its folder.
    if (await readDeath(store, holder) === undefined) throw error;
  } finally {
    await removeIfThere(store.machine, temporary);
  }
}

/**
 * Takes the records that a process which was declared dead has written and not linked. Called before anything
 * of its attempt is removed: should it go on after all, nothing that it wrote before can be committed.
 *
 * @param id Of the attempt, or of its owner file: that is one.
 */
export async function discardUncommitted(store: Store, id: string): Promise<void> {
  const { machine } = store;
  const { dir, path, dead } = ownerPaths(join(ownersDir(store.root), id));
  const names = (await listOrNothing(machine, dir)).map(({ name }) => name);
  if (names.includes(basename(path)) && !names.includes(basename(dead))) return;
  for (const name of names) if (name.startsWith(".tmp-")) await removeIfThere(machine, join(dir, name));
}

/** With more owner files it takes too long to look at each. */
const MANY_OWNERS = 200;

/** Removes the owner files that processes of this host left which died with nothing claimed. */
export async function sweepOwners(store: Store): Promise<void> {
  const dir = ownersDir(store.root);
  const names = await store.list(dir);
  if (names.length > MANY_OWNERS) return;
  for (const { name } of names) {
    const holder = await readClaimFile(store, ownerPaths(join(dir, name)).path);
    if (holder) await removeOwner(store, holder);
  }
}

/** Removes what is left of an owner file, once its process is gone for sure and no claim is a link to it. */
export async function removeOwner(store: Store, holder: ClaimRecord): Promise<void> {
  const { machine } = store;
  const paths = ownerPathsOf(store, holder);
  if (!paths || !machine.isGone(holder.owner)) return;
  try {
    const info = await machine.files.stat(paths.path);
    if (info === undefined || info.nlink > 1) return;
    await machine.files.removeTree(paths.dir);
  } catch {
    // Litter, and somebody else's: no reason to fail.
  }
}

/** How the attempts of this process end when it is told to stop and is blocked. */
export function lastWordsOf(machine: Machine, dir: string): NonNullable<HeartbeatOptions["lastWords"]> {
  const death: Death = { kind: "preempted", why: "stopped by a signal while create blocked its process" };
  return {
    temporary: privateName(dir, "tmp", machine),
    text: JSON.stringify({ schema: RECORD_SCHEMA, ...death }),
  };
}
