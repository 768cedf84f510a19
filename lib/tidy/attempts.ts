import { join } from "@std/path/posix/join";
import { type Claim, TIDIER } from "../store/claims/claim.ts";
import { discardUncommitted } from "../store/claims/dead_owner.ts";
import { type AttemptName, parseAttemptName } from "../store/layout.ts";
import type { Store } from "../store/store.ts";
import type { StoredArtifact, StoreGraph } from "./graph.ts";
import { isSameRecord, withClaim } from "./hold.ts";
import type { InUse, TidyContext } from "./in_use.ts";
import { type Left, throwAway } from "./remove_tree.ts";
import type { Removal } from "./removal.ts";

/**
 * What a name in an artifact's folder belongs to. `own`: the result that counts. `failed`: an attempt that
 * failed, or of which nobody knows how it ended. `replaced`: a result that was replaced, or one that could
 * not be read. `none`: no attempt's.
 */
export type Belonging = "own" | "failed" | "replaced" | "none";

/**
 * Tells what the names in an artifact's folder belong to.
 *
 * @param names The names.
 * @param recordId The attempt that the record is of, where there is one.
 */
export function belongings(
  names: readonly string[],
  recordId: string | undefined,
): Map<string, { belongs: Belonging; attempt: AttemptName | undefined }> {
  const parsed = new Map(names.map((name) => [name, parseAttemptName(name)]));
  const attempts = [...parsed.values()].flatMap((each) => each ?? []);
  const ended = new Set(attempts.filter(({ kind }) => kind === "end").map(({ id }) => id));
  const replaced = new Set(attempts.filter(({ kind }) => kind === "replaced").map(({ id }) => id));
  const belongs = (attempt: AttemptName | undefined): Belonging => {
    if (attempt === undefined) return "none";
    const { id, kind } = attempt;
    // It has the name of the attempt that found it, which need not be at fault.
    if (kind === "damaged" || kind === "replaced") return "replaced";
    if (id === recordId) return kind === "checkpoint" || kind === "end" ? "failed" : "own";
    if (replaced.has(id)) return kind === "checkpoint" ? "failed" : "replaced";
    // Beside a result, what has no end is of one that was damaged, or came second.
    return recordId === undefined || ended.has(id) || kind === "checkpoint" ? "failed" : "replaced";
  };
  return new Map([...parsed].map(([name, attempt]) => [name, { belongs: belongs(attempt), attempt }]));
}

/** Which parts of artifacts are to go. */
export interface AttemptsOptions {
  /** Ends, logs, checkpoints and files of attempts that failed: of what is stored, or failed before then. */
  readonly failed: boolean;
  /** Results that were replaced or damaged. */
  readonly replaced: boolean;
  /** Of an artifact without a result, failures stay that are younger: milliseconds since 1970. */
  readonly before: number;
}

/**
 * What may go of the attempts of artifacts, while their results stay.
 *
 * @throws {StoreError} If a folder cannot be listed.
 */
export async function attemptRemovals(
  context: TidyContext,
  artifacts: readonly StoredArtifact[],
  { graph, inUse, options }: { graph: StoreGraph; inUse: InUse; options: AttemptsOptions },
): Promise<Removal[]> {
  const { store } = context;
  const named = graph.namedFolders();
  const removals: Removal[] = [];
  for (const artifact of artifacts) {
    if (!artifact.hasHome || isBusy(artifact, inUse)) continue;
    // What cannot be read says nothing of whose the other files are.
    if (artifact.hasRecord && artifact.recordId === undefined) continue;
    const names = (await store.list(artifact.home)).map(({ name }) => name);
    for (const kind of ["failed", "replaced"] as const) {
      if (!options[kind] || kind === "failed" && !mayForget(artifact, options.before)) continue;
      const going = namesOf(names, artifact, kind, named);
      if (going.length === 0) continue;
      let bytes = 0;
      for (const name of going) bytes += await diskBytes(store, join(artifact.home, name));
      const { name, hash } = artifact;
      removals.push({
        kind,
        name,
        hash,
        what: `${name}(${hash.slice(0, 8)})`,
        bytes,
        remove: () => removeNames(context, artifact, kind, named),
      });
    }
  }
  return removals;
}

function isBusy({ hash }: StoredArtifact, { reasons }: InUse): boolean {
  const kind = reasons.get(hash)?.kind;
  return kind === "computed" || kind === "queued";
}

/** What has a result has no need of its failures; of anything else old ones are of no more use. */
function mayForget({ hasRecord, at }: StoredArtifact, before: number): boolean {
  return hasRecord || at !== undefined && Date.parse(at) < before;
}

/** Files of a failed or replaced attempt that the value of some other artifact names stay. */
function namesOf(
  names: readonly string[],
  { name: task, hash, recordId }: StoredArtifact,
  kind: "failed" | "replaced",
  named: ReadonlySet<string>,
): string[] {
  return [...belongings(names, recordId)]
    .filter(([name, { belongs }]) => belongs === kind && !named.has(`artifacts/${task}/${hash}/${name}`))
    .map(([name]) => name);
}

async function removeNames(
  context: TidyContext,
  artifact: StoredArtifact,
  kind: "failed" | "replaced",
  named: ReadonlySet<string>,
): Promise<Awaited<ReturnType<Removal["remove"]>>> {
  const { store } = context;
  const held = await withClaim(context, artifact, TIDIER, async ({ paths, claim }) => {
    if (!await isSameRecord(store, artifact, artifact.recordId)) {
      return { kind: "kept", why: "it was computed again meanwhile" };
    }
    const names = (await store.list(artifact.home)).map(({ name }) => name);
    const left: Left[] = [];
    // An end comes last: without it the files of a failed attempt would look like those of one that runs.
    const going = namesOf(names, artifact, kind, named).sort((a, b) =>
      Number(isRecord(a)) - Number(isRecord(b))
    );
    await discardAttempts(store, going);
    for (const name of going) left.push(...await throwFromHome(store, { paths, owner: claim?.owner }, name));
    return { kind: "done", value: left };
  });
  return held.kind === "done" ? { done: true, left: held.value } : { done: false, why: held.why };
}

function isRecord(name: string): boolean {
  return name.endsWith(".json");
}

/**
 * Sees to it that what dead processes have written of attempts is not committed any more. Before anything of
 * them goes, and before the record does: one that is linked after this is of files that are there.
 *
 * @param names What is to go from an artifact's folder.
 */
export async function discardAttempts(store: Store, names: readonly string[]): Promise<void> {
  const ids = new Set(names.flatMap((name) => parseAttemptName(name)?.id ?? []));
  for (const id of ids) await discardUncommitted(store, id);
}

/**
 * Throws away a name in an artifact's folder, after {@link discardAttempts}.
 *
 * @param claim `owner`: in the folder of the owner file it is removed with that, should this process die
 * before.
 */
export async function throwFromHome(
  store: Store,
  { paths, owner }: Pick<Claim, "paths"> & { owner?: Pick<Claim["owner"], "dir"> | undefined },
  name: string,
): Promise<Left[]> {
  return await throwAway(store, join(paths.home, name), [...(owner ? [owner.dir] : []), paths.home]);
}

/** Bytes of a file, or of all files in a folder. What goes away meanwhile does not count. */
export async function diskBytes(store: Store, path: string): Promise<number> {
  const { files } = store.machine;
  const info = await files.stat(path).catch(() => undefined);
  if (info === undefined) return 0;
  if (!info.isDirectory) return info.size;
  let bytes = 0;
  for (const { name } of await store.list(path).catch(() => [])) {
    bytes += await diskBytes(store, join(path, name));
  }
  return bytes;
}
