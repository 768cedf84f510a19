import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { findArtifacts, nothingOf, taskPattern } from "../catalog/find_artifacts.ts";
import { type ArtifactEntry, readEntry } from "../catalog/read_entries.ts";
import { resolveConfig } from "../core/config.ts";
import { ExecutionError, furuErrorName } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import type { Files } from "../core/system/files.ts";
import { runAttempt } from "../run/attempt.ts";
import { systemRuntime } from "../run/default_runtime.ts";
import { tryClaim } from "../store/claims/claim.ts";
import { Store } from "../store/store.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";
import { withAllBelow } from "../task/artifact/reference.ts";
import { specOf } from "../task/requirements.ts";
import { toleratedOf } from "../task/tolerated.ts";

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
  for (const hash of toleratedOf(artifact)) direct.delete(hash);
  for (const below of withAllBelow(dependencies)) {
    const entry = await linkResult(store, below, folder);
    if (entry?.record !== undefined || !direct.has(below.hash)) continue;
    throw new ExecutionError(
      `Cannot compute ${artifact} again as ${below}, which it depends on, is not stored` +
        (entry?.error === undefined ? "" : `: ${entry.error}`),
    );
  }
  const raw = join(store.root, "raw");
  if (await store.machine.files.exists(raw)) link(store, folder, raw);
}

/** Makes links in a folder to what is stored of an artifact; tells what was found. */
async function linkResult(
  store: Store,
  { name, hash }: { name: string; hash: Hash },
  folder: string,
): Promise<ArtifactEntry | undefined> {
  const { files } = store.machine;
  const found = nothingOf(store.root, name, hash);
  const entry = await readEntry(store, { ...found, hasRecord: await files.exists(found.record) });
  if (entry?.record === undefined) {
    // How it failed is told to who can do without it.
    if (await files.exists(found.home)) link(store, folder, found.home);
    return entry;
  }
  const homes = entry.record.files ? [found.home] : [];
  // Its value names files of others.
  for (const used of entry.record.uses ?? []) homes.push(dirname(join(store.root, used)));
  for (const home of homes) if (await files.exists(home)) link(store, folder, home);
  link(store, folder, found.record);
  return entry;
}

/**
 * Computes an artifact in a folder that {@link linkDependencies} has filled, as a run would: a `get` in it
 * only loads. What it gets without having declared it is linked when it is asked for.
 *
 * @throws {FuruError} If it fails, or gets what is not stored.
 */
export async function computeBeside(store: Store, artifact: Artifact, folder: string): Promise<void> {
  const { files } = store.machine;
  const scratch: Files = {
    ...files,
    readText: async (path) => {
      const [, name, hash] = RECORD.exec(path.startsWith(folder) ? path.slice(folder.length) : "") ?? [];
      if (name !== undefined && hash !== artifact.hash && !await files.exists(path)) {
        await linkResult(store, { name, hash: hash as Hash }, folder);
      }
      return await files.readText(path);
    },
  };
  const { leaseSec, heartbeatSec } = store;
  const beside = new Store({ ...store.machine, files: scratch }, { root: folder, leaseSec, heartbeatSec });
  const runtime = systemRuntime({ ...resolveConfig(), root: folder }, { store: beside });
  const result = await tryClaim(beside, beside.paths(artifact), {
    backend: "get",
    run: runtime.session,
    mayBlock: true,
  });
  if (result.kind === "held") throw new ExecutionError(`Cannot claim ${artifact} in ${folder}`);
  let thrown: unknown;
  const { end, log, reason } = await runtime.guard((interrupted) =>
    runAttempt(runtime, {
      artifact,
      claim: result.claim,
      context: { mode: "executor", runtime, spec: specOf(artifact) },
      run: runtime.session,
      signals: [interrupted],
      echo: { write: (text) => runtime.echo(text) },
      onThrown: (error) => thrown = error,
    })
  );
  if (end.outcome === "success" || end.outcome === "superseded") return;
  if (end.outcome === "preempted") throw reason;
  const isMissing = furuErrorName(thrown) === "MissingArtifactError";
  throw new ExecutionError(
    isMissing
      ? `Cannot compute ${artifact} again as it gets what is not stored, and nothing else is computed: ${end.error}`
      : `${artifact} failed: ${end.error}; its log is ${log}`,
    { artifact: `${artifact}`, log, cause: thrown },
  );
}

const RECORD = /^\/artifacts\/(.+)\/([0-9a-f]{32})\.json$/;

function link(store: Store, folder: string, path: string): void {
  const name = join(folder, path.slice(store.root.length));
  if (isThere(name)) return; // several results name it
  Deno.mkdirSync(dirname(name), { recursive: true });
  Deno.symlinkSync(path, name);
}

function isThere(path: string): boolean {
  try {
    return Deno.lstatSync(path) !== undefined;
  } catch {
    return false;
  }
}

/** What is stored of an artifact in a store; nothing where there is no result that can be read. */
export async function storedRecord(store: Store, { name, hash }: { name: string; hash: string }) {
  const [found] = await findArtifacts(store, taskPattern(name, hash));
  return found?.hasRecord ? (await readEntry(store, found))?.record : undefined;
}
