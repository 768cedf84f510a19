import type { KeptResults } from "../../plan/graph.ts";
import { artifactLabel } from "../../core/hash.ts";
import { type SpecNeeds, specsOn } from "../../task/ladder.ts";
import { style } from "../../ui/style.ts";
import { table } from "../../ui/table.ts";
import { paramsOf, type PlanParams } from "./plan_params.ts";
import { paramsJson } from "./value_text.ts";
import { oneLine, plural, textWidth, truncate } from "../../ui/text.ts";

/** An artifact as a plan is shown; a `PlanNode` is one. */
export interface ViewNode {
  /** Its hash. */
  readonly hash: string;
  /** Its task's name. */
  readonly name: string;
  /** The status that it has now. */
  readonly status: "DONE" | "IN_PROGRESS" | "TODO" | "FAILED";
  /** The reasons for the status. */
  readonly state?: {
    readonly status?: string;
    readonly owner?: string;
    /** Whether it is computed outside of Slurm. */
    readonly outside?: boolean;
    readonly error?: string;
    readonly log?: string;
    /** Why it is to be computed, in one word. */
    readonly reason?: string;
    /** Why it is to be computed, for people. */
    readonly detail?: string;
    /**
     * Whether its stored files are damaged or cannot be read. Then `error` says so in full, with what to do.
     */
    readonly unreadable?: boolean;
  };
  /** The spec that computing it needs. */
  readonly spec: string;
  /** The specs to go on with after too little. */
  readonly specs?: SpecNeeds;
  /** Hashes of what it depends on. */
  readonly dependencies: readonly string[];
  /** The units of limits that an attempt takes. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Its turn: higher ones first. */
  readonly priority?: number;
}

/** A plan as it is shown. */
export interface PlanView {
  /** The artifacts that are forced, and the stored results that depend on them and stay. */
  kept?(): Promise<KeptResults | undefined>;
  /** All nodes, dependencies first. */
  order?(): readonly ViewNode[];
  /** Hashes of the roots. */
  readonly roots: readonly string[];
  /** All that was looked at, by hash. */
  readonly nodes: ReadonlyMap<string, ViewNode>;
}

/** Options of the texts of a plan. */
export interface ViewOptions {
  /** Use colours. */
  color: boolean;
  /** Most columns of a line; `undefined` for no limit. */
  width: number | undefined;
  /**
   * Whether the tree names the spec `default` too.
   *
   * @default {false}
   */
  allSpecs?: boolean;
  /**
   * The parameters of the nodes.
   *
   * @default {they are not shown}
   */
  params?: PlanParams | undefined;
  /**
   * Whether the tree shows each node by itself, where many are alike beside each other.
   *
   * @default {false}
   */
  unfolded?: boolean;
}

/** So many nodes of a task that stand beside each other, alike but for their parameters, are one line. */
const FOLDED = 10;

/** Levels of the tree that are drawn as such. */
const DEEPEST = 40;

/** So many errors of nodes that cannot be read are shown in full. */
const UNREADABLE_SHOWN = 5;

const MOOD = { DONE: "good", IN_PROGRESS: "active", TODO: "strong", FAILED: "bad" } as const;

/** A line of the tree that is still to be written. */
interface Branch {
  /** Several where they are folded. */
  hashes: readonly string[];
  depth: number;
  /** The text before the branches of those below it. */
  indent: string;
  /** The text before its own label. */
  start: string;
}

/** A tree with the roots at the top; what several need is shown with all below it once. */
export function planTree(plan: PlanView, options: ViewOptions): string {
  const shown = new Set<string>();
  const lines: string[] = [];
  // A stack of its own: a chain may be deeper than calls can be nested.
  const open: Branch[] = folded(plan, plan.roots, options).map((hashes) => ({
    hashes,
    depth: 0,
    indent: "",
    start: "",
  })).reverse();
  for (let item = open.pop(); item; item = open.pop()) {
    const nodes = item.hashes.flatMap((hash) => plan.nodes.get(hash) ?? []);
    const [node] = nodes;
    if (!node) continue;
    const below = new Set(nodes.flatMap(({ dependencies }) => dependencies));
    const children = folded(plan, [...below].filter((hash) => plan.nodes.has(hash)), options);
    const again = nodes.every(({ hash }) => shown.has(hash));
    const note = again && children.length > 0 ? "…above" : noteOf(node, options);
    lines.push(
      nodes.length > 1
        ? foldedTreeLine(item.start, nodes, note, options)
        : treeLine(item.start, node, note, options),
    );
    if (again) continue;
    for (const { hash } of nodes) shown.add(hash);
    // Backwards: the last pushed is the next shown.
    for (let i = children.length - 1; i >= 0; i--) {
      open.push(branchBelow(item, children[i]!, i === children.length - 1));
    }
  }
  return [...lines, ...(lines.length > 0 ? [""] : []), countsLine(plan), ...unreadableLines(plan), ""].join(
    "\n",
  );
}

/** Puts nodes together that are alike and many; they stand where the first of them does. */
function folded(
  { nodes }: PlanView,
  hashes: readonly string[],
  options: ViewOptions,
): (readonly string[])[] {
  if (options.unfolded || !options.params || hashes.length < FOLDED) return hashes.map((hash) => [hash]);
  const groups = Map.groupBy(hashes, (hash) => {
    const node = nodes.get(hash);
    return node ? `${node.name} ${node.status} ${noteOf(node, options)}` : hash;
  });
  return [...groups.values()].flatMap((group) =>
    group.length < FOLDED ? group.map((hash) => [hash]) : [group]
  );
}

function branchBelow(parent: Branch, hashes: readonly string[], isLast: boolean): Branch {
  const depth = parent.depth + 1;
  // Deep chains stay at the same column, with their depth in figures: nobody could follow the lines.
  const isDeep = depth > DEEPEST;
  const indent = isDeep ? parent.indent : `${parent.indent}${isLast ? "   " : "│  "}`;
  const start = `${parent.indent}${isLast ? "└─ " : "├─ "}${isDeep ? `(level ${depth}) ` : ""}`;
  return { hashes, depth, indent, start };
}

function treeLine(start: string, node: ViewNode, note: string, options: ViewOptions): string {
  const parts = [note, options.params?.textOf(node) ?? ""];
  return paintedLine(`${start}${artifactLabel(node.name, node.hash)}`, node, parts, options);
}

function foldedTreeLine(
  start: string,
  nodes: readonly ViewNode[],
  note: string,
  options: ViewOptions,
): string {
  const [node] = nodes as [ViewNode];
  const parts = [note, options.params?.folded(nodes) ?? ""];
  return paintedLine(`${start}${nodes.length} x ${node.name}`, node, parts, options);
}

function paintedLine(
  label: string,
  { status }: ViewNode,
  parts: readonly string[],
  { color, width }: ViewOptions,
): string {
  const rest = parts.filter((part) => part !== "").map((part) => `  ${part}`).join("");
  const text = `${label}  ${status}${rest}`;
  if (width !== undefined && textWidth(text) > width) return truncate(text, width);
  const paint = style(color);
  return `${label}  ${paint[MOOD[status]](status)}${paint.faint(rest)}`;
}

/** One line per artifact, in the plan's own order. */
export function planTable(plan: PlanView, options: ViewOptions): string {
  const rows = [...plan.nodes.values()].map((node) => [
    node.status,
    artifactLabel(node.name, node.hash),
    specsOfNode(node).join(", then "),
    `${node.dependencies.length}`,
    truncate([...turnOf(node), ...reasonsOf(node)].join(", "), 120),
    options.params?.textOf(node) ?? "",
  ]);
  const head = [
    "STATUS",
    "ARTIFACT",
    "SPEC",
    "DEPENDENCIES",
    "NOTE",
    ...(options.params ? ["PARAMETERS"] : []),
  ];
  const [first = "", ...lines] = table(rows, { head, right: [3], keepEnd: [1], width: options.width });
  return [style(options.color).strong(first), ...lines, "", countsLine(plan), ...unreadableLines(plan), ""]
    .join("\n");
}

/**
 * One JSON document: `{ roots, counts, nodes: [{ hash, name, status, spec, params, dependencies, ... }] }`.
 *
 * @param more Added to the document.
 */
export function planJson(plan: PlanView, more: Readonly<Record<string, unknown>> = {}): string {
  const { DONE, IN_PROGRESS, TODO, FAILED } = countByStatus(plan);
  const nodes = [...plan.nodes.values()].map((node) => {
    const { hash, name, status, spec, dependencies, state, limits = {}, priority } = node;
    const specs = specsOfNode(node);
    const { owner, error, log, reason, detail, unreadable } = state ?? {};
    const params = paramsJson(paramsOf(node));
    return {
      hash,
      name,
      status,
      spec,
      limits: Object.keys(limits).length > 0 ? limits : undefined,
      priority: priority || undefined,
      ...(specs.length > 1 ? { specs } : {}),
      params,
      dependencies,
      owner,
      error,
      log,
      reason,
      why: detail,
      unreadable,
    };
  });
  const counts = { done: DONE, inProgress: IN_PROGRESS, todo: TODO, failed: FAILED };
  return `${JSON.stringify({ roots: plan.roots, counts, nodes, ...more }, null, 2)}\n`;
}

/** The nodes of a plan, dependencies first, where it knows that order. */
export function inOrder(plan: PlanView): ViewNode[] {
  return [...plan.order?.() ?? plan.nodes.values()];
}

/** `5 artifacts: 2 done, 1 in progress, 2 to do, 0 failed`. */
function countsLine(plan: PlanView): string {
  const { DONE, IN_PROGRESS, TODO, FAILED } = countByStatus(plan);
  const counts = `${DONE} done, ${IN_PROGRESS} in progress, ${TODO} to do, ${FAILED} failed`;
  return `${plural(plan.nodes.size, "artifact")}: ${counts}`;
}

/** Damage in full, with the ways out: beside the node there is no room for them. */
function unreadableLines({ nodes }: PlanView): string[] {
  const errors = [...nodes.values()].flatMap(({ state }) => state?.unreadable ? [state.error ?? ""] : []);
  const rest = errors.length - UNREADABLE_SHOWN;
  return [
    ...errors.slice(0, UNREADABLE_SHOWN).flatMap((error) => ["", oneLine(error)]),
    ...(rest > 0 ? ["", `… and ${rest} more that cannot be read`] : []),
  ];
}

function countByStatus(plan: PlanView): Record<ViewNode["status"], number> {
  const counts = { DONE: 0, IN_PROGRESS: 0, TODO: 0, FAILED: 0 };
  for (const node of plan.nodes.values()) counts[node.status]++;
  return counts;
}

/** The spec that a node begins with, and those to go on with after too little, where it is to be computed. */
function specsOfNode({ spec, specs, status }: ViewNode): string[] {
  return status === "DONE" || specs === undefined ? [spec] : specsOn({ ...specs, spec });
}

/** A note about a node, besides its status. */
function noteOf(node: ViewNode, { allSpecs = false }: ViewOptions): string {
  const specs = specsOfNode(node);
  const spec = specs.length === 1 && node.spec === "default" && !allSpecs
    ? []
    : [`spec ${specs.join(", then ")}`];
  return truncate([...spec, ...turnOf(node), ...reasonsOf(node)].join(", "), 120);
}

/** What it takes of limits, and its priority, where there is any of it and it is to be computed. */
function turnOf({ status, limits = {}, priority = 0 }: ViewNode): string[] {
  if (status === "DONE") return [];
  const takes = Object.entries(limits).map(([name, units]) => units === 1 ? name : `${units} ${name}`);
  return [
    ...(takes.length === 0 ? [] : [`takes ${takes.join(" + ")}`]),
    ...(priority === 0 ? [] : [`priority ${priority}`]),
  ];
}

/** Why a node has its status. */
function reasonsOf({ state }: ViewNode): string[] {
  const { owner, error, detail } = state ?? {};
  const parts = [owner === undefined ? "" : `by ${owner}`, error ?? "", detail ?? ""];
  return parts.map(oneLine).filter((part) => part !== "");
}
