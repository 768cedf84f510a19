import type { ReportNode } from "../../lib/page/report_model.ts";
import { type Child, fill, h, svg } from "./dom.ts";
import { shareBar } from "./graph_view.ts";
import { type Model, size, type TaskGroup, took } from "./model.ts";

const WIDTH = 220;
const HEIGHT = 18;

/** What the tasks took: durations and memory, each as a box from the least to the most. */
export class TasksView {
  readonly element = h("div", { className: "scroll pad" });
  readonly #model: Model;
  readonly #more: (task: string) => void;

  /** @param more Shows all artifacts of a task elsewhere. */
  constructor(model: Model, more: (task: string) => void) {
    this.#model = model;
    this.#more = more;
    model.onChange(() => this.show());
  }

  show(): void {
    if (this.element.hidden || !this.element.isConnected) return;
    const groups = [...this.#model.groups.values()];
    const durations = rangeOf(groups, ({ durationMs }) => durationMs);
    const memory = rangeOf(groups, ({ peakMemoryBytes }) => peakMemoryBytes);
    fill(
      this.element,
      h(
        "table",
        { className: "plain" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            [
              "Task",
              "Artifacts",
              "Computing",
              "Median",
              "95 %",
              "Most",
              "Durations",
              "Memory, most",
              "Memory",
            ].map((
              name,
            ) => h("th", { scope: "col" }, name)),
          ),
        ),
        h("tbody", {}, groups.map((group) => this.#row(group, durations, memory))),
      ),
      h(
        "p",
        { className: "note" },
        "A bar goes from the least to the most, its dark part from the first to the third quarter, the line is the " +
          "median; the scales are logarithmic, and the same for all tasks. Of failed attempts the table has the times.",
      ),
    );
  }

  #row(group: TaskGroup, durations: Range | undefined, memory: Range | undefined): Child {
    const times = sortedOf(group, ({ durationMs }) => durationMs);
    const bytes = sortedOf(group, ({ peakMemoryBytes }) => peakMemoryBytes);
    const sum = times.reduce((all, each) => all + each, 0);
    return h(
      "tr",
      {},
      h(
        "th",
        { scope: "row" },
        h("button", { className: "link", onclick: () => this.#more(group.name) }, group.name),
      ),
      h("td", { className: "number" }, `${group.nodes.length}`, shareBar(group)),
      h("td", { className: "number" }, times.length === 0 ? "" : took(sum)),
      h("td", { className: "number" }, took(quantile(times, 0.5))),
      h("td", { className: "number" }, took(quantile(times, 0.95))),
      h("td", { className: "number" }, took(times.at(-1))),
      h("td", {}, boxOf(times, durations, took)),
      h("td", { className: "number" }, size(bytes.at(-1))),
      h("td", {}, boxOf(bytes, memory, size)),
    );
  }
}

type Range = readonly [least: number, most: number];

function sortedOf({ nodes }: TaskGroup, of: (node: ReportNode) => number | undefined): number[] {
  return nodes.filter(({ status }) => status === "DONE").flatMap((node) => of(node) ?? []).sort((a, b) =>
    a - b
  );
}

function rangeOf(
  groups: readonly TaskGroup[],
  of: (node: ReportNode) => number | undefined,
): Range | undefined {
  const all = groups.flatMap((group) => sortedOf(group, of));
  if (all.length === 0) return undefined;
  const least = all.reduce((a, b) => Math.min(a, b));
  return [Math.max(1, least), Math.max(1, all.reduce((a, b) => Math.max(a, b)))];
}

function quantile(sorted: readonly number[], part: number): number | undefined {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
}

function boxOf(sorted: readonly number[], range: Range | undefined, text: (value: number) => string): Child {
  const [least] = sorted;
  if (least === undefined || !range) return false;
  const span = Math.log(range[1]) - Math.log(range[0]) || 1;
  const x = (value: number): number =>
    2 + (Math.log(Math.max(1, value)) - Math.log(range[0])) / span * (WIDTH - 4);
  const at = (part: number): number => x(quantile(sorted, part)!);
  const most = x(sorted.at(-1)!);
  const label = `from ${text(least)} to ${text(sorted.at(-1)!)}, median ${text(quantile(sorted, 0.5)!)}`;
  const bar = (className: string, from: number, to: number, height: number): Element =>
    svg("rect", {
      class: className,
      x: from,
      y: (HEIGHT - height) / 2,
      width: Math.max(1.5, to - from),
      height,
      rx: 1.5,
    });
  return svg(
    "svg",
    { width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    svgTitle(label),
    bar("whole", x(least), most, 6),
    bar("middle", at(0.25), at(0.75), 10),
    bar("median", at(0.5) - 1, at(0.5) + 1, 16),
  ) as unknown as Node;
}

function svgTitle(text: string): Element {
  const title = svg("title", {});
  title.textContent = text;
  return title;
}
