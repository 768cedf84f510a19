import type { FoundArtifact } from "../catalog/find_artifacts.ts";
import { type ArtifactEntry, readEntries } from "../catalog/read_entries.ts";
import { namedArtifacts } from "../catalog/references.ts";
import { type TableRow, tableRows } from "../catalog/table_rows.ts";
import { errorText } from "../core/errors.ts";
import { artifactPaths, parseAttemptName } from "../store/layout.ts";
import type { EndRecord, SuccessRecord } from "../store/record.ts";
import { readEnds } from "../store/results/ends.ts";
import { concernsOneArtifact, type Store } from "../store/store.ts";
import { logEnd } from "./log_end.ts";
import { reportCells } from "./report_cells.ts";
import type { ReportAttempt, ReportNode, ReportOrigin } from "./report_model.ts";

/** Values in larger files, in bytes, are not read for a page. */
const MOST_VALUE_BYTES = 1_000_000;
/** So many files of a result are named. */
const MOST_FILES = 30;
/** So many artifacts are looked at at the same time. */
const AT_ONCE = 16;
/** So many results that were read before are looked at again each time: one may have been replaced. */
const LOOKED_AT_AGAIN = 200;

interface Known {
  readonly node: ReportNode;
  /** The time of change of its record. */
  readonly mtimeMs: number | undefined;
}

/**
 * Reads artifacts as reports show them, again and again: what is stored is read once, so that a look at a run
 * of ten thousand costs little.
 */
export class NodeReader {
  readonly #store: Store;
  readonly #known = new Map<string, Known>();
  readonly #origins = new Map<string, number>();
  readonly #list: ReportOrigin[] = [];
  #next = 0;

  /** Reads nothing yet. */
  constructor(store: Store) {
    this.#store = store;
  }

  /** Where the results come from that were read. */
  get origins(): readonly ReportOrigin[] {
    return this.#list;
  }

  /**
   * Reads artifacts. What is the same as before is the same object.
   *
   * @returns Those of which anything is left, by hash.
   * @throws {StoreError} If the store cannot be read.
   */
  async read(found: readonly FoundArtifact[]): Promise<Map<string, ReportNode>> {
    const again = await this.#changed(found);
    const fresh = found.filter(({ hash, hasRecord, hasClaim }) =>
      !hasRecord || hasClaim || again.has(hash) || !this.#known.has(hash)
    );
    const entries = await readEntries(this.#store, fresh);
    const isSmall = ({ record }: ArtifactEntry): boolean =>
      (record?.sizes?.[record.valueFile ?? ""] ?? 0) <= MOST_VALUE_BYTES;
    const rows = [
      ...await tableRows(this.#store, entries.filter(isSmall), { value: true }),
      ...(await tableRows(this.#store, entries.filter((entry) => !isSmall(entry)), { value: false }))
        .map((row) => ({ ...row, fault: "it is too large for a page: furu get prints it" })),
    ];
    const byHash = new Map(found.map((each) => [each.hash as string, each]));
    const nodes = new Map<string, ReportNode>();
    for (const { hash } of fresh) this.#known.delete(hash);
    const order = rows.values();
    const lane = async (): Promise<void> => {
      for (const row of order) {
        const { hash } = row.entry;
        const artifact = byHash.get(hash)!;
        const node = await this.#nodeOf(artifact, row);
        nodes.set(hash, node);
        if (artifact.hasRecord && !artifact.hasClaim) {
          this.#known.set(hash, { node, mtimeMs: await this.#mtime(artifact.record) });
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    for (const { hash } of found) {
      const known = this.#known.get(hash);
      if (known) nodes.set(hash, known.node);
    }
    return nodes;
  }

  /** Of what was read before, those whose record is another one now: some at a time, in turn. */
  async #changed(found: readonly FoundArtifact[]): Promise<Set<string>> {
    const changed = new Set<string>();
    const known = found.filter(({ hash }) => this.#known.has(hash));
    const from = this.#next < known.length ? this.#next : 0;
    const some = known.slice(from, from + LOOKED_AT_AGAIN);
    this.#next = from + some.length;
    await Promise.all(some.map(async ({ hash, record }) => {
      if (await this.#mtime(record) !== this.#known.get(hash)?.mtimeMs) changed.add(hash);
    }));
    return changed;
  }

  async #mtime(path: string): Promise<number | undefined> {
    try {
      return (await this.#store.machine.files.stat(path))?.mtimeMs;
    } catch {
      return undefined; // what is wrong is told by who reads it
    }
  }

  async #nodeOf(found: FoundArtifact, { entry, params, value, fault }: TableRow): Promise<ReportNode> {
    const { record, params: canonical, ...rest } = entry;
    const left = found.hasHome ? await this.#left(found, record === undefined) : undefined;
    const attempts = [...left?.attempts ?? [], ...(record ? [successOf(entry, record)] : [])];
    const files = Object.entries(record?.files ? record.sizes ?? {} : {})
      .filter(([name]) => name !== record?.valueFile && name !== record?.artifactsFile);
    const needs = namedArtifacts(record ? [record.identity.params, record.identity.dependencies] : canonical);
    const { programsCpuSec: _, ...own } = rest;
    return {
      ...own,
      needs: needs.map(({ hash }) => hash),
      ...(canonical === undefined ? {} : { params: reportCells(params) }),
      ...(record && value.size > 0 ? { value: reportCells(value) } : {}),
      ...(fault === undefined ? {} : { valueFault: fault }),
      ...(files.length === 0 ? {} : { files: Object.fromEntries(files.slice(0, MOST_FILES)) }),
      ...left?.told,
      attempts,
      ...(record ? { origin: this.#originOf(record.provenance) } : {}),
    };
  }

  /** What attempts left beside the record: ends, and logs. */
  async #left(
    found: FoundArtifact,
    withLog: boolean,
  ): Promise<{ attempts: ReportAttempt[]; told: Pick<ReportNode, "stack" | "log" | "logEnd"> }> {
    const store = this.#store;
    try {
      const ends = await readEnds(store, artifactPaths(store.root, found));
      const logs = (await store.list(found.home)).flatMap(({ name }) => {
        const attempt = parseAttemptName(name);
        return attempt?.kind === "log" ? [{ path: `${found.home}/${name}`, n: attempt.n }] : [];
      });
      const log = logs.sort((a, b) => a.n - b.n).at(-1)?.path;
      const { stack } = ends.at(-1) ?? {};
      return {
        attempts: ends.map(endOf),
        told: {
          ...(withLog && stack !== undefined ? { stack } : {}),
          ...(log === undefined ? {} : { log }),
          ...(log === undefined || !withLog ? {} : { logEnd: await logEnd(store, log) }),
        },
      };
    } catch (error) {
      if (!concernsOneArtifact(error)) throw error;
      return { attempts: [], told: { stack: errorText(error) } };
    }
  }

  #originOf(provenance: Readonly<Record<string, unknown>>): number {
    const { furu, deno, os, host, user, command, git } = provenance as ReportOrigin & {
      readonly git?: { readonly commit?: string; readonly dirty?: boolean };
    };
    const { commit, dirty } = git ?? {};
    const line = Array.isArray(command) ? command.join(" ") : command;
    const text = JSON.stringify({ furu, deno, os, host, user, commit, dirty, command: line });
    const before = this.#origins.get(text);
    if (before !== undefined) return before;
    this.#origins.set(text, this.#list.length);
    return this.#list.push(JSON.parse(text)) - 1;
  }
}

function successOf({ host = "unknown" }: ArtifactEntry, record: SuccessRecord): ReportAttempt {
  const { attempt: n, createdAt, durationMs, run, provenance } = record;
  const { pid, slurm } = provenance as { pid?: number; slurm?: { jobId?: string; cluster?: string } };
  const to = Date.parse(createdAt);
  const cluster = slurm?.cluster === undefined ? "" : ` on ${slurm.cluster}`;
  const where = slurm?.jobId !== undefined
    ? ` job ${slurm.jobId}${cluster}`
    : pid !== undefined
    ? ` ${pid}`
    : "";
  return {
    ...{ n, outcome: "success", worker: `${host}${where}`, from: to - durationMs, to },
    ...(run === undefined ? {} : { run }),
  };
}

function endOf(
  { attempt: n, kind, error, owner, startedAt, endedAt, durationMs, run }: EndRecord,
): ReportAttempt {
  const to = Date.parse(endedAt);
  const from = durationMs === undefined ? Date.parse(startedAt) : to - durationMs;
  return {
    ...{ n, outcome: kind, worker: `${owner.host} ${owner.pid}`, from, to, error },
    ...(run === undefined ? {} : { run }),
  };
}
