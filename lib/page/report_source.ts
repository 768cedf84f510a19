import { findArtifacts, type FoundArtifact, taskPattern } from "../catalog/find_artifacts.ts";
import { UsageError } from "../core/errors.ts";
import { FURU_VERSION } from "../core/version.ts";
import { runIds } from "../status/run_ids.ts";
import { type RunView, runView } from "../status/run_views.ts";
import type { Store } from "../store/store.ts";
import { plural } from "../ui/text.ts";
import { NodeReader } from "./node_reader.ts";
import { PoolAttempts } from "./pool_attempts.ts";
import {
  type Report,
  REPORT_SCHEMA,
  type ReportAttempt,
  type ReportNode,
  type ReportRun,
} from "./report_model.ts";
import { readRunNodes, type RunNodes, type WantedNode } from "./run_nodes.ts";

/** What a report is about. */
export type ReportSubject =
  /** A run. */
  | { readonly kind: "run"; readonly runId: string }
  /** What a module's roots need. */
  | {
    readonly kind: "module";
    /** The module as it was written. */
    readonly title: string;
    /** Its URL. */
    readonly entry: string;
    /** All that its roots need. */
    readonly nodes: readonly WantedNode[];
    /** The hashes of its roots. */
    readonly roots: readonly string[];
  }
  /** What there is of some tasks. */
  | { readonly kind: "tasks"; readonly title: string; readonly find: () => Promise<FoundArtifact[]> };

/** So many of the latest runs are looked at for one of a module. */
const RUNS_LOOKED_AT = 20;

/** What is read before the artifacts themselves. */
interface Scope {
  readonly title: string;
  readonly view?: RunView | undefined;
  readonly run?: ReportRun | undefined;
  readonly roots: readonly string[];
  readonly notes: string[];
  /** The artifacts that belong to it; nothing where only what is stored tells. */
  readonly wanted?: readonly WantedNode[] | undefined;
  /** What is stored of them. */
  readonly found: readonly FoundArtifact[];
}

/** Reads one report, again and again: without any lock, and without a write. */
export class ReportSource {
  readonly #store: Store;
  readonly #subject: ReportSubject;
  readonly #reader: NodeReader;
  #ofRun: { runId: string; nodes: RunNodes; attempts: PoolAttempts } | undefined;

  /** Reads nothing yet. */
  constructor(store: Store, subject: ReportSubject) {
    this.#store = store;
    this.#subject = subject;
    this.#reader = new NodeReader(store);
  }

  /**
   * Reads how it is now.
   *
   * @throws {UsageError} If the run says nothing.
   * @throws {StoreError} If the store cannot be read.
   */
  async read(): Promise<Report> {
    const { title, view, run, roots, notes, wanted, found } = await this.#scope();
    const stored = await this.#reader.read(found);
    const nodes = wanted ? complete(wanted, stored) : view ? ofRun(view, stored) : [...stored.values()];
    const inIt = new Set(nodes.map(({ hash }) => hash));
    const goesOn = view && ["running", "silent", "submitted"].includes(view.state);
    const running = new Map((goesOn ? view.running : []).map((each) => [each.hash, each]));
    const attempts = this.#ofRun?.attempts;
    return {
      schema: REPORT_SCHEMA,
      kind: "furu-report",
      title,
      at: new Date(this.#store.machine.clock.now()).toISOString(),
      furu: FURU_VERSION,
      store: this.#store.root,
      ...(run && { run }),
      roots: roots.filter((hash) => inIt.has(hash)),
      origins: [...this.#reader.origins],
      notes,
      nodes: nodes.map((node) => shown(node, { inIt, running: running.get(node.hash), attempts, run })),
    };
  }

  async #scope(): Promise<Scope> {
    const subject = this.#subject;
    if (subject.kind === "tasks") {
      return { title: subject.title, roots: [], notes: [], found: await subject.find() };
    }
    if (subject.kind === "module") {
      const { title, nodes: wanted, roots } = subject;
      const run = await this.#latestRun(subject.entry);
      const all = run && await this.#withNodes(run);
      return { title, view: run, run: all?.run, roots, notes: [], wanted, found: await this.#found(wanted) };
    }
    const view = await runView(this.#store, subject.runId);
    if (!view) {
      throw new UsageError(
        `Cannot show run '${subject.runId}': its folder in ${this.#store.root}/runs says nothing`,
      );
    }
    const { run, nodes: { nodes: wanted, roots, fault } } = await this.#withNodes(view);
    const notes: string[] = [];
    if (fault !== undefined) notes.push(fault);
    if (!wanted) {
      notes.push(
        "The run has not written down all that it was to compute: only what is stored, runs or failed is shown.",
      );
    }
    const found = wanted
      ? await this.#found(wanted)
      : (await Promise.all(view.tasks.map(({ name }) => findArtifacts(this.#store, taskPattern(name)))))
        .flat();
    return { title: `Run ${subject.runId}`, view, run, roots, notes, wanted, found };
  }

  /** What is stored of some artifacts: each folder of a task is listed once. */
  async #found(wanted: readonly WantedNode[]): Promise<FoundArtifact[]> {
    const groups = Map.groupBy(wanted, ({ name }) => name);
    const found = await Promise.all([...groups].map(async ([name, nodes]) => {
      const hashes = new Set(nodes.map(({ hash }) => hash));
      return (await findArtifacts(this.#store, taskPattern(name))).filter(({ hash }) => hashes.has(hash));
    }));
    return found.flat();
  }

  async #latestRun(entry: string): Promise<RunView | undefined> {
    for (const id of (await runIds(this.#store)).slice(0, RUNS_LOOKED_AT)) {
      const view = await runView(this.#store, id);
      if (view?.entry === entry) return view;
    }
    return undefined;
  }

  async #withNodes(view: RunView): Promise<{ run: ReportRun; nodes: RunNodes }> {
    const { runId } = view;
    // A run on this machine writes down what it is to compute when it has gone on for two seconds.
    if (this.#ofRun?.runId !== runId || !this.#ofRun.nodes.nodes) {
      this.#ofRun = {
        runId,
        nodes: await readRunNodes(this.#store, view),
        attempts: new PoolAttempts(this.#store, runId),
      };
    }
    const { nodes, attempts } = this.#ofRun;
    if (view.mode === "pool") await attempts.refresh();
    const { mode, state, createdAt, at, entry, host, user, counts, leftMs, ended } = view;
    return {
      run: { runId, mode, state, createdAt, at, host, counts, entry, user, leftMs, ended, ...nodes.more },
      nodes,
    };
  }
}

/** What is stored, and for the rest what else is known of it. */
function complete(wanted: readonly WantedNode[], stored: ReadonlyMap<string, ReportNode>): ReportNode[] {
  return wanted.map(({ name, hash, needs, params: paramsText, cells }) => {
    const node = stored.get(hash);
    const known = {
      ...(cells === undefined ? {} : { params: cells }),
      ...(paramsText === undefined ? {} : { paramsText }),
    };
    if (!node) return { name, hash, status: "TODO", needs, ...known, attempts: [] };
    const isKnown = node.status === "DONE" || node.needs.length > 0;
    const hasParams = node.params !== undefined;
    if (isKnown && hasParams) return node;
    return { ...node, needs: isKnown ? node.needs : needs, ...(hasParams ? {} : known) };
  });
}

/** The artifacts that a run computed, or tried to, and what those need: as far as the store tells. */
function ofRun(run: RunView, stored: ReadonlyMap<string, ReportNode>): ReportNode[] {
  const chosen = new Map<string, ReportNode>();
  for (const each of [...run.roots, ...run.running, ...run.failures, ...run.watched]) {
    const { name, hash } = each;
    const paramsText = "params" in each && typeof each.params === "string" ? each.params : undefined;
    const bare: ReportNode = { name, hash, status: "TODO", needs: [], attempts: [] };
    const unstored = paramsText === undefined ? bare : { ...bare, paramsText };
    chosen.set(hash, stored.get(hash) ?? unstored);
  }
  for (const node of stored.values()) if (node.run === run.runId) chosen.set(node.hash, node);
  // A Map's iteration goes on over what is added meanwhile.
  for (const { needs } of chosen.values()) {
    for (const hash of needs) {
      const below = stored.get(hash);
      if (below && !chosen.has(hash)) chosen.set(hash, below);
    }
  }
  return [...chosen.values()];
}

/** A node as it is shown: with what its run says of it now. */
function shown(
  node: ReportNode,
  { inIt, running, attempts, run }: {
    inIt: ReadonlySet<string>;
    running: RunView["running"][number] | undefined;
    attempts: PoolAttempts | undefined;
    run: ReportRun | undefined;
  },
): ReportNode {
  const needs = node.needs.every((hash) => inIt.has(hash))
    ? node.needs
    : node.needs.filter((hash) => inIt.has(hash));
  const made = node.attempts.map((attempt): ReportAttempt => {
    const worker = attempt.run === run?.runId ? attempts?.workerOf(node.hash, attempt.n) : undefined;
    return worker === undefined ? attempt : { ...attempt, worker };
  });
  const isNew = made.some((attempt, i) => attempt !== node.attempts[i]);
  if (node.status === "DONE" || !running) {
    return needs === node.needs && !isNew ? node : { ...node, needs, attempts: made };
  }
  const { attempt: n, since: from, worker = "", fraction, message, log, params } = running;
  const now: ReportAttempt = {
    ...{
      n,
      outcome: "running",
      worker: worker === "local" || worker === "" ? `${run?.host} now` : worker,
      from,
    },
    ...(run && { run: run.runId }),
  };
  const { error: _, ...rest } = node;
  return {
    ...rest,
    status: "IN_PROGRESS",
    needs,
    attempts: [...made, now],
    ...(params === undefined || node.params ? {} : { paramsText: params }),
    ...(fraction === undefined ? {} : { fraction }),
    ...(message === undefined ? {} : { message }),
    ...(log === undefined ? {} : { log }),
  };
}

/** Counts of the nodes of a report on one line: `12 artifacts: 10 done, 2 failed`. */
export function reportCounts({ nodes }: Report): string {
  const words = {
    DONE: "done",
    IN_PROGRESS: "running",
    FAILED: "failed",
    DAMAGED: "damaged",
    TODO: "not computed",
  };
  const groups = Map.groupBy(nodes, ({ status }) => status);
  const parts = Object.entries(words).flatMap(([status, word]) => {
    const count = groups.get(status as ReportNode["status"])?.length ?? 0;
    return count === 0 ? [] : [`${count} ${word}`];
  });
  return [plural(nodes.length, "artifact"), ...(parts.length === 0 ? [] : [parts.join(", ")])].join(": ");
}
