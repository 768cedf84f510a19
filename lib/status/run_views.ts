import { join } from "@std/path/posix/join";
import { UsageError } from "../core/errors.ts";
import { didYouMean } from "../core/nearest.ts";
import { queuePaths } from "../queue/layout.ts";
import { readEnded } from "../pool/ended.ts";
import { readRun, readRunHead } from "../remote/run_record.ts";
import { readProgressFile, type RunProgress } from "../store/run_progress.ts";
import { runIds } from "./run_ids.ts";
import { computedByPool } from "./worker_views.ts";
import { concernsOneArtifact, listOrNothing, type Store } from "../store/store.ts";

/** A run, as one look at the store tells. Names of fields are those of `--json`, and stay. */
export interface RunView extends Omit<RunProgress, "schema" | "at" | "owner"> {
  /**
   * `running`; `done`: all of its nodes are there; `failed`; `interrupted`; `died`: the process that drove
   * it is gone without a word; `silent`: nothing was heard of it for minutes; `submitted`: its jobs go on
   * without anybody who follows them.
   */
  readonly state: "running" | "done" | "failed" | "interrupted" | "died" | "silent" | "submitted";
  /** When it was heard of last. ISO 8601. */
  readonly at: string;
  /** The host of the process that drives it, or did. */
  readonly host: string;
  /** Its user, where that is known. */
  readonly user?: string;
  /** Its process. */
  readonly pid: number;
  /** Of a run on Slurm that is looked at by itself: by the clusters of its jobs, the specs of these. */
  readonly clusters?: Readonly<Record<string, readonly string[]>>;
}

/** States in which there may be workers. */
const GOING_ON: readonly RunView["state"][] = ["running", "submitted", "silent"];

/** Milliseconds after which a run that says nothing is silent: it is to say something every 30 s. */
const SILENT_MS = 180_000;

/**
 * The id of the run that is meant: `last`, an id, or its beginning or end.
 *
 * @throws {UsageError} If there is none, or there are several.
 */
export async function findRunId(store: Store, written: string): Promise<string> {
  const ids = await runIds(store);
  if (written === "last" && ids[0] !== undefined) return ids[0];
  if (ids.includes(written)) return written;
  const found = ids.filter((id) => id.startsWith(written) || id.endsWith(written));
  if (found.length === 1) return found[0]!;
  const where = join(store.root, "runs");
  if (found.length > 1) {
    throw new UsageError(`Cannot tell which run '${written}' is: it may be ${found.slice(0, 5).join(", ")}`);
  }
  const latest = ids.length === 0 ? ": there are none" : `: the latest are ${ids.slice(0, 3).join(", ")}`;
  throw new UsageError(`Cannot find run '${written}' in ${where}${didYouMean(written, ids) || latest}`);
}

/**
 * Looks at a run; nothing where its folder says nothing.
 *
 * @throws {StoreError} If the store cannot be read.
 */
export async function runView(store: Store, runId: string): Promise<RunView | undefined> {
  try {
    const progress = await readProgressFile(store, runId) ?? await fromRecord(store, runId);
    if (!progress) return undefined;
    const { schema: _, owner, ...rest } = progress;
    const state = await stateOf(store, progress);
    const { host, user, pid } = owner;
    const goesOn = rest.mode === "pool" && rest.ended === undefined && GOING_ON.includes(state);
    const now = goesOn ? await computedByPool(store, runId) : [];
    // Nobody may follow the run, and whoever does knows less of it than its workers.
    const running = now.length > 0 ? now : rest.running;
    return { ...rest, running, state, host, pid, ...(user === undefined ? {} : { user }) };
  } catch (error) {
    if (!concernsOneArtifact(error)) throw error;
    return undefined;
  }
}

/**
 * The run with the clusters that its jobs are on, as far as its record says so.
 *
 * @throws {StoreError} If the store cannot be read.
 */
export async function withClusters(store: Store, run: RunView): Promise<RunView> {
  if (run.mode === "local") return run;
  try {
    const { cluster, specs } = await readRunHead({ store }, queuePaths(store.root, run.runId));
    if (cluster === undefined) return run;
    const clusters = Map.groupBy(
      Object.keys(specs),
      (name) => (specs[name] as { cluster?: string }).cluster ?? cluster,
    );
    return { ...run, clusters: Object.fromEntries(clusters) };
  } catch (error) {
    if (!concernsOneArtifact(error)) throw error;
    return run;
  }
}

async function stateOf(store: Store, progress: RunProgress): Promise<RunView["state"]> {
  const { machine, root } = store;
  const { ended, counts, owner, at, mode, runId } = progress;
  if (ended) {
    if (ended.interrupted) return "interrupted";
    return counts.failed > 0 || ended.notRun > 0 ? "failed" : "done";
  }
  if (mode === "pool") {
    const how = await readEnded(store, queuePaths(root, runId));
    if (how) return how.interrupted ? "interrupted" : how.error === undefined ? "done" : "failed";
  }
  if (machine.isGone(owner)) return mode === "local" ? "died" : "submitted";
  return machine.clock.now() - Date.parse(at) > SILENT_MS
    ? mode === "local" ? "silent" : "submitted"
    : "running";
}

/** Of a run that nobody has followed yet: what it was to compute, and what of it is stored. */
async function fromRecord(store: Store, runId: string): Promise<RunProgress | undefined> {
  const names = await listOrNothing(store.machine, join(store.root, "runs", runId));
  if (!names.some(({ name }) => name === "run.json")) return undefined;
  const run = await readRun({ store }, queuePaths(store.root, runId));
  const tasks: RunProgress["tasks"] = [];
  for (
    const [name, nodes] of Map.groupBy<string, { name: string; hash: string }>(run.nodes, ({ name }) => name)
  ) {
    const { done, open } = await store.listTask(name, nodes.map(({ hash }) => hash));
    tasks.push({
      name,
      nodes: nodes.length,
      done: nodes.filter(({ hash }) => done.has(hash)).length,
      failed: 0,
      running: nodes.filter(({ hash }) => !done.has(hash) && open.has(hash)).length,
    });
  }
  const sum = (key: "nodes" | "done" | "running"): number => tasks.reduce((all, task) => all + task[key], 0);
  const byHash = new Map(run.nodes.map((node) => [node.hash, node]));
  return {
    schema: 1,
    runId,
    mode: run.mode,
    createdAt: run.createdAt,
    at: run.createdAt,
    owner: run.submitter,
    entry: run.entry,
    roots: run.roots.slice(0, 100).flatMap((hash) => byHash.get(hash) ?? []).map(({ name, hash }) => ({
      name,
      hash,
    })),
    counts: {
      ...run.counts,
      computed: sum("done"),
      elsewhere: 0,
      failed: 0,
      running: sum("running"),
      waiting: sum("nodes") - sum("done") - sum("running"),
    },
    tasks,
    running: [],
    watched: [],
    failures: [],
  };
}
