import { join } from "@std/path/posix/join";
import { z } from "zod";
import { FuruError, StoreError, UsageError } from "../core/errors.ts";
import { artifactLabel, type Hash, isHash } from "../core/hash.ts";
import { compareText } from "../core/json/encode_tagged.ts";
import { checkWord } from "../core/names.ts";
import { linkJson, readJson } from "../store/json_file.ts";
import type { ArtifactKey } from "../store/layout.ts";
import { RECORD_SCHEMA } from "../store/layout.ts";
import { ownerSchema } from "../store/record.ts";
import { type Store, storeError } from "../store/store.ts";

const pinRecord = z.object({
  schema: z.literal(RECORD_SCHEMA),
  /** The task's name. */
  task: z.string(),
  hash: z.string().refine(isHash, "must be 32 hex digits") as unknown as z.ZodType<Hash>,
  pinnedAt: z.string(),
  /** Who pinned it. */
  owner: ownerSchema,
});

/** An artifact that stays, with all that it depends on. */
export interface Pin extends ArtifactKey {
  /** What it was called; its hash where it has no name. */
  readonly pin: string;
  /** When. ISO 8601. */
  readonly pinnedAt: string;
  /** Who, where that is known. */
  readonly user?: string | undefined;
  /** The host. */
  readonly host: string;
}

/** The folder of all pins of a store. */
export function pinsDir(root: string): string {
  return join(root, "pins");
}

function pinFile(root: string, pin: string): string {
  return join(pinsDir(root), `${pin}.json`);
}

/**
 * Keeps an artifact: neither `gc` removes it nor, without `--force`, `rm`, nor anything that it depends on.
 *
 * @param name What it is called from now on; by default it has no name but its hash.
 * @returns Whether it was not pinned so before.
 * @throws {UsageError} If the name is none.
 * @throws {FuruError} If another artifact has that name, or nothing is stored of this one.
 * @throws {StoreError} If the store cannot be written.
 */
export async function addPin(store: Store, key: ArtifactKey, name?: string): Promise<boolean> {
  if (name !== undefined) checkPinName(name);
  const pin = name ?? key.hash;
  const { self, clock } = store.machine;
  const { record } = store.paths(key);
  const label = artifactLabel(key.name, key.hash);
  if (!await store.machine.files.exists(record)) {
    throw new FuruError(`Cannot pin ${label}: no result of it is stored`);
  }
  const isNew = await store.makeDir(pinsDir(store.root)).then(() =>
    linkJson(store, pinFile(store.root, pin), {
      schema: RECORD_SCHEMA,
      task: key.name,
      hash: key.hash,
      pinnedAt: new Date(clock.now()).toISOString(),
      owner: self,
    })
  ).catch((error) => {
    throw storeError(`pin ${label} in`, pinsDir(store.root), error);
  });
  if (!isNew) {
    const there = await readPin(store, pin);
    if (there?.hash === key.hash) return false;
    const whose = there ? artifactLabel(there.name, there.hash) : "a file that cannot be read";
    throw new FuruError(
      `Cannot pin ${label} as '${pin}': that is ${whose} ('furu unpin ${pin}' frees the name)`,
    );
  }
  // Whoever removes it looks for pins after it has claimed the artifact: one of both sees the other.
  if (await store.machine.files.exists(record)) return true;
  await store.remove(pinFile(store.root, pin));
  throw new FuruError(`Cannot pin ${label}: it was removed just now`);
}

/** @throws {UsageError} If it cannot be the name of a pin. */
function checkPinName(name: string): void {
  try {
    checkWord("name of a pin", name);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  if (/^[0-9a-f]+$/i.test(name)) {
    throw new UsageError(`Cannot use '${name}' as the name of a pin: it could be the beginning of a hash`);
  }
}

/**
 * Removes pins: by their name, or all of an artifact by the first digits of its hash.
 *
 * @returns The names of those that were removed.
 * @throws {StoreError} If they cannot be removed.
 */
export async function removePins(store: Store, written: string): Promise<string[]> {
  const names = await pinNames(store);
  let meant = names.filter((name) => name === written);
  if (meant.length === 0 && /^[0-9a-f]{4,32}$/i.test(written)) {
    const digits = written.toLowerCase();
    meant = (await readPins(store)).filter(({ hash }) => hash.startsWith(digits)).map(({ pin }) => pin);
  }
  for (const name of meant) await store.remove(pinFile(store.root, name));
  return meant;
}

/**
 * All pins of a store, by name.
 *
 * @throws {StoreError} If one cannot be read: then it is not known what has to stay.
 */
export async function readPins(store: Store): Promise<Pin[]> {
  const pins: Pin[] = [];
  for (const pin of await pinNames(store)) {
    const read = await readPin(store, pin);
    if (read) pins.push(read);
  }
  return pins.sort((a, b) => compareText(a.pin, b.pin));
}

/** The names of all pins. */
export async function pinNames(store: Store): Promise<string[]> {
  const names = (await store.list(pinsDir(store.root))).map(({ name }) => name);
  return names.filter((name) => /^[^.].*\.json$/.test(name)).map((name) => name.slice(0, -".json".length));
}

/**
 * The artifact that a pin's name stands for, for commands that take a reference; `undefined` for what is no
 * pin.
 *
 * @throws {StoreError} If there is one that cannot be read.
 */
export async function resolvePin(store: Store, name: string): Promise<ArtifactKey | undefined> {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(name)) return undefined;
  return await readPin(store, name);
}

async function readPin(store: Store, pin: string): Promise<Pin | undefined> {
  const path = pinFile(store.root, pin);
  const read = await readJson(store, path, pinRecord);
  if (read === undefined) return undefined;
  if ("fault" in read) {
    throw new StoreError(`Cannot use pin ${path}: ${read.fault}; remove the file, or 'furu unpin ${pin}'`);
  }
  const { task, hash, pinnedAt, owner: { user, host } } = read.value;
  return { pin, name: task, hash, pinnedAt, user, host };
}
