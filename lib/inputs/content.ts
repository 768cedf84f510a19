import { join } from "@std/path/posix/join";
import { ValidationError } from "../core/errors.ts";
import { longSha256 } from "../core/hash.ts";
import { fileSha256 } from "../core/json/digest.ts";
import type { InputType } from "../core/json/input_file.ts";
import { IndexFiles, userCacheDir } from "../store/index_files.ts";
import type { Store } from "../store/store.ts";
import { type InputLook, look, type SeenFile, unreadable } from "./look.ts";

/** What is known of a content. */
export interface Content {
  /** Its SHA-256, 64 hex digits. */
  readonly sha256: string;
  /**
   * While the same is found at its place, so is the content. Not there where it was changed within the last
   * seconds, as clocks of file systems tick.
   */
  readonly stamp?: string;
}

/** Where contents are read, and remembered. */
export interface ContentOptions {
  /** What was read is remembered in its index, or in the user's cache where that cannot be written. */
  readonly store: Store;
  /**
   * What is known from elsewhere: if it is still there, nothing is read.
   *
   * @default {nothing}
   */
  readonly known?: Content | undefined;
  /**
   * Told when much is going to be read.
   *
   * @default {nobody is}
   */
  readonly onMuch?: ((bytes: number) => void) | undefined;
}

/** What was changed so many milliseconds before it was read may change again and look the same. */
const SETTLED_MS = 2000;
/** So many bytes take longer to read than what was just changed takes to settle. */
const WORTH_WAITING = 1 << 28;
const MUCH = 1 << 30;
const WORTH_KEEPING = 1 << 24;
/** So many times it is read again when it changes meanwhile. */
const MAX_TURNS = 3;

/** Digests of the files at a place, by their paths in it, with the stamps that they hold for. */
type Digests = Map<string, readonly [stamp: string, sha256: string]>;

/** By the real path: of each store, where others find the same. */
const remembered = new WeakMap<Store, Map<string, Digests>>();

/**
 * The digest of the content of a file, or of a folder: then of the names and contents of all that is in it.
 * What was read before, by whatever process, and has its size, times and inode since, is not read again.
 *
 * @param path Absolute.
 * @throws {ValidationError} If it cannot be read, or changes again and again.
 */
export async function contentOf(kind: InputType, path: string, options: ContentOptions): Promise<Content> {
  const { store, known, onMuch } = options;
  const { clock } = store.machine;
  let told = false;
  for (let turn = 1; turn <= MAX_TURNS; turn++) {
    const began = clock.now();
    const seen = await look(kind, path);
    if (known?.stamp !== undefined && seen.stamp === known.stamp) return known;
    const real = realPathOf(kind, path);
    const digests = remembered.get(store)?.get(real) ?? await recall(store, real);
    const open = [...seen.files].filter(([name, { stamp }]) => digests.get(name)?.[0] !== stamp);
    const bytes = open.reduce((sum, [, { size }]) => sum + size, 0);
    const young = open.some(([, file]) => !isSettled(file, began));
    if (bytes > MUCH && !told) onMuch?.(bytes);
    told = true;
    // What is settled can be remembered.
    if (young && bytes > WORTH_WAITING) await clock.sleep(SETTLED_MS);
    const now = young && bytes > WORTH_WAITING ? await look(kind, path) : seen;
    const at = now === seen ? began : clock.now();
    if (now.stamp !== seen.stamp) continue;
    const fresh: Digests = new Map(digests);
    for (const [name, { stamp }] of open) fresh.set(name, [stamp, await read(kind, path, name)]);
    // Even where nothing had to be read, names may have come and gone.
    if (open.length > 0 && (await look(kind, path)).stamp !== seen.stamp) continue;
    await keep(store, real, seen, fresh, { at, before: digests, bytes: open.length > 0 ? bytes : undefined });
    const settled = [...seen.files.values()].every((file) => isSettled(file, at)) || open.length === 0;
    return {
      sha256: kind === "file" ? fresh.get("")![1] : folderDigest(seen, fresh),
      ...(settled ? { stamp: seen.stamp } : {}),
    };
  }
  throw new ValidationError(
    `Cannot use ${kind} '${path}' as a parameter: it changes while it is read; wait until it is complete`,
  );
}

function isSettled({ changedMs }: SeenFile, at: number): boolean {
  return changedMs + SETTLED_MS <= at;
}

function realPathOf(kind: InputType, path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    // Where only the path as it is written may be read, that has to do.
    if (error instanceof Deno.errors.NotCapable) return path;
    throw unreadable(kind, path, error);
  }
}

async function read(kind: InputType, path: string, name: string): Promise<string> {
  const file = name === "" ? path : join(path, name);
  try {
    return await fileSha256(file);
  } catch (error) {
    throw unreadable(name === "" ? kind : "file", file, error);
  }
}

/**
 * The digest of a folder: of a line for each folder and file in it, by their names. Permissions, owners and
 * times do not count; whether a name is a link does not either.
 */
function folderDigest({ files, folders }: InputLook, digests: Digests): string {
  const hash = longSha256();
  hash.update("furu folder 1\n");
  for (const name of folders) hash.update(`${JSON.stringify(["folder", name])}\n`);
  for (const name of files.keys()) hash.update(`${JSON.stringify(["file", name, digests.get(name)![1]])}\n`);
  return hash.digest("hex");
}

/** What an earlier process has kept. What is torn or of another place is as if it were not there. */
async function recall(store: Store, real: string): Promise<Digests> {
  for await (const text of new IndexFiles(store, userCacheDir()).read("input", real)) {
    const digests = parseKept(text, real);
    if (digests) return digests;
  }
  return new Map();
}

const VERSION = 1;

function parseKept(text: string, real: string): Digests | undefined {
  try {
    const { furu, version, path, files } = JSON.parse(text) as Record<string, unknown>;
    if (furu !== "input" || version !== VERSION || path !== real) return undefined;
    const entries = Object.entries(files as Record<string, [string, string]>);
    const isGood = entries.every(([, [stamp, sha256]]) =>
      typeof stamp === "string" && /^[0-9a-f]{64}$/.test(sha256)
    );
    return isGood ? new Map(entries) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Keeps what is settled, for this process and for others.
 *
 * @param options `bytes`: how many were read just now, if any file was.
 */
async function keep(
  store: Store,
  real: string,
  { files }: InputLook,
  digests: Digests,
  { at, before, bytes }: { at: number; before: Digests; bytes: number | undefined },
): Promise<void> {
  const kept: Digests = new Map();
  for (const [name, file] of files) {
    const digest = digests.get(name)!;
    if (isSettled(file, at) || before.get(name) === digest) kept.set(name, digest);
  }
  if (!remembered.has(store)) remembered.set(store, new Map());
  remembered.get(store)!.set(real, kept);
  if (bytes === undefined || kept.size === 0) return;
  // To look at a file makes no store, and before there is one little is not worth a place elsewhere.
  const hasStore = await store.machine.files.exists(store.root).catch(() => false);
  if (!hasStore && bytes < WORTH_KEEPING) return;
  const text = JSON.stringify({
    furu: "input",
    version: VERSION,
    path: real,
    files: Object.fromEntries(kept),
  });
  const index = new IndexFiles(store, userCacheDir());
  await index.write("input", real, text, hasStore && index.mayWriteStore());
}
