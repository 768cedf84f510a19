import { type FuruError, StoreError, UsageError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import { hashOfIdentity } from "../core/json/canonical.ts";
import { withoutInputPaths } from "../core/json/input_file.ts";
import { checkOptions, type OptionCheck, type OptionChecks } from "../core/options.ts";
import { currentContext } from "../run/context.ts";
import { defaultRuntime } from "../run/default_runtime.ts";
import type { Runtime } from "../run/runtime.ts";
import { readValue } from "../run/stored_value.ts";
import { attemptPaths } from "../store/layout.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";
import { KeptArtifacts } from "../task/artifact/kept.ts";
import { findTask } from "../task/artifact/registry.ts";
import type { AnyTask } from "../task/artifact/task.ts";
import { findArtifacts, nothingOf, taskPattern } from "./find_artifacts.ts";
import { type ArtifactEntry, readEntries, readEntry } from "./read_entries.ts";

/** The state of an artifact in a table. */
export type ResultStatus = "DONE" | "IN_PROGRESS" | "FAILED" | "DAMAGED";

const RESULT_STATUSES: readonly ResultStatus[] = ["DONE", "IN_PROGRESS", "FAILED", "DAMAGED"];

/**
 * Options of `table`.
 *
 * @typeParam P The parsed parameters of the task.
 * @typeParam S The states that are asked for.
 */
export interface ResultsOptions<P, S extends ResultStatus = ResultStatus> {
  /**
   * Says by its parameters whether an artifact is wanted.
   *
   * @default {all are}
   */
  where?: (params: P) => boolean;
  /**
   * Which artifacts are wanted by their state, one or several.
   *
   * @default {"DONE"}
   */
  status?: S | readonly S[];
}

/** What rows of a table have in common. */
export interface AnyResultRow<T, P> {
  /** The artifact, as if its task had been called: `get` takes it. */
  readonly artifact: Artifact<T, P>;
  /** Its hash. */
  readonly hash: Hash;
  /** Its parameters. */
  readonly params: P;
}

/** A row of a table with a result. */
export interface DoneRow<T, P> extends AnyResultRow<T, P> {
  /** Its state. */
  readonly status: "DONE";
  /** What `get` returns. */
  readonly value: T;
  /** When it was stored. */
  readonly createdAt: Date;
  /** Milliseconds that `create` took. */
  readonly durationMs: number;
  /** How many artifacts that failed it was made without, where there were any. */
  readonly partial?: number | undefined;
}

/** A row of a table without a result. */
export interface OtherRow<T, P> extends AnyResultRow<T, P> {
  /** Its state. */
  readonly status: Exclude<ResultStatus, "DONE">;
  /** There is none. */
  readonly value?: undefined;
  /** When the last attempt ended, or the one that runs began. */
  readonly createdAt?: Date | undefined;
  /** Milliseconds that the last attempt took. */
  readonly durationMs?: number | undefined;
  /** Why the last attempt failed, or what is damaged. */
  readonly error?: string | undefined;
}

/** A row of a table. */
export type ResultRow<T, P, S extends ResultStatus = "DONE"> = [S] extends ["DONE"] ? DoneRow<T, P>
  : DoneRow<T, P> | OtherRow<T, P>;

const aStatus: OptionCheck = (value) => {
  const known: readonly unknown[] = RESULT_STATUSES;
  const isGood = Array.isArray(value)
    ? value.length > 0 && value.every((each) => known.includes(each))
    : known.includes(value);
  return isGood ? undefined : { must: `be one or several of ${RESULT_STATUSES.join(", ")}`, value };
};
const OPTIONS: OptionChecks<ResultsOptions<unknown>> = {
  where: (value) =>
    typeof value === "function" ? undefined : { must: "be a function of the parameters", value },
  status: aStatus,
};

/**
 * Reads the rows of a table.
 *
 * @throws What `table` says.
 */
export async function readResults(
  task: AnyTask,
  options: ResultsOptions<never> = {},
): Promise<(DoneRow<unknown, unknown> | OtherRow<unknown, unknown>)[]> {
  checkOptions("table", options, OPTIONS);
  if (typeof task !== "function" || task.definition === undefined) {
    throw new UsageError(`Cannot make a table of ${Deno.inspect(task, { depth: 1 })}: it is no task`);
  }
  const { where, status = "DONE" } = options;
  const wanted: readonly string[] = typeof status === "string" ? [status] : status;
  const runtime = currentContext()?.runtime ?? defaultRuntime();
  const { name } = task.definition;
  const found = await findArtifacts(runtime.store, taskPattern(name));
  const entries = await readEntries(runtime.store, found);
  // A result that is lost must not be missed in silence.
  const damaged = entries.find(({ status }) => status === "DAMAGED");
  if (damaged && !wanted.includes("DAMAGED")) throw lost(damaged, damaged.error);
  const chosen = entries.filter((entry) => wanted.includes(entry.status) && identityOf(entry) !== undefined);
  const make = await artifactMaker(runtime, chosen);
  const rows: (DoneRow<unknown, unknown> | OtherRow<unknown, unknown>)[] = [];
  for (const entry of chosen) {
    const artifact = make(entry);
    if (where && !where(artifact.params as never)) continue;
    rows.push(entry.record ? await doneRow(runtime, artifact, entry) : otherRow(artifact, entry));
  }
  return rows;
}

function otherRow(
  artifact: Artifact,
  { status, at, durationMs, error }: ArtifactEntry,
): OtherRow<unknown, unknown> {
  return {
    artifact,
    hash: artifact.hash,
    params: artifact.params,
    status: status as OtherRow<unknown, unknown>["status"],
    createdAt: at === undefined ? undefined : new Date(at),
    durationMs,
    error,
  };
}

async function doneRow(
  runtime: Runtime,
  artifact: Artifact,
  entry: ArtifactEntry,
): Promise<DoneRow<unknown, unknown>> {
  const record = entry.record!;
  const paths = runtime.store.paths(artifact);
  const read = await readValue(runtime, paths, record, "whole");
  if (!read.ok) throw lost(entry, read.why);
  const { task } = artifact[ARTIFACT];
  const dir = attemptPaths(paths, { n: record.attempt, id: record.id }).files;
  const stored = { params: artifact.params, dir, value: read.value };
  return {
    artifact,
    hash: artifact.hash,
    params: artifact.params,
    status: "DONE",
    value: task.load ? await task.load(stored) : read.value,
    createdAt: new Date(record.createdAt),
    durationMs: record.durationMs,
    ...(record.partial === undefined ? {} : { partial: record.partial.length }),
  };
}

function lost({ name, hash }: ArtifactEntry, why: string | undefined): FuruError {
  return new StoreError(
    `Cannot make a table of ${name} as the result of ${hash} is damaged: ${why}; compute it again, move its ` +
      `record away, or ask for status "DAMAGED", too`,
    { artifact: `${name}(${hash})` },
  );
}

/** The identity of an artifact; nothing where that is not known, as it may be of one without a record. */
function identityOf({ name, hash, params, record }: ArtifactEntry): KnownIdentity | undefined {
  if (typeof params !== "object" || params === null) return undefined;
  const counting = withoutInputPaths(params as Record<string, unknown>);
  const identity = { scheme: 1, task: name, params: counting };
  if (record) return { ...record.identity, params: identity.params };
  const version = findTask(name)?.version;
  const guesses = version === undefined ? [identity] : [{ ...identity, version }, identity];
  return guesses.find((guess) => hashOfIdentity(guess) === hash);
}

interface KnownIdentity extends Record<string, unknown> {
  task: string;
  params: Record<string, unknown>;
}

/** Makes artifacts from their records and, for those inside their parameters, from these ones' own. */
async function artifactMaker(
  runtime: Runtime,
  entries: readonly ArtifactEntry[],
): Promise<(entry: ArtifactEntry) => Artifact> {
  const kept = new KeptArtifacts({}, findTask);
  const learn = (entry: ArtifactEntry): void => {
    const identity = identityOf(entry);
    if (!identity) return;
    // Of files and folders it is known, besides, where they were.
    const rest = identity.params === entry.params ? {} : { rest: entry.params as Record<string, unknown> };
    kept.learn(entry.hash, { identity, ...rest, partial: true });
  };
  entries.forEach(learn);
  const asked = new Set<string>();
  for (;;) {
    for (const { name, hash } of entries) kept.artifact(name, hash);
    const open = [...kept.missing].filter(([hash]) => !asked.has(hash));
    if (open.length === 0) return ({ name, hash }) => kept.artifact(name, hash);
    for (const [hash, name] of open) {
      asked.add(hash);
      const nothing = nothingOf(runtime.store.root, name, hash as Hash);
      const all = { hasRecord: true, hasHome: true, hasClaim: true };
      const entry = await readEntry(runtime.store, { ...nothing, ...all });
      if (entry) learn(entry);
    }
  }
}
