import {
  FormatModule,
  InteractionModule,
  ResizeColumnsModule,
  ResizeTableModule,
  SortModule,
  Tabulator,
} from "tabulator-tables";
import type { ReportNode } from "../../lib/page/report_model.ts";
import { fill, h, type Tip } from "./dom.ts";
import type { Model } from "./model.ts";
import { PlotView } from "./plot_view.ts";
import { type Column, columnsOf, compareCells, parseFilter } from "./table_columns.ts";

Tabulator.registerModule([
  FormatModule,
  InteractionModule,
  ResizeColumnsModule,
  ResizeTableModule,
  SortModule,
]);

/** A row as the table has it: cells are taken from the artifact. */
interface Row {
  readonly id: string;
  readonly node: ReportNode;
}

const ALL = "";

/** Parameters and results: a table that is sorted and filtered, and a plot of what it shows. */
export class TableView {
  readonly element: HTMLElement;
  readonly #model: Model;
  readonly #plot: PlotView;
  readonly #tasks = h("select", { "aria-label": "Task" });
  readonly #filter = h("input", {
    type: "search",
    placeholder: "filter: words, lr>0.01, status=failed",
    "aria-label": "Filter rows by words, or by conditions as lr>0.01",
  });
  readonly #count = h("span", { className: "faint", role: "status" });
  readonly #place = h("div", { className: "rows" });
  #table: Tabulator | undefined;
  #columns: Column[] = [];
  #shape = "";
  #task: string | undefined;

  constructor(model: Model, tip: Tip) {
    this.#model = model;
    this.#plot = new PlotView(model, tip);
    this.element = h(
      "div",
      { className: "results" },
      h("div", { className: "bar" }, this.#tasks, this.#filter, this.#count),
      this.#plot.element,
      this.#place,
    );
    this.#tasks.addEventListener("change", () => this.#choose(this.#tasks.value));
    this.#filter.addEventListener("input", () => this.#showRows());
    model.onChange(() => this.show());
    model.onSelect(() => this.#table?.redraw());
  }

  /** Shows the artifacts of a task. */
  showTask(task: string): void {
    this.#filter.value = "";
    this.#choose(task);
  }

  show(): void {
    if (this.element.hidden || !this.element.isConnected) return;
    this.#task ??= this.#largest();
    if (this.#task !== ALL && !this.#model.groups.has(this.#task)) this.#task = ALL;
    fill(
      this.#tasks,
      h("option", { value: ALL }, `all tasks (${this.#model.nodes.size})`),
      [...this.#model.groups.values()].map(({ name, nodes }) =>
        h("option", { value: name }, `${name} (${nodes.length})`)
      ),
    );
    this.#tasks.value = this.#task;
    this.#columns = columnsOf(this.#model, this.#nodes());
    this.#showRows();
  }

  #choose(task: string): void {
    this.#task = task;
    this.show();
  }

  /** The task that tells most: where it is clear, the one with most artifacts. */
  #largest(): string {
    const groups = [...this.#model.groups.values()].sort((a, b) => b.nodes.length - a.nodes.length);
    return groups[0]?.name ?? ALL;
  }

  #nodes(): readonly ReportNode[] {
    if (this.#task === undefined || this.#task === ALL) return [...this.#model.nodes.values()];
    return this.#model.groups.get(this.#task)?.nodes ?? [];
  }

  #showRows(): void {
    const nodes = this.#nodes();
    const shown = nodes.filter(parseFilter(this.#filter.value, this.#columns));
    this.#count.textContent = shown.length === nodes.length
      ? `${nodes.length} rows`
      : `${shown.length} of ${nodes.length}`;
    const rows = shown.map((node): Row => ({ id: node.hash, node }));
    const shape = JSON.stringify(this.#columns.map(({ name, isNumber }) => [name, isNumber]));
    if (this.#table && shape === this.#shape) this.#table.replaceData(rows);
    else this.#make(rows);
    this.#shape = shape;
    this.#plot.show(shown, this.#columns, this.#task ?? ALL);
  }

  #make(rows: readonly Row[]): void {
    this.#table?.destroy();
    const place = h("div", {});
    fill(this.#place, place);
    this.#table = new Tabulator(place, {
      data: rows,
      height: "100%",
      layout: "fitData",
      nestedFieldSeparator: false,
      columnHeaderSortMulti: true,
      placeholder: () => h("p", { className: "note" }, "No artifact is like that."),
      columns: this.#columns.map((column, i) => this.#column(column, i)),
      rowFormatter: (row: { getData(): Row; getElement(): HTMLElement }) => {
        const element = row.getElement();
        const { id } = row.getData();
        element.classList.toggle("chosen", id === this.#model.selected);
        element.tabIndex = 0;
        element.dataset.hash = id;
      },
    });
    this.#table.on("rowClick", (_: Event, row: { getData(): Row }) => this.#model.select(row.getData().id));
    place.addEventListener("keydown", (event: KeyboardEvent) => this.#onKey(event));
  }

  #column({ name, of, text, isNumber }: Column, index: number): Record<string, unknown> {
    return {
      title: name,
      field: `c${index}`,
      hozAlign: isNumber ? "right" : "left",
      headerHozAlign: isNumber ? "right" : "left",
      maxInitialWidth: 320,
      sorter: (_a: unknown, _b: unknown, a: { getData(): Row }, b: { getData(): Row }) =>
        compareCells(of(a.getData().node), of(b.getData().node)),
      // A button is reached by the keyboard; its click is that of the header, which sorts.
      titleFormatter: () => h("button", { className: "title" }, name),
      formatter: (cell: { getData(): Row }) => {
        const { node } = cell.getData();
        const words = h("span", {}, text(node));
        return name === "status" ? h("span", { className: `badge ${node.status}` }, words) : words;
      },
    };
  }

  #onKey(event: KeyboardEvent): void {
    const row = event.target;
    if (!(row instanceof HTMLElement) || !row.classList.contains("tabulator-row")) return;
    const { key } = event;
    if (key === "Enter" || key === " ") this.#model.select(row.dataset.hash);
    else if (key === "ArrowDown") (row.nextElementSibling as HTMLElement | null)?.focus();
    else if (key === "ArrowUp") (row.previousElementSibling as HTMLElement | null)?.focus();
    else return;
    event.preventDefault();
  }
}
