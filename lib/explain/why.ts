import { findArtifacts, type FoundArtifact, nothingOf, taskPattern } from "../catalog/find_artifacts.ts";
import { pathsOf, withoutInputPaths } from "../core/json/input_file.ts";
import type { SuccessRecord } from "../store/record.ts";
import { type ArtifactEntry, inputPathsIn, readEntries, readEntry } from "../catalog/read_entries.ts";
import type { Hash } from "../core/hash.ts";
import { attemptPaths } from "../store/layout.ts";
import { readEnds } from "../store/results/ends.ts";
import { concernsOneArtifact, type Store } from "../store/store.ts";
import { ARTIFACT, type Artifact, knownIdentity, type TaskDefinition } from "../task/artifact/artifact.ts";
import { CodeComparison, type CodeNow } from "./code_now.ts";
import { likelyCounterparts } from "./counterparts.ts";
import { isDefault } from "./default_of.ts";
import { type ArtifactName, Differ, type StoredIdentity } from "./differences.ts";
import { type LeafDifference, leafDifferences } from "./leaf_differences.ts";

import { StoredOfTask } from "./nearest.ts";

/** A node of a plan; a `PlanNode` is one. */
export interface WhyNode extends ArtifactName {
  /** Its status. */
  readonly status: "DONE" | "IN_PROGRESS" | "TODO" | "FAILED";
  /** What is known besides. */
  readonly state?: {
    readonly reason?: string;
    readonly detail?: string;
    readonly owner?: string;
    readonly error?: string;
    readonly log?: string;
    readonly unreadable?: boolean;
  };
}

/** Why an artifact would be computed, or would not. Names of fields are those of `--json`, and stay. */
export interface WhyReason extends ArtifactName {
  /** Its status in the plan. */
  readonly status: WhyNode["status"];
  /**
   * In one word. To be computed: `new` (nothing of its task is stored), `differs` (from all that is stored of
   * its task), `invalid`, `partial` (and what it lacks was stored since, or is to be tried again), `forced`,
   * `failed` (the last attempt). Not to be computed: `stored`, `running` (or queued), `unreadable`.
   */
  readonly because:
    | "new"
    | "differs"
    | "invalid"
    | "partial"
    | "forced"
    | "failed"
    | "stored"
    | "running"
    | "unreadable";
  /** Its parameters, as canonical JSON has them, where they are known. */
  readonly params?: unknown;
  /** The stored artifact of the same task that differs least from it, and how. */
  readonly nearest?: Nearest;
  /** What is said besides: why it is invalid, by whom it is computed. */
  readonly detail?: string;
  /** The attempt that failed last. */
  readonly failure?: Failed;
  /** Where a result that counts comes from, or the one that is computed again. */
  readonly stored?: Pick<
    ArtifactEntry,
    "at" | "run" | "host" | "user" | "durationMs" | "bytes" | "partial"
  >;
  /** Whether the code of its task is still the one that computed it. */
  readonly code?: CodeNow;
}

/** The stored artifact that is nearest to one that is not stored. */
export interface Nearest extends Pick<ArtifactEntry, "name" | "hash" | "at" | "run" | "host" | "user"> {
  /** In what they differ. The stored one's values are the old ones. */
  readonly differences: readonly (LeafDifference & {
    /** Whether the new value is the default of the parameter. */
    readonly isDefault?: true;
  })[];
  /** Where there are too many to be compared: how many of them were. */
  readonly among?: number;
}

/** An attempt that failed. */
export interface Failed {
  /** The error. */
  readonly error: string;
  /** The number of the attempt. */
  readonly attempt?: number;
  /** When it ended. ISO 8601. */
  readonly at?: string;
  /** Path of its log. */
  readonly log?: string;
}

/** More stored artifacts of a task are not read to be compared. */
const MOST_COMPARED = 5000;
/** So many comparisons are made for the nodes of a task, and at least so many for each. */
const MOST_COMPARISONS = 1_000_000;
const LEAST_COMPARED = 200;
/** More stored results of a plan are not opened: they are `stored`, no more is said of them. */
const MOST_OPENED = 2000;
/** So many nodes are looked at at the same time. */
const AT_ONCE = 16;

/** Options of {@link why}. */
export interface WhyOptions {
  /** The store. */
  store: Store;
  /** The artifacts that are known in this process, by hash: those of the nodes, and all below. */
  artifacts: ReadonlyMap<string, Artifact>;
}

/** Finds out why each node would be computed, or would not; in their order. */
export async function why(nodes: Iterable<WhyNode>, options: WhyOptions): Promise<WhyReason[]> {
  const all = [...nodes];
  const found: WhyReason[] = new Array(all.length);
  const explainer = new Explainer(options, all);
  const order = all.entries();
  const lane = async (): Promise<void> => {
    for (const [i, node] of order) found[i] = await explainer.explain(node);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return found;
}

/** A stored artifact that is near to another one. */
interface Candidate {
  readonly entry: ArtifactEntry;
  readonly among?: number;
}

class Explainer {
  readonly #store: Store;
  readonly #artifacts: ReadonlyMap<string, Artifact>;
  readonly #code: CodeComparison;
  readonly #differ: Differ;
  readonly #stored = new Map<string, Promise<{ all: StoredOfTask; total: number }>>();
  readonly #tasks = new Map<string, TaskDefinition>();
  readonly #records = new Map<string, Promise<StoredIdentity | undefined>>();
  readonly #found = new Map<string, Promise<Candidate | undefined>>();
  /** How many nodes of each task there are. */
  readonly #nodes = new Map<string, number>();
  #opened = 0;

  constructor({ store, artifacts }: WhyOptions, nodes: readonly WhyNode[]) {
    for (const { name } of nodes) this.#nodes.set(name, (this.#nodes.get(name) ?? 0) + 1);
    this.#store = store;
    this.#artifacts = artifacts;
    this.#code = new CodeComparison(store);
    this.#differ = new Differ((artifact) => this.#identity(artifact));
    for (const artifact of artifacts.values()) this.#tasks.set(artifact.name, artifact[ARTIFACT].task);
  }

  async explain(node: WhyNode): Promise<WhyReason> {
    const { name, hash, status, state = {} } = node;
    const base = { name, hash, status };
    if (status === "IN_PROGRESS") {
      return {
        ...base,
        because: "running",
        ...await this.#params(node),
        ...defined({ detail: state.owner }),
      };
    }
    if (state.unreadable) return { ...base, because: "unreadable", ...defined({ detail: state.error }) };
    const isForced = state.reason === "forced";
    if (status === "DONE" || isForced || state.reason === "invalid" || state.reason === "partial") {
      const because = status === "DONE" ? "stored" : state.reason as "forced" | "invalid" | "partial";
      const detail = status === "DONE" ? undefined : state.detail;
      const origin = await this.#origin(node);
      // What is forced and not stored would be computed anyway.
      if (!isForced || detail !== undefined || origin.stored) {
        return { ...base, because, ...defined({ detail }), ...origin };
      }
    }
    const hasFailed = status === "FAILED" || state.reason === "retry";
    const failure = hasFailed || isForced ? await this.#failure(node) : undefined;
    const params = await this.#params(node);
    if (failure) return { ...base, because: "failed", ...params, failure };
    const nearest = await this.#nearest(node);
    return { ...base, because: nearest ? "differs" : "new", ...params, ...defined({ nearest }) };
  }

  /** Where the result of a node comes from. */
  async #origin(node: WhyNode): Promise<Pick<WhyReason, "stored" | "code" | "params">> {
    const known = await this.#params(node);
    if (++this.#opened > MOST_OPENED) return known;
    const entry = await readEntry(this.#store, { ...this.#nothingOf(node), hasRecord: true });
    if (!entry?.record) return known;
    const { at, run, host, user, durationMs, bytes, partial, params, record } = entry;
    const module = this.#artifacts.get(node.hash)?.[ARTIFACT].task.module;
    const code = await this.#code.of(record, module);
    return {
      params,
      stored: defined({ at, run, host, user, durationMs, bytes, partial }),
      ...defined({ code }),
    };
  }

  async #failure({ name, hash, state = {} }: WhyNode): Promise<Failed | undefined> {
    const paths = this.#store.paths({ name, hash: hash as Hash });
    const end = (await readEnds(this.#store, paths).catch(orUnknown([]))).at(-1);
    const text = state.error ?? state.detail;
    if (!end || end.kind === "preempted") {
      return text === undefined ? undefined : { error: text, ...defined({ log: state.log }) };
    }
    const { log } = attemptPaths(paths, { n: end.attempt, id: end.id });
    const hasLog = await this.#store.machine.files.exists(log).catch(() => false);
    return { error: end.error, attempt: end.attempt, at: end.endedAt, ...(hasLog ? { log } : {}) };
  }

  async #params({ name, hash }: ArtifactName): Promise<Pick<WhyReason, "params">> {
    const identity = this.#known(hash);
    if (identity) return { params: identity.params };
    if (this.#artifacts.has(hash)) return {};
    const entry = await readEntry(this.#store, await this.#lookUp({ name, hash }));
    return entry?.params === undefined ? {} : { params: entry.params };
  }

  async #nearest(artifact: ArtifactName): Promise<Nearest | undefined> {
    const identity = await this.#identityOf(artifact);
    const found = identity && await this.#nearestStored(artifact, identity);
    if (!found?.entry.record) return undefined;
    const { entry, among } = found;
    const { at, run, host, user, hash } = entry;
    const fields = await this.#differ.fields(identityOfRecord(entry.record)!, identity!);
    return {
      ...{ name: artifact.name, hash, ...defined({ at, run, host, user }) },
      differences: leafDifferences(fields).map((leaf) => this.#withDefault(artifact.name, leaf)),
      ...defined({ among }),
    };
  }

  /** The identity of an artifact that is not stored, as far as it is known. */
  async #identityOf({ name, hash }: ArtifactName): Promise<StoredIdentity | undefined> {
    const { params } = await this.#params({ name, hash });
    return this.#known(hash) ??
      (params === undefined ? undefined : { task: name, params: withoutInputPaths(params) });
  }

  #nearestStored(artifact: ArtifactName, identity: StoredIdentity): Promise<Candidate | undefined> {
    let found = this.#found.get(artifact.hash);
    if (!found) this.#found.set(artifact.hash, found = this.#search(artifact, identity));
    return found;
  }

  async #search(artifact: ArtifactName, identity: StoredIdentity): Promise<Candidate | undefined> {
    const { name, hash } = artifact;
    const task = this.#tasks.get(name);
    for (const likely of await likelyCounterparts(identity, (below) => this.#counterpart(below), task)) {
      const entry = await this.#readIfThere({ name, hash: likely });
      if (entry?.record) return { entry };
    }
    const { all, total } = await this.#storedOf(name);
    const most = Math.max(LEAST_COMPARED, Math.floor(MOST_COMPARISONS / (this.#nodes.get(name) ?? 1)));
    const entry = all.nearest(identity, hash, most);
    const among = Math.min(all.size, most);
    return entry && { entry, ...(total > among ? { among } : {}) };
  }

  /** What stands for an artifact below among the stored ones. */
  async #counterpart(below: ArtifactName): Promise<ArtifactName | undefined> {
    if (await this.#store.machine.files.exists(this.#nothingOf(below).record).catch(() => false)) {
      return below;
    }
    const identity = this.#known(below.hash);
    return identity && (await this.#nearestStored(below, identity))?.entry;
  }

  async #readIfThere(artifact: ArtifactName): Promise<ArtifactEntry | undefined> {
    const found = this.#nothingOf(artifact);
    if (!await this.#store.machine.files.exists(found.record).catch(() => false)) return undefined;
    return await readEntry(this.#store, { ...found, hasRecord: true });
  }

  #withDefault(name: string, leaf: LeafDifference): LeafDifference & { isDefault?: true } {
    const { field, through } = leaf;
    const task = this.#tasks.get(through.at(-1)?.task ?? name);
    const isIt = field.of === "params" && field.new !== undefined && task !== undefined &&
      isDefault(task, field.path, field.new);
    return isIt ? { ...leaf, isDefault: true } : leaf;
  }

  #storedOf(name: string): Promise<{ all: StoredOfTask; total: number }> {
    let stored = this.#stored.get(name);
    if (!stored) this.#stored.set(name, stored = readStored(this.#store, name));
    return stored;
  }

  /** An identity that is known without the store. */
  #known(hash: string): StoredIdentity | undefined {
    return identityOfArtifact(this.#artifacts.get(hash));
  }

  #identity(artifact: ArtifactName): Promise<StoredIdentity | undefined> {
    const known = this.#known(artifact.hash);
    if (known) return Promise.resolve(known);
    let read = this.#records.get(artifact.hash);
    if (!read) this.#records.set(artifact.hash, read = storedIdentity(this.#store, artifact));
    return read;
  }

  #nothingOf({ name, hash }: ArtifactName): FoundArtifact {
    return nothingOf(this.#store.root, name, hash as Hash);
  }

  async #lookUp(artifact: ArtifactName): Promise<FoundArtifact> {
    const { name, hash } = artifact;
    const pattern = taskPattern(name, hash);
    return (await findArtifacts(this.#store, pattern))[0] ?? this.#nothingOf(artifact);
  }
}

/** The identity that the record of an artifact has; nothing where there is none, or a damaged one. */
export async function storedIdentity(
  store: Store,
  { name, hash }: ArtifactName,
): Promise<StoredIdentity | undefined> {
  const found = { ...nothingOf(store.root, name, hash as Hash), hasRecord: true };
  return identityOfRecord((await readEntry(store, found))?.record);
}

/** The identity of a stored result, with where its inputs were. */
export function identityOfRecord(record: SuccessRecord | undefined): StoredIdentity | undefined {
  return record && { ...record.identity, ...defined({ inputs: inputPathsIn(record.provenance) }) };
}

/** The identity of an artifact that this process has made, with where its inputs are. */
export function identityOfArtifact(artifact: Artifact | undefined): StoredIdentity | undefined {
  const text = artifact && knownIdentity(artifact);
  if (text === undefined) return undefined;
  return { ...JSON.parse(text), ...defined({ inputs: pathsOf(artifact![ARTIFACT].inputs) }) };
}

async function readStored(store: Store, name: string): Promise<{ all: StoredOfTask; total: number }> {
  const found = (await findArtifacts(store, taskPattern(name)))
    .filter(({ hasRecord }) => hasRecord);
  // They are sorted by hash: the first are as good a sample as any.
  const entries = await readEntries(store, found.slice(0, MOST_COMPARED));
  return { all: new StoredOfTask(entries), total: found.length };
}

function orUnknown<T>(instead: T): (error: unknown) => T {
  return (error) => {
    if (!concernsOneArtifact(error)) throw error;
    return instead;
  };
}

/** Without what is undefined. */
function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
