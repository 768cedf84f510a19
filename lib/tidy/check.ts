import { TIDIER } from "../store/claims/claim.ts";
import { errorText, StoreError } from "../core/errors.ts";
import { artifactLabel } from "../core/hash.ts";
import { readValue } from "../run/stored_value.ts";
import type { Runtime } from "../run/runtime.ts";
import { readRecord } from "../store/read_record.ts";
import { DamagedError, NewerError, type SuccessRecord } from "../store/record.ts";
import { concernsOneArtifact } from "../store/store.ts";
import { insideStore, type StoredArtifact, type StoreGraph } from "./graph.ts";
import { setRecordAside, withClaim } from "./hold.ts";
import type { InUse, TidyContext } from "./in_use.ts";
import { claimRemoval, litterRemovals } from "./litter.ts";
import type { Removal } from "./removal.ts";

/** Something that is not as it should be. */
export interface StoreFinding {
  /**
   * `damaged`: the result cannot be used. `unreadable`: whether it can is not known, as the system does not
   * let us read it. `newer`: a newer furu made it. `claim`: of a dead owner. `litter`: of a dead process. The
   * names are those of `--json`, and stay.
   */
  readonly kind: "damaged" | "unreadable" | "newer" | "claim" | "litter";
  /** Its task, where it is about an artifact. */
  readonly name?: string | undefined;
  /** Its hash, where it is about an artifact. */
  readonly hash?: string | undefined;
  /** The path that it is about, as seen from the store's folder. */
  readonly path: string;
  /** What is wrong. */
  readonly what: string;
  /** What to do about it. */
  readonly advice: string;
  /** What `--fix` does; nothing where a person has to decide. */
  readonly fix?: Removal | undefined;
}

/**
 * Opens the records of artifacts and looks at their files.
 *
 * @param onLooked Told after each.
 * @throws {StoreError} If the store cannot be read.
 */
export async function checkArtifacts(
  context: TidyContext,
  artifacts: readonly StoredArtifact[],
  { runtime, inUse, onLooked = () => {} }: { runtime: Runtime; inUse: InUse; onLooked?: () => void },
): Promise<StoreFinding[]> {
  const findings: StoreFinding[] = [];
  for (const artifact of artifacts) {
    const finding = artifact.hasRecord ? await checkResult(context, artifact, { runtime, inUse }) : undefined;
    if (finding) findings.push(finding);
    onLooked();
  }
  return findings;
}

type Judged = { kind: "good"; record: SuccessRecord | undefined } | {
  kind: Exclude<StoreFinding["kind"], "claim" | "litter">;
  what: string;
};

/** By the rules of those who load it. */
async function judge(runtime: Runtime, artifact: StoredArtifact): Promise<Judged> {
  const { store } = runtime;
  const paths = store.paths(artifact);
  try {
    const record = await readRecord(store, paths);
    // Removed meanwhile.
    if (record === undefined) return { kind: "good", record };
    const read = await readValue(runtime, paths, record, "check");
    return read.ok ? { kind: "good", record } : { kind: "damaged", what: read.why };
  } catch (error) {
    if (error instanceof DamagedError) return { kind: "damaged", what: error.what };
    if (error instanceof NewerError) return { kind: "newer", what: error.message };
    if (!concernsOneArtifact(error)) throw error;
    return { kind: "unreadable", what: errorText(error) };
  }
}

async function checkResult(
  context: TidyContext,
  artifact: StoredArtifact,
  { runtime, inUse }: { runtime: Runtime; inUse: InUse },
): Promise<StoreFinding | undefined> {
  const judged = await judge(runtime, artifact);
  if (judged.kind === "good") return undefined;
  const { name, hash } = artifact;
  const { kind, what } = judged;
  const path = insideStore(context.store, artifact.record);
  const short = hash.slice(0, 8);
  if (kind === "newer") return { kind, name, hash, path, what, advice: "use the furu that made it" };
  if (kind === "unreadable") {
    return { kind, name, hash, path, what, advice: "ask whoever owns the file, or the file server's people" };
  }
  const reason = inUse.reasons.get(hash);
  const isKept = reason?.kind === "pinned" || reason?.kind === "computed" || reason?.kind === "queued";
  const task = name.slice(name.lastIndexOf("/") + 1);
  return {
    kind,
    name,
    hash,
    path,
    what,
    advice: isKept
      ? `${reason.text}: put its files back, or 'furu run --force ${task}'`
      : `'furu check ${short} --fix' has the next run compute it again, as 'furu rm ${short} --apply' and ` +
        `'furu run --force ${task}' do`,
    ...(isKept ? {} : { fix: damageFix(context, artifact, runtime) }),
  };
}

/** Moves a record that cannot be used away, so that the next run computes it again. */
function damageFix(context: TidyContext, artifact: StoredArtifact, runtime: Runtime): Removal {
  const { name, hash } = artifact;
  return {
    kind: "replaced",
    name,
    hash,
    what: artifactLabel(name, hash),
    bytes: 0,
    remove: async () => {
      const held = await withClaim(context, artifact, TIDIER, async ({ paths, claim }) => {
        // It may have been computed again meanwhile.
        if ((await judge(runtime, artifact)).kind !== "damaged") return { kind: "done", value: false };
        if (claim === undefined) throw new StoreError(`Cannot move ${paths.record}: it is not claimed`);
        return {
          kind: "done",
          value: await setRecordAside(context.store, paths, { kind: "damaged", ...claim.attempt }),
        };
      });
      return held.kind === "done" ? { done: true, left: [] } : { done: false, why: held.why };
    },
  };
}

/**
 * Claims of the dead, private names, owner files and folders that nobody needs.
 *
 * @throws {StoreError} If a folder cannot be listed.
 */
export async function findLitter(
  context: TidyContext,
  { graph, inUse }: { graph: StoreGraph; inUse: InUse },
): Promise<StoreFinding[]> {
  const findings: StoreFinding[] = [];
  const { store } = context;
  for (const artifact of graph.artifacts.values()) {
    const holder = inUse.dead.get(artifact.hash);
    // Those beside results are among the litter.
    if (!holder || artifact.status === "DONE") continue;
    const { name, hash } = artifact;
    findings.push({
      kind: "claim",
      name,
      hash,
      path: insideStore(store, store.paths(artifact).claim),
      what: `its owner is dead: pid ${holder.owner.pid} on ${holder.owner.host}, since ${holder.startedAt}`,
      advice: "the next run ends it; so does --fix",
      fix: claimRemoval(context, artifact, holder),
    });
  }
  for (const removal of await litterRemovals(context, { graph, inUse })) {
    const { name, hash } = removal;
    findings.push({
      kind: removal.kind === "claim" ? "claim" : "litter",
      ...(name === undefined ? {} : { name, hash }),
      path: removal.what,
      what: removal.kind === "claim" ? "its owner is dead" : "left by a process that is gone",
      advice: "'furu gc --apply', or --fix",
      fix: removal,
    });
  }
  return findings;
}
