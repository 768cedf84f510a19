import { artifactLabel } from "../core/hash.ts";
import { style } from "../ui/style.ts";
import { table } from "../ui/table.ts";
import { oneLine, plural, truncate } from "../ui/text.ts";

/** An artifact as a plan is shown; a `PlanNode` is one. */
export interface ViewNode {
  /** Its hash. */
  readonly hash: string;
  /** Its task's name. */
  readonly name: string;
  /** What has become of it. */
  readonly status: "DONE" | "IN_PROGRESS" | "TODO" | "FAILED";
  /** The reasons for the status. */
  readonly state?: {
    readonly status?: string;
    readonly owner?: string;
    readonly error?: string;
    readonly log?: string;
    readonly why?: string;
  };
  /** The spec that computing it needs. */
  readonly spec: string;
  /** Hashes of what it depends on. */
  readonly dependencies: readonly string[];
}

/** A plan as it is shown. */
export interface PlanView {
  /** Hashes of the roots. */
  readonly roots: readonly string[];
  /** All that was looked at, by hash. */
  readonly nodes: ReadonlyMap<string, ViewNode>;
}

/** How a plan is shown. */
export interface ViewOptions {
  /** Use colours. */
  color: boolean;
  /** Most columns of a line; `undefined` for no limit. */
  width: number | undefined;
}

const MOOD = { DONE: "good", IN_PROGRESS: "active", TODO: "strong", FAILED: "bad" } as const;

/** A tree with the roots at the top; what several need is shown with all below it once. */
export function planTree(plan: PlanView, options: ViewOptions): string {
  const paint = style(options.color);
  const shown = new Set<string>();
  const lines: string[] = [];
  // A stack of its own: a chain may be deeper than calls can be nested.
  const open = plan.roots.map((hash) => ({ hash, indent: "", branch: "" })).reverse();
  for (let item = open.pop(); item; item = open.pop()) {
    const node = plan.nodes.get(item.hash);
    if (!node) continue;
    const again = shown.has(node.hash);
    const children = node.dependencies.filter((hash) => plan.nodes.has(hash));
    const label = `${item.branch}${artifactLabel(node.name, node.hash)}`;
    const note = again && children.length > 0 ? "…above" : noteOf(node);
    const rest = note === "" ? "" : `  ${note}`;
    const text = `${label}  ${node.status}${rest}`;
    lines.push(
      options.width !== undefined && [...text].length > options.width
        ? truncate(text, options.width)
        : `${label}  ${paint[MOOD[node.status]](node.status)}${paint.faint(rest)}`,
    );
    if (again) continue;
    shown.add(node.hash);
    children.forEach((_, index) => {
      // Backwards: the last pushed is the next shown.
      const position = children.length - 1 - index;
      const isLast = position === children.length - 1;
      open.push({
        hash: children[position] as string,
        indent: `${item.indent}${isLast ? "   " : "│  "}`,
        branch: `${item.indent}${isLast ? "└─ " : "├─ "}`,
      });
    });
  }
  return [...lines, ...(lines.length > 0 ? [""] : []), countsLine(plan), ""].join("\n");
}

/** One line per artifact, in the plan's own order. */
export function planTable(plan: PlanView, options: ViewOptions): string {
  const rows = [...plan.nodes.values()].map((node) => [
    node.status,
    artifactLabel(node.name, node.hash),
    node.spec,
    `${node.dependencies.length}`,
    noteOf(node),
  ]);
  const limit = options.width === undefined ? {} : { width: options.width };
  const head = ["STATUS", "ARTIFACT", "SPEC", "DEPENDENCIES", "NOTE"];
  const [first = "", ...lines] = table(rows, { head, right: [3], keepEnd: [1], ...limit });
  return [style(options.color).strong(first), ...lines, "", countsLine(plan), ""].join("\n");
}

/** One JSON document: `{ roots, counts, nodes: [{ hash, name, status, spec, dependencies, ... }] }`. */
export function planJson(plan: PlanView): string {
  const { DONE, IN_PROGRESS, TODO, FAILED } = countByStatus(plan);
  const nodes = [...plan.nodes.values()].map(({ hash, name, status, spec, dependencies, state }) => {
    const { owner, error, log, why } = state ?? {};
    return { hash, name, status, spec, dependencies, owner, error, log, why };
  });
  const counts = { done: DONE, inProgress: IN_PROGRESS, todo: TODO, failed: FAILED };
  return `${JSON.stringify({ roots: plan.roots, counts, nodes }, null, 2)}\n`;
}

/** `5 artifacts: 2 done, 1 in progress, 2 to do, 0 failed`. */
function countsLine(plan: PlanView): string {
  const { DONE, IN_PROGRESS, TODO, FAILED } = countByStatus(plan);
  const counts = `${DONE} done, ${IN_PROGRESS} in progress, ${TODO} to do, ${FAILED} failed`;
  return `${plural(plan.nodes.size, "artifact")}: ${counts}`;
}

function countByStatus(plan: PlanView): Record<ViewNode["status"], number> {
  const counts = { DONE: 0, IN_PROGRESS: 0, TODO: 0, FAILED: 0 };
  for (const node of plan.nodes.values()) counts[node.status]++;
  return counts;
}

/** What is to be said about a node besides its status. */
function noteOf(node: ViewNode): string {
  const { owner, error, why } = node.state ?? {};
  const parts = [owner === undefined ? "" : `by ${owner}`, error ?? "", why ?? ""];
  if (node.spec !== "default") parts.push(`spec ${node.spec}`);
  return truncate(parts.map(oneLine).filter((part) => part !== "").join(", "), 120);
}
