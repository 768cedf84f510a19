import { join } from "@std/path/posix/join";
import { errorText } from "../../core/errors.ts";
import type { FoundArtifact } from "../../catalog/find_artifacts.ts";
import { type NamedArtifact, namedArtifacts } from "../../catalog/references.ts";
import { CodeComparison, type CodeNow } from "../../explain/code_now.ts";
import { type CodeChanges, codeChanges } from "../../snapshot/current_code.ts";
import { readManifest } from "../../snapshot/manifest.ts";
import { readRecord } from "../../store/read_record.ts";
import { readEnds } from "../../store/results/ends.ts";
import { attemptPaths, parseAttemptName } from "../../store/layout.ts";
import { type QueuedJob, readQueued } from "../../store/claims/queued.ts";
import { numberOfAttempt } from "../../store/claims/claim.ts";
import { readClaim } from "../../store/claims/read_claim.ts";
import type { ClaimRecord, EndRecord, SuccessRecord } from "../../store/record.ts";
import { concernsOneArtifact, listOrNothing, type Store } from "../../store/store.ts";
import { inputPathsIn } from "../../catalog/read_entries.ts";
import { withInputPaths } from "../../core/json/input_file.ts";
import { paramsJson } from "./value_text.ts";

/** All that the store knows of an artifact, as JSON. */
export interface ArtifactView {
  /** Its task's name. */
  name: string;
  /** Its hash. */
  hash: string;
  /** Its state, as far as one look tells: an owner may be dead, a file may be cut. */
  status: "DONE" | "IN_PROGRESS" | "FAILED" | "TODO";
  /** Its success record, without the value. */
  record?: Omit<SuccessRecord, "value" | "schema" | "artifacts"> & {
    /** Path of the record. */
    path: string;
    /** Size of the file in bytes: with a small value in it. */
    bytes: number;
  };
  /** The parameters that count for its identity. */
  params?: unknown;
  /** The artifacts that it depends on, as its identity names them. */
  needs?: readonly NamedArtifact[];
  /** The stored artifacts that depend on it, where they were asked for. */
  neededBy?: readonly NamedArtifact[];
  /** The value as JSON, where it is in the record; of a long text only the beginning. */
  value?: string;
  /** The folder with the files of the result. */
  files?: string;
  /** The claim of the attempt that computes it. */
  running?: ClaimRecord & { attempt: number };
  /** The Slurm job that is to compute it. */
  queued?: QueuedJob;
  /** Texts about files that cannot be read: a damaged record, a claim of a newer furu. */
  faults?: string[];
  /** The attempts that failed, the latest last. */
  failures: EndRecord[];
  /** Paths of the logs of its attempts, the latest last. */
  logs: string[];
  /** All code of the run that computed it, where that was on Slurm. */
  code?: CodeView;
  /** The code of its task that it was computed with: the module that defines it, and what that imports. */
  taskCode?: CodeNow & {
    /** Its digest. */
    digest: string;
  };
}

/** The code that an artifact was computed with, beside today's. */
export interface CodeView {
  /** Its digest. */
  digest: string;
  /** Whether today's code is the same. */
  now: "same" | "changed" | "unknown";
  /** Why that is not known. */
  why?: string;
  /** The files in which they differ. */
  changes?: CodeChanges;
}

/** Looks up all that the store knows of an artifact. What cannot be read is told beside what can. */
export async function artifactView(store: Store, found: FoundArtifact): Promise<ArtifactView> {
  const { name, hash } = found;
  const paths = store.paths(found);
  const faults: string[] = [];
  const orFault = async <T>(reading: Promise<T>): Promise<T | undefined> => {
    try {
      return await reading;
    } catch (error) {
      if (!concernsOneArtifact(error)) throw error;
      faults.push(errorText(error));
      return undefined;
    }
  };
  const [record, running, queued, ends, logs] = await Promise.all([
    orFault(readRecord(store, paths)),
    orFault(readClaim(store, paths)),
    orFault(readQueued(store, paths)),
    orFault(readEnds(store, paths)),
    orFault(logsOf(store, paths.home)),
  ]);
  const failures = ends ?? [];
  const view: ArtifactView = {
    name,
    hash,
    status: statusOf({ record, running, queued, failed: faults.length + failures.length > 0 }),
    ...(faults.length === 0 ? {} : { faults }),
    ...(running ? { running: { ...running, attempt: await numberOfAttempt(store, paths, running) } } : {}),
    ...(queued ? { queued } : {}),
    failures,
    logs: logs ?? [],
  };
  if (!record) {
    const params = failures.findLast((end) => end.params !== undefined)?.params;
    if (params !== undefined) {
      Object.assign(view, { params: paramsJson(params), needs: namedArtifacts(params) });
    }
    return view;
  }
  const { value, schema: _schema, artifacts: _artifacts, ...rest } = record;
  const info = await store.machine.files.stat(paths.record);
  view.record = { ...rest, path: paths.record, bytes: info?.size ?? 0 };
  view.params = paramsJson(withInputPaths(record.identity.params, inputPathsIn(record.provenance)));
  view.needs = namedArtifacts([record.identity.params, record.identity.dependencies]);
  if (record.valueFile === undefined) view.value = beginning(JSON.stringify(value) ?? "undefined");
  if (record.files) view.files = attemptPaths(paths, { n: record.attempt, id: record.id }).files;
  const { digest, snapshot, moduleDigest } = (record.provenance.code ?? {}) as Record<
    string,
    string | undefined
  >;
  const task = await new CodeComparison(store).of(record);
  if (task && moduleDigest !== undefined) view.taskCode = { digest: moduleDigest, ...task };
  if (digest !== undefined) view.code = await codeView(store, digest, snapshot);
  return view;
}

/** The most characters of a value that are shown: `furu get` has all. */
const VALUE_CHARS = 400;

function beginning(text: string): string {
  return text.length <= VALUE_CHARS ? text : `${text.slice(0, VALUE_CHARS)}…`;
}

function statusOf(
  { record, running, queued, failed }: {
    record: unknown;
    running: unknown;
    queued: unknown;
    failed: boolean;
  },
): ArtifactView["status"] {
  if (record) return "DONE";
  if (running || queued) return "IN_PROGRESS";
  return failed ? "FAILED" : "TODO";
}

async function logsOf(store: Store, home: string): Promise<string[]> {
  const logs = (await listOrNothing(store.machine, home)).flatMap(({ name }) => {
    const attempt = parseAttemptName(name);
    return attempt?.kind === "log" ? [{ name, n: attempt.n }] : [];
  });
  return logs.sort((a, b) => a.n - b.n || (a.name < b.name ? -1 : 1)).map(({ name }) => join(home, name));
}

async function codeView(store: Store, digest: string, snapshot: string | undefined): Promise<CodeView> {
  try {
    const manifest = snapshot === undefined ? undefined : await readManifest(store, snapshot);
    if (!manifest) return { digest, now: "unknown", why: `its snapshot ${snapshot} is gone` };
    const changes = await codeChanges(manifest);
    return changes ? { digest, now: "changed", changes } : { digest, now: "same" };
  } catch (error) {
    return { digest, now: "unknown", why: errorText(error) };
  }
}
