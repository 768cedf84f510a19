import type { Report, ReportDelta, ReportHead, ReportNode } from "../../lib/page/report_model.ts";
import { bytesText, localTime } from "../../lib/ui/text.ts";
import { formatDuration } from "../../lib/ui/duration.ts";

/** The states of artifacts, the worst first. */
export const STATUSES = ["FAILED", "DAMAGED", "IN_PROGRESS", "TODO", "DONE"] as const;

/** A state of an artifact. */
export type Status = typeof STATUSES[number];

/** Their words. */
export const WORDS: Readonly<Record<Status, string>> = {
  FAILED: "failed",
  DAMAGED: "damaged",
  IN_PROGRESS: "running",
  TODO: "not computed",
  DONE: "done",
};

/** The artifacts of one task. */
export interface TaskGroup {
  readonly name: string;
  readonly nodes: readonly ReportNode[];
  readonly counts: Readonly<Record<Status, number>>;
  /** The paths of the parameters that are not the same in all. */
  readonly differing: readonly string[];
}

/** The report that is shown, and what is selected of it. */
export class Model {
  head: ReportHead;
  readonly nodes: Map<string, ReportNode>;
  /** The artifact whose details are shown. */
  selected: string | undefined;
  #groups: Map<string, TaskGroup> | undefined;
  #dependents: Map<string, string[]> | undefined;
  readonly #onChange: (() => void)[] = [];
  readonly #onSelect: (() => void)[] = [];

  constructor({ nodes, ...head }: Report) {
    this.head = head;
    this.nodes = new Map(nodes.map((node) => [node.hash, node]));
  }

  /** The tasks, in the order in which the data flows. */
  get groups(): ReadonlyMap<string, TaskGroup> {
    return this.#groups ??= groupsOf(this.nodes);
  }

  /** The hashes of those that depend on an artifact. */
  dependents(hash: string): readonly string[] {
    if (!this.#dependents) {
      this.#dependents = new Map();
      for (const { hash, needs } of this.nodes.values()) {
        for (const need of needs) {
          const list = this.#dependents.get(need);
          if (list) list.push(hash);
          else this.#dependents.set(need, [hash]);
        }
      }
    }
    return this.#dependents.get(hash) ?? [];
  }

  /** The parameters of an artifact on one line: those in which it differs from others of its task. */
  line(node: ReportNode): string {
    const { params, paramsText } = node;
    if (!params) return paramsText ?? "";
    const differing = this.groups.get(node.name)?.differing ?? [];
    const paths = differing.length > 0 ? differing : Object.keys(params);
    return paths.flatMap((path) => Object.hasOwn(params, path) ? [`${path}=${params[path]}`] : []).join(" ");
  }

  select(hash: string | undefined): void {
    this.selected = hash;
    for (const tell of this.#onSelect) tell();
  }

  replace({ nodes, ...head }: Report): void {
    this.head = head;
    this.nodes.clear();
    for (const node of nodes) this.nodes.set(node.hash, node);
    this.#changed();
  }

  apply({ head, changed, gone }: ReportDelta): void {
    this.head = head;
    for (const hash of gone) this.nodes.delete(hash);
    for (const node of changed) this.nodes.set(node.hash, node);
    this.#changed();
  }

  onChange(tell: () => void): void {
    this.#onChange.push(tell);
  }

  onSelect(tell: () => void): void {
    this.#onSelect.push(tell);
  }

  #changed(): void {
    this.#groups = undefined;
    this.#dependents = undefined;
    for (const tell of this.#onChange) tell();
    if (this.selected !== undefined) this.select(this.selected);
  }
}

/** How many there are of each state. */
export function countsOf(nodes: Iterable<ReportNode>): Record<Status, number> {
  const counts: Record<Status, number> = { FAILED: 0, DAMAGED: 0, IN_PROGRESS: 0, TODO: 0, DONE: 0 };
  for (const { status } of nodes) counts[status]++;
  return counts;
}

/** `28 done, 2 failed`: the states that there are. */
export function countsLine(counts: Readonly<Record<Status, number>>): string {
  return STATUSES.toReversed().filter((status) => counts[status] > 0)
    .map((status) => `${counts[status]} ${WORDS[status]}`).join(", ");
}

function groupsOf(nodes: ReadonlyMap<string, ReportNode>): Map<string, TaskGroup> {
  const byName = new Map<string, ReportNode[]>();
  const below = new Map<string, Set<string>>();
  for (const node of nodes.values()) {
    const list = byName.get(node.name);
    if (list) list.push(node);
    else byName.set(node.name, [node]);
    const names = below.get(node.name) ?? new Set();
    below.set(node.name, names);
    for (const hash of node.needs) {
      const name = nodes.get(hash)?.name;
      if (name !== undefined && name !== node.name) names.add(name);
    }
  }
  const ordered = new Map<string, TaskGroup>();
  const open = new Set<string>();
  const visit = (name: string): void => {
    if (open.has(name)) return;
    open.add(name);
    for (const need of below.get(name) ?? []) visit(need);
    const list = byName.get(name)!;
    ordered.set(name, { name, nodes: list, counts: countsOf(list), differing: differingOf(list) });
  };
  for (const name of [...byName.keys()].sort()) visit(name);
  return ordered;
}

function differingOf(nodes: readonly ReportNode[]): string[] {
  const known = nodes.filter(({ params }) => params);
  if (known.length < 2) return [];
  const first = known[0]!.params!;
  const paths = new Set(known.flatMap(({ params }) => Object.keys(params!)));
  return [...paths].filter((path) => known.some(({ params }) => params![path] !== first[path]));
}

/** Milliseconds for people; nothing where they are not known. */
export function took(ms: number | undefined): string {
  return ms === undefined ? "" : formatDuration(ms);
}

/** Bytes for people; nothing where they are not known. */
export function size(bytes: number | undefined): string {
  return bytes === undefined ? "" : bytesText(bytes);
}

/** A moment in local time, to the second; nothing where it is not known. */
export function moment(at: string | number | undefined): string {
  const date = at === undefined ? undefined : new Date(at);
  if (!date || Number.isNaN(date.getTime())) return "";
  return `${localTime(date.toISOString())}:${`${date.getSeconds()}`.padStart(2, "0")}`;
}
