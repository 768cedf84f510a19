import { errorCode, errorText, StoreError, ValidationError } from "../core/errors.ts";
import { FURU_VERSION } from "../core/version.ts";
import { validationFault } from "../run/result.ts";
import type { Runtime } from "../run/runtime.ts";
import { readValue } from "../run/stored_value.ts";
import { acquireClaim } from "../store/claims/acquire_claim.ts";
import { endAttempt, releaseClaim, removeLitter } from "../store/claims/attempt_end.ts";
import type { Claim } from "../store/claims/claim.ts";
import { ownersOf } from "../store/claims/owner_files.ts";
import { attemptPaths } from "../store/layout.ts";
import { readRecord } from "../store/read_record.ts";
import { RECORD_SCHEMA } from "../store/layout.ts";
import { type SuccessRecord, withSum } from "../store/record.ts";
import { commitRecord, listFolder } from "../store/results/commit.ts";
import { concernsOneArtifact, NO_LINKS, type Store, storeError } from "../store/store.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";
import type { PlannedMigration } from "./plan_migrations.ts";
import type { OldResult } from "./stored.ts";

/** How the migration of a result ended. */
export type AppliedMigration =
  /** It is the artifact's result now. */
  | { readonly status: "migrated" }
  /** The artifact has got one meanwhile. */
  | { readonly status: "exists" }
  /** Somebody computes the artifact, or migrates to it: nothing was done. */
  | { readonly status: "held"; readonly why: string }
  /** It cannot be used. */
  | { readonly status: "refused"; readonly why: string };

/** So many results are migrated at the same time. */
const AT_ONCE = 16;

/**
 * Migrates what can be: for each an exclusive step of its own, in the order given. What happens to one says
 * nothing of the others.
 *
 * @param planned What is to be migrated; anything but `ready` ones is passed over.
 * @param onApplied Told after each.
 * @throws {StoreError} If the store cannot be written.
 */
export async function applyMigrations(
  runtime: Runtime,
  planned: readonly PlannedMigration[],
  onApplied: (planned: PlannedMigration, applied: AppliedMigration) => void,
): Promise<void> {
  const release = ownersOf(runtime.store).keep();
  const order = planned.values();
  let failure: { error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    for (const each of order) {
      if (failure) return;
      if (each.status !== "ready") continue;
      try {
        onApplied(each, await applyMigration(runtime, each.from, each.artifact));
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
  } finally {
    await release();
  }
  if (failure) throw (failure as { error: unknown }).error;
}

/**
 * Makes a stored result that of another artifact, too, under its claim: first the files, then one exclusive
 * link of the record (ARCHITECTURE, "Migrations"). The old one stays as it is.
 *
 * @throws {StoreError} If the store cannot be written.
 */
export async function applyMigration(
  runtime: Runtime,
  from: OldResult,
  artifact: Artifact,
): Promise<AppliedMigration> {
  const { store } = runtime;
  const paths = store.paths(artifact);
  const acquired = await acquireClaim(store, paths, { backend: "migrate" });
  if (acquired.kind === "held") {
    const { look } = acquired;
    const why = "holder" in look
      ? `${look.holder.owner.user ?? "somebody"}@${look.holder.owner.host} computes it`
      : `its claim cannot be told (${look.why})`;
    return { status: "held", why };
  }
  const { claim } = acquired;
  try {
    // Whoever held the claim before may have finished. That a host may remember that there is no record does
    // no harm: the link of ours would be refused.
    if (await readRecord(store, paths)) {
      await releaseClaim(store, claim);
      return { status: "exists" };
    }
    const how = await commitMigrated(runtime, from, artifact, claim);
    if (how === "superseded") {
      await discard(store, claim);
      return { status: "exists" };
    }
    await endAttempt(store, claim, "success");
    return { status: "migrated" };
  } catch (error) {
    await discard(store, claim).catch(() => {/* the claim ends with this process */});
    if (!(error instanceof ValidationError) && !concernsOneArtifact(error)) throw error;
    return { status: "refused", why: errorText(error) };
  }
}

/** Nothing was begun, as far as others can see: what is there of the attempt is taken away. */
async function discard(store: Store, claim: Claim): Promise<void> {
  await removeLitter(store.machine.files, attemptPaths(claim.paths, claim.attempt).files);
  await releaseClaim(store, claim);
}

async function commitMigrated(
  runtime: Runtime,
  from: OldResult,
  artifact: Artifact,
  claim: Claim,
): Promise<"committed" | "superseded"> {
  const { store } = runtime;
  const { paths, attempt } = claim;
  const source = store.paths(from);
  const record = await readRecord(store, source);
  if (!record) throw new StoreError(`Cannot migrate ${source.record}: it is gone`);
  const old = attemptPaths(source, { n: record.attempt, id: record.id }).files;
  const dir = attemptPaths(paths, attempt).files;
  let files: string[] = [];
  let sizes: string | undefined;
  if (record.files) {
    await linkTree(store, old, dir);
    await store.share(dir);
    const folder = await listFolder(store, dir);
    files = folder.files;
    sizes = folder.member;
  }
  return await commitRecord(store, {
    paths,
    attempt,
    text: migratedText(runtime, record, from, artifact, claim, sizes),
    ownerDir: claim.owner.dir,
    files,
    check: (fresh) => checkMigrated(runtime, artifact, claim, fresh),
  });
}

/**
 * The new record: value, files and origin are the old one's. The sizes of its files too, where it has any, so
 * that one that has been cut since is noticed.
 */
function migratedText(
  runtime: Runtime,
  record: SuccessRecord,
  from: OldResult,
  artifact: Artifact,
  claim: Claim,
  sizes: string | undefined,
): string {
  const { machine } = runtime;
  const { host, user } = machine.self;
  const by = {
    at: new Date(machine.clock.now()).toISOString(),
    furu: FURU_VERSION,
    host,
    ...(user === undefined ? {} : { user }),
  };
  const { run, files, valueFile, value, artifacts, artifactsFile, uses, createdAt, durationMs, provenance } =
    record;
  const json = (member: string, content: unknown): string[] =>
    content === undefined ? [] : [`"${member}":${JSON.stringify(content)}`];
  const measured = [...json("sizes", record.sizes), ...json("total", record.total)];
  const members = [
    `"schema":${RECORD_SCHEMA}`,
    `"identity":${artifact[ARTIFACT].identity}`,
    `"attempt":${claim.attempt.n}`,
    `"id":"${claim.attempt.id}"`,
    ...json("run", run),
    `"files":${files}`,
    ...(valueFile === undefined ? json("value", value) : json("valueFile", valueFile)),
    ...json("artifacts", artifacts),
    ...json("artifactsFile", artifactsFile),
    ...json("uses", uses),
    ...json("migratedFrom", { name: from.name, hash: from.hash }),
    ...json("migratedBy", by),
    ...json("createdAt", createdAt),
    ...json("durationMs", durationMs),
    ...json("provenance", provenance),
    ...(measured.length > 0 || sizes === undefined ? measured : [sizes]),
  ];
  return withSum(`{${members.join()}}`);
}

/** As a fresh value is checked: whole, and good in the eyes of today's `validate`. */
async function checkMigrated(
  runtime: Runtime,
  artifact: Artifact,
  claim: Claim,
  record: SuccessRecord,
): Promise<void> {
  const { task } = artifact[ARTIFACT];
  const read = await readValue(runtime, claim.paths, record, task.validate ? "whole" : "check");
  if (!read.ok) throw new ValidationError(`the result is damaged: ${read.why}`);
  if (!task.validate) return;
  const dir = attemptPaths(claim.paths, claim.attempt).files;
  const check = () => task.validate?.({ params: artifact.params, dir, value: read.value });
  const fault = await validationFault(runtime, artifact, check, "tolerant");
  if (fault !== undefined) throw new ValidationError(fault);
}

/** Codes with which a system says that this file cannot have one more name there. */
const CANNOT_LINK: readonly string[] = [...NO_LINKS, "EXDEV", "EMLINK", "EACCES"];

/** Gives all files of a folder one more name in another; where that cannot be, they are copied. */
async function linkTree(store: Store, from: string, to: string): Promise<void> {
  const { files } = store.machine;
  try {
    await store.makeDir(to);
    for (const { name, isDirectory } of await files.list(from)) {
      if (isDirectory) await linkTree(store, `${from}/${name}`, `${to}/${name}`);
      else await linkOrCopy(store, `${from}/${name}`, `${to}/${name}`);
    }
  } catch (error) {
    throw storeError("migrate the files of", from, error);
  }
}

async function linkOrCopy(store: Store, from: string, to: string): Promise<void> {
  const { files } = store.machine;
  try {
    await files.link(from, to);
  } catch (error) {
    // The answer to a link that worked can be lost: nobody else makes names in this folder.
    if (errorCode(error) === "EEXIST") return;
    if (!CANNOT_LINK.includes(errorCode(error) ?? "")) throw error;
    const info = await files.stat(from);
    if (info?.isFile !== true) {
      throw new StoreError(`Cannot migrate ${from}: it is no regular file, and cannot be linked here`);
    }
    await files.copy(from, to);
  }
}
