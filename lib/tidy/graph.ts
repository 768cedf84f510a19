import { join } from "@std/path/posix/join";
import { ANY_ARTIFACT, findArtifacts, type FoundArtifact } from "../catalog/find_artifacts.ts";
import { type ArtifactEntry, readEntry } from "../catalog/read_entries.ts";
import { attemptPaths } from "../store/layout.ts";
import { type ArtifactKey, artifactsDir } from "../store/layout.ts";
import type { SuccessRecord } from "../store/record.ts";
import type { Store } from "../store/store.ts";
import { namedReferences } from "../task/artifact/reference.ts";

/** An artifact of the store, as far as it matters what may go. */
export interface StoredArtifact extends FoundArtifact, Omit<ArtifactEntry, "name" | "hash" | "record"> {
  /** Hashes of what it is computed from, of artifacts in its value, and of those whose files that names. */
  readonly uses: readonly string[];
  /** Folders of attempts, as seen from the store's, that its value names and that are not its own. */
  readonly folders: readonly string[];
  /** The id of the attempt that its record is of. */
  readonly recordId?: string | undefined;
  /** Ids of snapshots that its record names. */
  readonly snapshots: readonly string[];
}

/** All artifacts of a store, and what uses what. */
export class StoreGraph {
  /** By hash. */
  readonly artifacts: ReadonlyMap<string, StoredArtifact>;
  #users: Map<string, StoredArtifact[]> | undefined;

  /** @param artifacts All that there are. */
  constructor(artifacts: Iterable<StoredArtifact>) {
    this.artifacts = new Map(Iterator.from(artifacts).map((each) => [each.hash, each]));
  }

  /** The hashes of these artifacts, and of all that they use, directly or not. */
  closure(hashes: Iterable<string>): Set<string> {
    const all = new Set(hashes);
    // A Set's iteration goes on over what is added meanwhile.
    for (const hash of all) for (const used of this.artifacts.get(hash)?.uses ?? []) all.add(used);
    return all;
  }

  /** The artifacts with a result that use this one directly. */
  usersOf(hash: string): readonly StoredArtifact[] {
    if (!this.#users) {
      this.#users = new Map();
      for (const artifact of this.artifacts.values()) {
        if (!artifact.hasRecord) continue;
        for (const used of artifact.uses) {
          const users = this.#users.get(used);
          if (users) users.push(artifact);
          else this.#users.set(used, [artifact]);
        }
      }
    }
    return this.#users.get(hash) ?? [];
  }

  /** Folders of attempts that some value names. */
  namedFolders(): Set<string> {
    return new Set(this.artifacts.values().flatMap(({ folders }) => folders));
  }
}

/** So many artifacts are looked at at the same time. */
const AT_ONCE = 16;

/**
 * Reads all artifacts of a store. A record is taken as it is: only `furu check` opens its files.
 *
 * @throws {StoreError} If the store cannot be read.
 */
export async function readGraph(store: Store): Promise<StoreGraph> {
  const found = await findArtifacts(store, ANY_ARTIFACT);
  const all: StoredArtifact[] = [];
  const order = found.values();
  const lane = async (): Promise<void> => {
    for (const each of order) {
      const artifact = await readUsed(store, each);
      if (artifact) all.push(artifact);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return new StoreGraph(all);
}

/**
 * Reads one artifact as {@link readGraph} does; nothing where nothing is left of it.
 *
 * @throws {StoreError} If the store cannot be read.
 */
export async function readUsed(store: Store, found: FoundArtifact): Promise<StoredArtifact | undefined> {
  const entry = await readEntry(store, found);
  // A claim that was given back meanwhile.
  if (entry === undefined) return undefined;
  const { record, ...rest } = entry;
  const at = entry.at ?? await changedAt(store, found);
  const names = namedReferences(
    record ? [record.identity.params, record.identity.dependencies] : rest.params,
  );
  const uses = new Set(names.keys());
  const folders = record?.uses ?? [];
  for (const hash of record ? await hashesInValue(store, found, record) : []) uses.add(hash);
  for (const folder of folders) {
    const hash = ownerOfFolder(folder)?.hash;
    if (hash !== undefined) uses.add(hash);
  }
  uses.delete(found.hash);
  return {
    ...found,
    ...rest,
    at,
    hash: found.hash,
    uses: [...uses],
    folders: folders.filter((folder) => ownerOfFolder(folder)?.hash !== found.hash),
    ...(record === undefined ? {} : { recordId: record.id }),
    snapshots: record === undefined ? [] : snapshotsOf(record),
  };
}

/** When something of an artifact changed last of which no file tells when it was. */
async function changedAt(
  store: Store,
  { hasHome, home, record }: FoundArtifact,
): Promise<string | undefined> {
  const info = await store.machine.files.stat(hasHome ? home : record).catch(() => undefined);
  return info && new Date(info.mtimeMs).toISOString();
}

/** Whose folder that is which a value names: `artifacts/<task>/<hash>/<attempt>`. */
function ownerOfFolder(folder: string): Pick<ArtifactKey, "name" | "hash"> | undefined {
  const [, name, hash] = /^artifacts\/(.+)\/([0-9a-f]{32})\//.exec(`${folder}/`) ?? [];
  return name === undefined ? undefined : { name, hash: hash as ArtifactKey["hash"] };
}

/** What is kept of artifacts in a value names each of them, and all below. */
async function hashesInValue(
  store: Store,
  found: FoundArtifact,
  { artifacts, artifactsFile, attempt, id }: SuccessRecord,
): Promise<string[]> {
  if (artifactsFile === undefined) return Object.keys(artifacts ?? {});
  const { files } = attemptPaths(store.paths(found), { n: attempt, id });
  try {
    const table: unknown = JSON.parse(await store.read(join(files, artifactsFile)) ?? "{}");
    return typeof table === "object" && table !== null ? Object.keys(table) : [];
  } catch {
    return []; // damage is what `furu check` looks for
  }
}

function snapshotsOf({ provenance, artifacts }: SuccessRecord): string[] {
  const code = provenance.code as { snapshot?: unknown } | null | undefined;
  const own = typeof code?.snapshot === "string" ? [code.snapshot] : [];
  // What is kept of artifacts in a value says where their modules are.
  const modules = Object.values(artifacts ?? {}).flatMap((kept) => {
    const { module } = kept as { module?: unknown };
    const id = typeof module === "string" ? /\/snapshots\/([^/]+)\/code\//.exec(module)?.[1] : undefined;
    return id ?? [];
  });
  return [...new Set([...own, ...modules])];
}

/** A path in a store, as seen from the store's folder. */
export function insideStore(store: Store, path: string): string {
  return path.startsWith(`${artifactsDir(store.root)}/`) || path.startsWith(`${store.root}/`)
    ? path.slice(store.root.length + 1)
    : path;
}
