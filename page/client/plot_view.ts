import uPlot from "uplot";
import type { ReportNode } from "../../lib/page/report_model.ts";
import { color, fill, h, onColors, type Tip } from "./dom.ts";
import type { Model } from "./model.ts";
import { type Column, compareCells } from "./table_columns.ts";

/** So many colours are told apart. */
const COLORS = 8;
/** A point is meant when the pointer is so near, in pixels. */
const NEAR = 16;
const HEIGHT = 280;

/** One column of the rows that are shown against another. */
export class PlotView {
  readonly element: HTMLElement;
  readonly #model: Model;
  readonly #tip: Tip;
  readonly #x = h("select", { "aria-label": "Plot: horizontal axis" });
  readonly #y = h("select", { "aria-label": "Plot: vertical axis" });
  readonly #group = h("select", { "aria-label": "Plot: colours" });
  readonly #log = h("input", { type: "checkbox" });
  readonly #place = h("div", { className: "chart", role: "img" });
  readonly #toggle: HTMLDetailsElement;
  #plot: uPlot | undefined;
  #nodes: readonly ReportNode[] = [];
  #columns: readonly Column[] = [];
  #task = "";
  /** Where the points are, in the order of the rows. */
  #points: { node: ReportNode; x: number; y: number }[] = [];

  constructor(model: Model, tip: Tip) {
    this.#model = model;
    this.#tip = tip;
    this.#toggle = h("details", { className: "plot" });
    this.#toggle.append(
      h("summary", {}, "Plot"),
      h(
        "div",
        { className: "bar" },
        h("label", {}, "y ", this.#y),
        h("label", {}, "x ", this.#x),
        h("label", {}, "colour ", this.#group),
        h("label", {}, this.#log, " log x"),
      ),
      this.#place,
    );
    this.element = this.#toggle;
    this.#toggle.addEventListener("toggle", () => this.#draw());
    for (const input of [this.#x, this.#y, this.#group, this.#log]) {
      input.addEventListener("change", () => this.#draw());
    }
    new ResizeObserver(() => this.#resize()).observe(this.#place);
    onColors(() => this.#draw());
  }

  /** Plots these rows, when it is open. */
  show(nodes: readonly ReportNode[], columns: readonly Column[], task: string): void {
    this.#nodes = nodes;
    this.#columns = columns;
    const isNew = task !== this.#task;
    this.#task = task;
    const names = columns.map(({ name }) => name).filter((name) => name !== "hash");
    const numbers = columns.filter(({ isNumber }) => isNumber).map(({ name }) => name);
    const value = numbers.find((name) => name === "value" || name.startsWith("value."));
    const first = numbers.find((name) =>
      !["took", "memory", "size", "attempt"].includes(name) && name !== value
    );
    choices(this.#x, names, first ?? "when", isNew);
    choices(this.#y, numbers, value ?? "took", isNew);
    choices(this.#group, ["", ...names], "", isNew);
    this.#draw();
  }

  #column(select: HTMLSelectElement): Column | undefined {
    return this.#columns.find(({ name }) => name === select.value);
  }

  #draw(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
    if (!this.#toggle.open) return;
    const [x, y, group] = [this.#x, this.#y, this.#group].map((select) => this.#column(select));
    if (!x || !y) return fill(this.#place, h("p", { className: "note" }, "There are no numbers to plot."));
    fill(this.#place);
    const xs = scaleOf(x, this.#nodes);
    this.#points = this.#nodes.flatMap((node) => {
      const [at, value] = [xs.of(node), y.of(node)];
      return at === undefined || typeof value !== "number" ? [] : [{ node, x: at, y: value }];
    }).sort((a, b) => a.x - b.x);
    const isLog = this.#log.checked && xs.names === undefined && this.#points.every((point) => point.x > 0);
    const groups = groupsOf(group, this.#points.map(({ node }) => node));
    const series = groups.map(({ name, has }, i) => ({
      label: name === "" ? y.name : name,
      stroke: seriesColor(i),
      points: { show: true, size: 7, fill: seriesColor(i) },
      paths: () => null,
      data: this.#points.map((point) => has(point.node) ? point.y : null),
    }));
    const axis = {
      stroke: color("text"),
      grid: { stroke: color("line"), width: 1 },
      ticks: { stroke: color("line"), width: 1 },
    };
    const options: uPlot.Options = {
      width: this.#width(),
      height: HEIGHT,
      scales: { x: { time: x.name === "when", distr: isLog ? 3 : 1, range: padded(isLog) } },
      series: [{ label: x.name }, ...series.map(({ data: _, ...rest }) => rest)],
      axes: [
        {
          ...axis,
          label: x.name,
          ...(xs.names && {
            splits: () => xs.names!.map((_, i) => i),
            values: (_: uPlot, splits: number[]) => splits.map((at) => xs.names![at] ?? ""),
          }),
        },
        { ...axis, label: y.name, size: 70 },
      ],
      legend: { show: group !== undefined, live: false },
      cursor: { drag: { x: true, y: false }, points: { show: false } },
    };
    const data = [this.#points.map((point) => point.x), ...series.map((each) => each.data)];
    this.#plot = new uPlot(options, data as uPlot.AlignedData, this.#place);
    this.#place.setAttribute(
      "aria-label",
      `Plot of ${y.name} against ${x.name}: ${this.#points.length} points`,
    );
    this.#place.dataset.points = `${this.#points.length}`;
    this.#plot.over.addEventListener("mousemove", (event) => this.#onMove(event));
    this.#plot.over.addEventListener("mouseleave", () => this.#tip.hide());
    this.#plot.over.addEventListener("click", (event) => {
      const node = this.#nearest(event);
      if (node) this.#model.select(node.hash);
    });
  }

  #onMove(event: MouseEvent): void {
    const node = this.#nearest(event);
    if (!node) return this.#tip.hide();
    const shown = [this.#y, this.#x, this.#group].flatMap((select) => this.#column(select) ?? []);
    this.#tip.show(
      event.clientX,
      event.clientY,
      h("strong", {}, `${node.name} ${node.hash.slice(0, 8)}`),
      shown.map((column) => h("div", {}, `${column.name}: ${column.text(node)}`)),
      h("div", { className: "faint" }, this.#model.line(node)),
    );
  }

  #nearest({ offsetX, offsetY }: MouseEvent): ReportNode | undefined {
    const plot = this.#plot!;
    let least = NEAR ** 2;
    let found: ReportNode | undefined;
    for (const { node, x, y } of this.#points) {
      const away = (plot.valToPos(x, "x") - offsetX) ** 2 + (plot.valToPos(y, "y") - offsetY) ** 2;
      if (away > least) continue;
      least = away;
      found = node;
    }
    return found;
  }

  #width(): number {
    return Math.max(260, this.#place.clientWidth - 4);
  }

  #resize(): void {
    const width = this.#width();
    if (this.#plot && this.#plot.width !== width) this.#plot.setSize({ width, height: HEIGHT });
  }
}

/** Keeps what is chosen, where it is still there. */
function choices(select: HTMLSelectElement, names: readonly string[], best: string, isNew: boolean): void {
  const before = select.value;
  fill(select, names.map((name) => h("option", { value: name }, name === "" ? "none" : name)));
  const wanted = isNew || !names.includes(before) ? best : before;
  select.value = names.includes(wanted) ? wanted : names[0] ?? "";
}

/** Numbers as they are, times in seconds, anything else by its place among all that there is. */
function scaleOf(
  column: Column,
  nodes: readonly ReportNode[],
): { of: (node: ReportNode) => number | undefined; names?: string[] } {
  if (column.name === "when") {
    return { of: ({ at }) => at === undefined ? undefined : Date.parse(at) / 1000 };
  }
  if (column.isNumber) {
    return {
      of: (node) => {
        const cell = column.of(node);
        return typeof cell === "number" ? cell : undefined;
      },
    };
  }
  const names = distinct(column, nodes);
  const places = new Map(names.map((name, place) => [name, place]));
  return { of: (node) => column.of(node) === undefined ? undefined : places.get(column.text(node)), names };
}

function distinct(column: Column, nodes: readonly ReportNode[]): string[] {
  const cells = new Map(
    nodes.filter((node) => column.of(node) !== undefined).map((node) => [column.text(node), column.of(node)]),
  );
  return [...cells].sort(([, a], [, b]) => compareCells(a, b)).map(([name]) => name);
}

/** The values of a column, each a colour; the last one is of all the rest. */
function groupsOf(
  column: Column | undefined,
  nodes: readonly ReportNode[],
): { name: string; has: (node: ReportNode) => boolean }[] {
  if (!column) return [{ name: "", has: () => true }];
  const names = distinct(column, nodes);
  const own = names.length > COLORS ? names.slice(0, COLORS - 1) : names;
  const groups = own.map((name) => ({ name, has: (node: ReportNode) => column.text(node) === name }));
  if (own.length === names.length) return groups;
  const known = new Set(own);
  return [...groups, { name: "others", has: (node) => !known.has(column.text(node)) }];
}

function seriesColor(index: number): string {
  return color(`series-${index % COLORS + 1}`);
}

/** A little more than what there is, so that no point lies on the edge. */
function padded(isLog: boolean): uPlot.Range.Function {
  return (_, least, most) => {
    if (least === null || most === null) return [0, 1];
    if (isLog) return [least / 1.3, most * 1.3];
    const pad = (most - least) * 0.04 || Math.abs(least) * 0.1 || 1;
    return [least - pad, most + pad];
  };
}
