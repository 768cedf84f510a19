import type { FileEntry } from "../core/system/files.ts";

/** What there is of an artifact, as the bits of a number. */
export const HAS = { record: 1, home: 2, claim: 4 } as const;

/** What the names in a folder below `artifacts` tell. */
export interface FolderNames {
  /** The artifacts by hash, in its order, with what there is of each ({@link HAS}). */
  readonly artifacts: ReadonlyMap<string, number>;
  /** The folders in it that may be those of tasks. */
  readonly below: readonly string[];
}

/** Finds out the names in a folder, by its path below `artifacts`; none where there is no such folder. */
export type ListFolder = (at: string) => Promise<FolderNames>;

const ARTIFACT_NAME = /^([0-9a-f]{32})(\.json|\.claim)?$/;

/** Reads the names in a folder. */
export function folderNames(entries: readonly FileEntry[]): FolderNames {
  const artifacts = new Map<string, number>();
  const below: string[] = [];
  for (const { name, isDirectory } of entries) {
    const [, hash, extension] = ARTIFACT_NAME.exec(name) ?? [];
    if (hash === undefined) {
      if (isDirectory && !name.startsWith(".")) below.push(name);
    } else if (extension !== undefined || isDirectory) {
      const has = extension === undefined ? HAS.home : extension === ".json" ? HAS.record : HAS.claim;
      artifacts.set(hash, (artifacts.get(hash) ?? 0) | has);
    }
  }
  // All of one length and of ASCII: the order of code units is that of everything else.
  return {
    artifacts: new Map([...artifacts.keys()].sort().map((hash) => [hash, artifacts.get(hash)!])),
    below,
  };
}
