import { globToRegExp } from "@std/path/posix/glob-to-regexp";
import { join } from "@std/path/posix/join";
import { UsageError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import { compareText } from "../core/json/encode_tagged.ts";
import { artifactsDir, taskDir } from "../store/layout.ts";
import type { Store } from "../store/store.ts";
import { type FolderNames, folderNames, HAS, type ListFolder } from "./folder_names.ts";

/** An artifact of which there is something in the store. */
export interface FoundArtifact {
  /** Its task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: Hash;
  /** Path of its success record. */
  readonly record: string;
  /** Path of its folder. */
  readonly home: string;
  /** Whether the record exists. */
  readonly hasRecord: boolean;
  /** Whether the folder exists. */
  readonly hasHome: boolean;
  /** Whether it is claimed: it is computed now, or its owner has died. */
  readonly hasClaim: boolean;
}

/** The least number of digits of a hash. */
export const LEAST_DIGITS = 4;

/** Which artifacts are meant. */
export interface ArtifactPattern {
  /** Whether artifacts of this task may be meant. */
  readonly task: (name: string) => boolean;
  /**
   * The name of the only task that is meant, where it is one.
   *
   * @default {there may be several}
   */
  readonly only?: string | undefined;
  /** How the hash begins; empty for any. */
  readonly prefix: string;
}

/** Every artifact. */
export const ANY_ARTIFACT: ArtifactPattern = { task: () => true, prefix: "" };

/** All artifacts of one task; of these those whose hash begins so. */
export function taskPattern(name: string, prefix = ""): ArtifactPattern {
  return { task: (each) => each === name, only: name, prefix };
}

/**
 * Reads what people write for artifacts: the name of a task, its last word, or a folder of tasks; a pattern
 * of such names with `*`, `**`, `?`, `{a,b}`; the beginning of a hash; or an artifact as furu prints it,
 * `toy/Train(4f0c12ab)`. A word that could be the beginning of a hash is that where no task is called so.
 *
 * @param taskNames The tasks that there are.
 * @throws {UsageError} If a hash has too few digits.
 */
export function parsePattern(written: string, taskNames: readonly string[]): ArtifactPattern {
  const [, name, digits] = /^(.+)\(([0-9a-f]*)…?\)$/i.exec(written) ?? [];
  if (name !== undefined && digits !== undefined) {
    return taskPattern(name, checkedPrefix(digits, written));
  }
  if (/[*?{[]/.test(written)) {
    const glob = globToRegExp(written, { extended: true, globstar: true });
    return { task: (each) => glob.test(each), prefix: "" };
  }
  const folder = written.replace(/\/+$/, "");
  if (taskNames.includes(folder)) return taskPattern(folder);
  if (taskNames.some((each) => each.startsWith(`${folder}/`))) {
    return { task: (each) => each.startsWith(`${folder}/`), prefix: "" };
  }
  // A task's last word is enough where it has no slash.
  if (!folder.includes("/") && taskNames.some((each) => each.endsWith(`/${folder}`))) {
    return { task: (each) => each.endsWith(`/${folder}`), prefix: "" };
  }
  if (/^[0-9a-f]+$/i.test(written)) return { task: () => true, prefix: checkedPrefix(written, written) };
  return taskPattern(folder);
}

function checkedPrefix(digits: string, written: string): string {
  if (digits.length >= LEAST_DIGITS && digits.length <= 32) return digits.toLowerCase();
  throw new UsageError(
    `Cannot use '${written}' as a hash: ${LEAST_DIGITS} to 32 digits of [0-9a-f] are needed`,
  );
}

/**
 * The names of all tasks of which there is something in a store, sorted.
 *
 * @param list How the names in a folder are found out.
 * @throws {StoreError} If a folder cannot be listed.
 */
export async function taskNamesOf(store: Store, list: ListFolder = directly(store)): Promise<string[]> {
  const names: string[] = [];
  const open = [""];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const { artifacts, below } = await list(at);
    for (const name of below) open.push(at === "" ? name : `${at}/${name}`);
    if (artifacts.size > 0 && at !== "") names.push(at);
  }
  return names.sort(compareText);
}

/**
 * All artifacts that are meant and of which there is something in a store, sorted by task and hash.
 *
 * @param list How the names in a folder are found out; each folder is asked for once or twice.
 * @throws {StoreError} If a folder cannot be listed.
 */
export async function findArtifacts(
  store: Store,
  pattern: ArtifactPattern,
  list: ListFolder = directly(store),
): Promise<FoundArtifact[]> {
  const names = pattern.only === undefined
    ? (await taskNamesOf(store, list)).filter((name) => pattern.task(name))
    : [pattern.only];
  const all: FoundArtifact[] = [];
  for (const name of names) {
    const found = (await list(name)).artifacts;
    const dir = taskDir(store.root, name);
    for (const [hash, has] of found) {
      if (pattern.prefix === "" || hash.startsWith(pattern.prefix)) {
        all.push(foundArtifact(dir, name, hash as Hash, has));
      }
    }
  }
  return all;
}

/** Asks the system, once for each folder. */
function directly(store: Store): ListFolder {
  const known = new Map<string, FolderNames>();
  return async (at) => {
    const names = known.get(at) ?? folderNames(await store.list(join(artifactsDir(store.root), at)));
    known.set(at, names);
    return names;
  };
}

function foundArtifact(dir: string, name: string, hash: Hash, has: number): FoundArtifact {
  const home = `${dir}/${hash}`;
  return {
    name,
    hash,
    record: `${home}.json`,
    home,
    hasRecord: (has & HAS.record) !== 0,
    hasHome: (has & HAS.home) !== 0,
    hasClaim: (has & HAS.claim) !== 0,
  };
}

/** An artifact of which there is nothing in the store. */
export function nothingOf(root: string, name: string, hash: Hash): FoundArtifact {
  return foundArtifact(taskDir(root, name), name, hash, 0);
}
