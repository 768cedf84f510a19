import { join } from "@std/path/posix/join";
import { artifactPaths, artifactsDir } from "../../store/layout.ts";
import type { Hash } from "../../core/hash.ts";

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
}

/**
 * All artifacts in a store whose hash begins with some digits, sorted by task and hash.
 *
 * @param root The store's folder; one that does not exist holds nothing.
 * @param prefix Lower-case hex digits.
 * @param name Only those of this task.
 */
export async function findStored(root: string, prefix: string, name?: string): Promise<FoundArtifact[]> {
  const found = new Map<string, FoundArtifact>();
  const open = [name ?? ""];
  for (let task = open.pop(); task !== undefined; task = open.pop()) {
    for (const entry of await list(join(artifactsDir(root), task))) {
      const [, hash, extension] = /^([0-9a-f]{32})(\.json)?$/.exec(entry.name) ?? [];
      if (hash !== undefined) {
        if (task !== "" && hash.startsWith(prefix)) {
          add(found, root, task, hash as Hash, extension !== undefined);
        }
      } else if (entry.isDirectory && !entry.name.startsWith(".") && name === undefined) {
        open.push(task === "" ? entry.name : `${task}/${entry.name}`);
      }
    }
  }
  return [...found.values()].sort((a, b) => compare(a.name, b.name) || compare(a.hash, b.hash));
}

function add(
  found: Map<string, FoundArtifact>,
  root: string,
  name: string,
  hash: Hash,
  isRecord: boolean,
): void {
  const key = `${name} ${hash}`;
  const { record, home } = artifactPaths(root, { name, hash });
  const before = found.get(key) ?? { name, hash, record, home, hasRecord: false, hasHome: false };
  found.set(key, { ...before, ...(isRecord ? { hasRecord: true } : { hasHome: true }) });
}

async function list(dir: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(dir));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
