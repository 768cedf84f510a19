import { type ArtifactEntry, readEntry } from "../catalog/read_entries.ts";
import type { FoundArtifact } from "../catalog/find_artifacts.ts";
import type { Store } from "../store/store.ts";
import {
  type ArtifactDifference,
  differences,
  type LoadIdentity,
  type StoredIdentity,
} from "./differences.ts";
import { identityOfRecord, storedIdentity } from "./why.ts";
import { withoutInputPaths } from "../core/json/input_file.ts";

/** One side of a comparison. */
export interface DiffSide {
  /** What is stored of it. */
  readonly entry: ArtifactEntry;
  /** Its identity, where it is known. */
  readonly identity?: StoredIdentity;
  /** The digest of the code that computed it, where that is known. */
  readonly code?: string;
  /** The commit that was checked out then, where that is known. */
  readonly commit?: string;
  /** The value as it is stored, where it is in the record. */
  readonly value?: unknown;
  /** The file that holds the value, where it is not in the record. */
  readonly valueFile?: string;
}

/** How two artifacts compare. */
export interface ArtifactDiff {
  /** The first. */
  readonly old: DiffSide;
  /** The second. */
  readonly new: DiffSide;
  /** How their identities differ. */
  readonly identity: ArtifactDifference;
}

/**
 * Compares two artifacts: what they are, and what is stored of them.
 *
 * @param known Identities of artifacts that are not in the store.
 * @default {none is known}
 */
export async function artifactDiff(
  store: Store,
  old: FoundArtifact,
  now: FoundArtifact,
  known: (hash: string) => StoredIdentity | undefined = () => undefined,
): Promise<ArtifactDiff> {
  const load: LoadIdentity = async (artifact) =>
    known(artifact.hash) ?? await storedIdentity(store, artifact);
  const [a, b] = await Promise.all([sideOf(store, old, known), sideOf(store, now, known)]);
  const fields = a.identity && b.identity ? await differences(a.identity, b.identity, load) : undefined;
  const name = ({ name, hash }: FoundArtifact) => ({ name, hash });
  return { old: a, new: b, identity: { old: name(old), new: name(now), ...(fields ? { fields } : {}) } };
}

async function sideOf(
  store: Store,
  found: FoundArtifact,
  known: (hash: string) => StoredIdentity | undefined,
): Promise<DiffSide> {
  const { name, hash } = found;
  const entry = await readEntry(store, found) ?? { name, hash, status: "TODO" as const };
  const { record, params } = entry;
  // The parameters of what failed are known without the rest.
  const partial = params === undefined ? undefined : { task: name, params: withoutInputPaths(params) };
  const identity = identityOfRecord(record) ?? known(hash) ?? partial;
  const { code, git } = (record?.provenance ?? {}) as {
    code?: { moduleDigest?: string; digest?: string };
    git?: { commit?: string };
  };
  const digest = code?.moduleDigest ?? code?.digest;
  return {
    entry,
    ...(identity ? { identity } : {}),
    ...(digest === undefined ? {} : { code: digest }),
    ...(git?.commit === undefined ? {} : { commit: git.commit }),
    ...(record?.valueFile === undefined ? {} : { valueFile: record.valueFile }),
    ...(record && record.valueFile === undefined ? { value: record.value } : {}),
  };
}
