import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { findArtifacts, nothingOf, taskPattern } from "../catalog/find_artifacts.ts";
import { readEntry } from "../catalog/read_entries.ts";
import { ExecutionError } from "../core/errors.ts";
import type { Store } from "../store/store.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";
import { withAllBelow } from "../task/artifact/reference.ts";

/**
 * Makes a store in a folder of its own in which an artifact can be computed as in the true one, and nothing
 * of the true one is written: what is stored of all below it is there by links.
 *
 * @param folder An empty folder.
 * @throws {ExecutionError} If a result is missing that computing it begins with: names it.
 */
export async function linkDependencies(store: Store, artifact: Artifact, folder: string): Promise<void> {
  const { dependencies } = artifact[ARTIFACT];
  const direct = new Set(dependencies.map(({ hash }) => hash));
  const homes = new Set<string>();
  for (const below of withAllBelow(dependencies)) {
    const found = nothingOf(store.root, below.name, below.hash);
    const entry = await readEntry(store, { ...found, hasRecord: await exists(found.record) });
    if (entry?.record === undefined) {
      if (!direct.has(below.hash)) continue;
      throw new ExecutionError(
        `Cannot compute ${artifact} again as ${below}, which it depends on, is not stored` +
          (entry?.error === undefined ? "" : `: ${entry.error}`),
      );
    }
    link(store, folder, found.record);
    if (entry.record.files) homes.add(found.home);
    // Its value names files of others.
    for (const used of entry.record.uses ?? []) homes.add(dirname(join(store.root, used)));
  }
  for (const home of homes) if (await exists(home)) link(store, folder, home);
  const raw = join(store.root, "raw");
  if (await exists(raw)) link(store, folder, raw);

  async function exists(path: string): Promise<boolean> {
    return await store.machine.files.exists(path);
  }
}

function link(store: Store, folder: string, path: string): void {
  const name = join(folder, path.slice(store.root.length));
  Deno.mkdirSync(dirname(name), { recursive: true });
  Deno.symlinkSync(path, name);
}

/** What is stored of an artifact in a store; nothing where there is no result that can be read. */
export async function storedRecord(store: Store, { name, hash }: { name: string; hash: string }) {
  const [found] = await findArtifacts(store, taskPattern(name, hash));
  return found?.hasRecord ? (await readEntry(store, found))?.record : undefined;
}
