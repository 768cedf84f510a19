import { artifactLabel } from "../../core/hash.ts";
import { truncate } from "../../ui/text.ts";
import { PlanParams } from "./plan_params.ts";
import type { PlanView, ViewNode } from "./plan_view.ts";

const COLORS: Record<ViewNode["status"], string> = {
  DONE: "#b7e1cd",
  IN_PROGRESS: "#c9daf8",
  TODO: "#ffffff",
  FAILED: "#f4c7c3",
};

/** The plan for Graphviz: an arrow goes from a dependency to what needs it. */
export function planDot(plan: PlanView, params: PlanParams = new PlanParams(plan)): string {
  const lines = ["digraph furu {", "  rankdir=LR;", '  node [shape=box, style="rounded,filled"];'];
  for (const node of plan.nodes.values()) {
    const label = quoteDot(linesOf(node, params).join("\n"));
    lines.push(`  ${quoteDot(node.hash)} [label=${label}, fillcolor="${COLORS[node.status]}"];`);
  }
  for (const [from, to] of edges(plan)) lines.push(`  ${quoteDot(from)} -> ${quoteDot(to)};`);
  return [...lines, "}", ""].join("\n");
}

/** The plan for Mermaid, as Markdown on many sites shows it. */
export function planMermaid(plan: PlanView, params: PlanParams = new PlanParams(plan)): string {
  const lines = ["flowchart LR"];
  for (const node of plan.nodes.values()) {
    const label = linesOf(node, params).map(quoteMermaid).join("<br/>");
    lines.push(`  ${id(node.hash)}["${label}"]:::${node.status}`);
  }
  for (const [from, to] of edges(plan)) lines.push(`  ${id(from)} --> ${id(to)}`);
  for (const [status, color] of Object.entries(COLORS)) {
    lines.push(`  classDef ${status} fill:${color},stroke:#333,color:#000`);
  }
  return [...lines, ""].join("\n");
}

/** What stands in a node's box. */
function linesOf(node: ViewNode, params: PlanParams): string[] {
  const text = truncate(params.textOf(node), 60);
  return [artifactLabel(node.name, node.hash), ...(text === "" ? [] : [text]), node.status];
}

/** Mermaid takes some words, as `end`, for its own: a letter before the hash keeps ids apart from them. */
function id(hash: string): string {
  return `n${hash}`;
}

function* edges(plan: PlanView): Generator<[from: string, to: string]> {
  for (const node of plan.nodes.values()) {
    for (const dependency of node.dependencies) if (plan.nodes.has(dependency)) yield [dependency, node.hash];
  }
}

/** A quoted string of the DOT language: quotes and backslashes escaped, line ends as `\n`. */
function quoteDot(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"`;
}

/** Text inside a quoted Mermaid label, where anything special is written as an entity. */
function quoteMermaid(text: string): string {
  return text.replace(/["#&<>`\\\[\]{}|]/g, (character) => `#${character.codePointAt(0)};`);
}
