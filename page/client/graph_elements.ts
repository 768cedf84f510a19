import type { ReportNode } from "../../lib/page/report_model.ts";
import { countsLine, type Model, STATUSES, type TaskGroup } from "./model.ts";

/** So many artifacts of one task are shown one by one; the rest is one box. */
export const MOST_OPEN = 300;

/** A box of the graph: a task, an artifact, or what is left of a task. */
export interface GraphBox {
  readonly id: string;
  readonly kind: "task" | "artifact" | "rest";
  readonly task: string;
  readonly label: string;
  readonly width: number;
  readonly height: number;
  /** Shares of the states, by which it is coloured. */
  readonly shares: readonly (readonly [status: string, share: number])[];
}

/** What the graph shows. */
export interface GraphElements {
  readonly boxes: readonly GraphBox[];
  /** From what is needed to what needs it. */
  readonly lines: readonly (readonly [from: string, to: string])[];
}

/** What a graph shows in which some tasks are open, so that their artifacts stand by themselves. */
export function graphElements(model: Model, open: ReadonlySet<string>): GraphElements {
  const boxes: GraphBox[] = [];
  const boxOf = new Map<string, string>();
  for (const group of model.groups.values()) {
    const isOpen = open.has(group.name);
    const shown = isOpen ? worstFirst(group.nodes).slice(0, MOST_OPEN) : [];
    for (const node of shown) {
      boxOf.set(node.hash, node.hash);
      boxes.push(artifactBox(model, node));
    }
    const rest = group.nodes.length - shown.length;
    if (rest === 0) continue;
    const id = `task ${group.name}`;
    for (const { hash } of group.nodes) if (!boxOf.has(hash)) boxOf.set(hash, id);
    boxes.push(isOpen ? restBox(id, group, rest) : taskBox(id, group));
  }
  const lines = new Map<string, readonly [string, string]>();
  for (const { hash, needs } of model.nodes.values()) {
    const to = boxOf.get(hash)!;
    for (const need of needs) {
      const from = boxOf.get(need);
      if (from !== undefined && from !== to) lines.set(`${from}\n${to}`, [from, to]);
    }
  }
  return { boxes, lines: [...lines.values()] };
}

/** Those that failed and those that run before those that are done. */
export function worstFirst(nodes: readonly ReportNode[]): readonly ReportNode[] {
  return nodes.toSorted((a, b) => STATUSES.indexOf(a.status) - STATUSES.indexOf(b.status));
}

const LEAST_SHARE = 0.08;
/** So many characters of a label are shown. */
const MOST_CHARS = 40;

function artifactBox(model: Model, node: ReportNode): GraphBox {
  const isAlone = model.groups.get(node.name)?.nodes.length === 1;
  const line = cut(
    isAlone ? node.name : `${lastWord(node.name)} ${model.line(node) || node.hash.slice(0, 8)}`,
  );
  return {
    ...{ id: node.hash, kind: "artifact", task: node.name, label: line },
    ...{ width: widthOf(line), height: 26 },
    shares: [[node.status, 1]],
  };
}

function taskBox(id: string, group: TaskGroup): GraphBox {
  const { name, nodes, counts } = group;
  const [first, second] = [cut(name), `${nodes.length}: ${countsLine(counts)}`];
  return {
    ...{ id, kind: "task", task: name, label: `${first}\n${second}` },
    ...{ width: Math.max(widthOf(first), widthOf(second)), height: 46 },
    shares: sharesOf(counts),
  };
}

/** However few there are of a state, it is seen. */
function sharesOf(counts: TaskGroup["counts"]): GraphBox["shares"] {
  const known = STATUSES.toReversed().filter((status) => counts[status] > 0);
  const sum = known.reduce((all, status) => all + counts[status], 0);
  const shares = known.map((status) => [status, Math.max(LEAST_SHARE, counts[status] / sum)] as const);
  const whole = shares.reduce((all, [, share]) => all + share, 0);
  return shares.map(([status, share]) => [status, share / whole]);
}

function restBox(id: string, { name }: TaskGroup, rest: number): GraphBox {
  const label = `${rest} more of ${cut(name)}`;
  return { id, kind: "rest", task: name, label, width: widthOf(label), height: 26, shares: [["TODO", 1]] };
}

function lastWord(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function cut(text: string): string {
  return text.length <= MOST_CHARS ? text : `${text.slice(0, MOST_CHARS - 1)}…`;
}

function widthOf(text: string): number {
  return 26 + Math.round(text.length * 6.7);
}
