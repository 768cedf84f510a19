import cytoscape from "cytoscape";
import { cellList } from "./details_view.ts";
import { type Child, color, fill, h, onColors, type Tip } from "./dom.ts";
import { type GraphBox, graphElements, MOST_OPEN, worstFirst } from "./graph_elements.ts";
import { layOut } from "./layout.ts";
import { countsLine, type Model, STATUSES, type TaskGroup, took, WORDS } from "./model.ts";

/** With so few artifacts all are shown from the start. */
const ALL_OPEN = 60;
/** So many boxes can be shown at the same time. */
const MOST_BOXES = 1500;
const STEP = 60;
/** Few boxes are not made larger than this, so that all fits. */
const MOST_ZOOM = 1.2;

/** The graph: tasks that can be opened, artifacts in the colours of their states. */
export class GraphView {
  readonly element: HTMLElement;
  readonly #model: Model;
  readonly #tip: Tip;
  readonly #more: (task: string) => void;
  readonly #canvas = h("div", {
    className: "canvas",
    tabindex: 0,
    role: "application",
    "aria-label":
      "Graph of artifacts: arrows move it, + and - zoom, 0 shows all. The list beside it has the same.",
  });
  readonly #list = h("nav", { className: "tasks", "aria-label": "Tasks" });
  readonly #note = h("p", { className: "note", role: "status" });
  readonly #open = new Set<string>();
  #cy: cytoscape.Core | undefined;
  /** Which boxes there are: a new layout is needed only when others are. */
  #shape = "";
  /** Whether all is in sight, as nobody has moved it since. */
  #isWhole = true;

  /** @param more Shows all artifacts of a task elsewhere. */
  constructor(model: Model, tip: Tip, more: (task: string) => void) {
    this.#model = model;
    this.#tip = tip;
    this.#more = more;
    const button = (text: string, onclick: () => void, label = text): Child =>
      h("button", { onclick, "aria-label": label, title: label }, text);
    this.element = h(
      "div",
      { className: "graph" },
      h(
        "div",
        { className: "side" },
        h(
          "div",
          { className: "bar" },
          button("Open all", () => this.#openAll()),
          button("Fold all", () => this.#foldAll()),
        ),
        this.#list,
      ),
      h(
        "div",
        { className: "stage" },
        this.#canvas,
        h(
          "div",
          { className: "bar zoom" },
          button("+", () => this.#zoom(1.3), "Zoom in"),
          button("−", () => this.#zoom(1 / 1.3), "Zoom out"),
          button("Fit", () => this.#fit(), "Show all"),
        ),
        legend(),
        this.#note,
      ),
    );
    if (model.nodes.size <= ALL_OPEN) { for (const name of model.groups.keys()) this.#open.add(name); }
    this.#canvas.addEventListener("keydown", (event) => this.#onKey(event));
    model.onChange(() => this.show());
    model.onSelect(() => this.#mark());
    onColors(() => this.#cy?.style(styles()));
  }

  /** Shows it as it is now; to be called when it can be seen. */
  show(): void {
    if (this.element.hidden || !this.element.isConnected) return;
    const { boxes, lines } = graphElements(this.#model, this.#open);
    this.#showList();
    const cy = this.#cy ??= this.#make();
    const shape = JSON.stringify([boxes.map(({ id, width }) => [id, width]), lines.length]);
    if (shape === this.#shape) {
      cy.batch(() => {
        for (const box of boxes) cy.getElementById(box.id).data(dataOf(box));
      });
      return;
    }
    this.#shape = shape;
    const places = layOut(boxes, lines);
    cy.batch(() => {
      cy.elements().remove();
      cy.add(boxes.map((box) => ({
        group: "nodes" as const,
        data: dataOf(box),
        classes: box.kind,
        position: { ...places.get(box.id)! },
      })));
      cy.add(lines.map(([source, target]) => ({
        group: "edges" as const,
        data: { id: `${source}→${target}`, source, target },
      })));
    });
    cy.resize();
    this.#fit();
    this.#mark();
  }

  #make(): cytoscape.Core {
    const cy = cytoscape({
      container: this.#canvas,
      style: styles(),
      layout: { name: "preset" },
      minZoom: 0.03,
      maxZoom: 3,
      hideEdgesOnViewport: true,
      autoungrabify: true,
      boxSelectionEnabled: false,
    });
    cy.on("tap", "node", ({ target }) => this.#onTap(target.data() as GraphBox));
    cy.on("mouseover", "node", ({ target, originalEvent }) => {
      this.#canvas.style.cursor = "pointer";
      this.#tip.show(originalEvent.clientX, originalEvent.clientY, this.#about(target.data() as GraphBox));
    });
    cy.on("mouseout pan zoom", () => {
      this.#canvas.style.cursor = "";
      this.#tip.hide();
    });
    this.#canvas.addEventListener("pointerleave", () => this.#tip.hide());
    cy.on("dragpan scrollzoom pinchzoom", () => this.#isWhole = false);
    new ResizeObserver(() => {
      cy.resize();
      if (this.#isWhole && cy.width() > 0) this.#fit();
    }).observe(this.#canvas);
    return cy;
  }

  #about({ kind, id, task }: GraphBox): Child {
    const node = this.#model.nodes.get(id);
    if (kind === "artifact" && node) {
      return [
        h("strong", {}, node.name),
        h("div", {}, `${WORDS[node.status]} · ${node.hash.slice(0, 8)} ${took(node.durationMs)}`),
        node.params ? cellList(Object.entries(node.params)) : h("div", {}, node.paramsText ?? ""),
        node.error !== undefined && h("div", { className: "error" }, node.error),
      ];
    }
    const group = this.#model.groups.get(task);
    const what = kind === "rest" ? "all of them are in the table" : "a click opens it";
    return [h("strong", {}, task), h("div", {}, group ? countsLine(group.counts) : ""), h("div", {}, what)];
  }

  #onTap({ kind, id, task }: GraphBox): void {
    this.#tip.hide();
    if (kind === "artifact") this.#model.select(id);
    else if (kind === "rest") this.#more(task);
    else this.#toggle(task);
  }

  #toggle(task: string): void {
    this.#note.textContent = "";
    if (this.#open.has(task)) this.#open.delete(task);
    else if (this.#fits(this.#model.groups.get(task))) this.#open.add(task);
    else this.#note.textContent = `${MOST_BOXES} boxes are shown at most: fold another task first`;
    this.show();
  }

  #fits(group: TaskGroup | undefined): boolean {
    const shown = [...this.#open].reduce((sum, name) => sum + boxCount(this.#model.groups.get(name)), 0);
    return shown + boxCount(group) <= MOST_BOXES;
  }

  #openAll(): void {
    for (const group of this.#model.groups.values()) {
      if (!this.#open.has(group.name) && this.#fits(group)) this.#open.add(group.name);
    }
    const left = this.#model.groups.size - this.#open.size;
    this.#note.textContent = left > 0
      ? `${left} tasks stay folded: ${MOST_BOXES} boxes are shown at most`
      : "";
    this.show();
  }

  #foldAll(): void {
    this.#open.clear();
    this.#note.textContent = "";
    this.show();
  }

  #showList(): void {
    const focused = document.activeElement?.getAttribute("data-key");
    fill(
      this.#list,
      [...this.#model.groups.values()].map((group) => {
        const isOpen = this.#open.has(group.name);
        return h(
          "div",
          {},
          h(
            "button",
            {
              className: "task",
              "data-key": `task ${group.name}`,
              "aria-expanded": `${isOpen}`,
              onclick: () => this.#toggle(group.name),
            },
            h("span", { className: "name" }, `${isOpen ? "▾" : "▸"} ${group.name}`),
            h("span", { className: "faint" }, countsLine(group.counts)),
            shareBar(group),
          ),
          isOpen && h("ul", {}, this.#members(group)),
        );
      }),
    );
    if (focused) this.#list.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  #members(group: TaskGroup): Child {
    const rest = group.nodes.length - MOST_OPEN;
    return [
      worstFirst(group.nodes).slice(0, MOST_OPEN).map((node) =>
        h(
          "li",
          {},
          h(
            "button",
            {
              className: "link",
              "data-key": node.hash,
              onclick: () => {
                this.#model.select(node.hash);
                this.#cy?.center(this.#cy.getElementById(node.hash));
              },
            },
            h("span", { className: `dot ${node.status}`, role: "img", "aria-label": WORDS[node.status] }),
            this.#model.line(node) || node.hash.slice(0, 8),
          ),
        )
      ),
      rest > 0 &&
      h(
        "li",
        {},
        h("button", { className: "link", onclick: () => this.#more(group.name) }, `${rest} more …`),
      ),
    ];
  }

  #mark(): void {
    this.#cy?.batch(() => {
      this.#cy!.elements().removeClass("selected near");
      const { selected } = this.#model;
      if (selected === undefined) return;
      const node = this.#cy!.getElementById(selected);
      node.addClass("selected");
      node.connectedEdges().addClass("near");
    });
  }

  #fit(): void {
    const cy = this.#cy!;
    this.#isWhole = true;
    cy.fit(undefined, 30);
    if (cy.zoom() <= MOST_ZOOM) return;
    cy.zoom(MOST_ZOOM);
    cy.center();
  }

  #zoom(factor: number): void {
    const cy = this.#cy;
    if (!cy) return;
    this.#isWhole = false;
    cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
  }

  #pan(by: { x: number; y: number }): void {
    this.#isWhole = false;
    this.#cy?.panBy(by);
  }

  #onKey(event: KeyboardEvent): void {
    const moves: Record<string, { x: number; y: number }> = {
      ArrowLeft: { x: STEP, y: 0 },
      ArrowRight: { x: -STEP, y: 0 },
      ArrowUp: { x: 0, y: STEP },
      ArrowDown: { x: 0, y: -STEP },
    };
    const { key } = event;
    if (moves[key]) this.#pan(moves[key]);
    else if (key === "+" || key === "=") this.#zoom(1.3);
    else if (key === "-") this.#zoom(1 / 1.3);
    else if (key === "0") this.#fit();
    else return;
    event.preventDefault();
  }
}

function boxCount(group: TaskGroup | undefined): number {
  return Math.min(group?.nodes.length ?? 0, MOST_OPEN + 1);
}

/** The shares of the states of a task, as a bar. */
export function shareBar({ nodes, counts }: Pick<TaskGroup, "nodes" | "counts">): HTMLElement {
  const bar = h("span", { className: "share", role: "img", "aria-label": countsLine(counts) });
  for (const status of STATUSES.toReversed()) {
    if (counts[status] === 0) continue;
    const part = h("span", { className: status });
    part.style.flexGrow = `${Math.max(counts[status], nodes.length / 60)}`;
    bar.append(part);
  }
  return bar;
}

function legend(): HTMLElement {
  return h(
    "div",
    { className: "legend", "aria-hidden": "true" },
    STATUSES.toReversed().map((status) =>
      h("span", {}, h("span", { className: `dot ${status}` }), WORDS[status])
    ),
  );
}

function dataOf({ shares, ...box }: GraphBox): Record<string, unknown> {
  // Each colour twice: where it begins, and where it ends.
  const stops: string[] = [];
  const places: string[] = [];
  let at = 0;
  for (const [status, share] of shares) {
    stops.push(status, status);
    places.push(`${at * 100}%`);
    at += share;
    places.push(`${at * 100}%`);
  }
  return { ...box, status: shares[0]?.[0], stops: stops.join(" "), places: places.join(" ") };
}

function styles(): cytoscape.StylesheetJson {
  const colors = Object.fromEntries(STATUSES.map((status) => [status, color(`${status}-fill`)]));
  return [
    {
      selector: "node",
      style: {
        "shape": "round-rectangle",
        "width": "data(width)",
        "height": "data(height)",
        "label": "data(label)",
        "text-valign": "center",
        "text-halign": "center",
        "text-wrap": "wrap",
        "text-max-width": "400px",
        "font-size": 12,
        "font-family": "system-ui, sans-serif",
        "color": color("text"),
        "border-width": 1,
        "border-color": color("line"),
        "background-color": (node: cytoscape.NodeSingular) => colors[node.data("status")] ?? color("panel"),
      },
    },
    {
      selector: "node.task",
      style: {
        "border-width": 2,
        "line-height": 1.3,
        "background-fill": "linear-gradient",
        "background-gradient-direction": "to-right",
        "background-gradient-stop-colors": (node: cytoscape.NodeSingular) =>
          `${node.data("stops")}`.replaceAll(/\S+/g, (status) => colors[status] ?? color("panel")),
        "background-gradient-stop-positions": (node: cytoscape.NodeSingular) => node.data("places"),
      },
    },
    { selector: "node.rest", style: { "border-style": "dashed" } },
    { selector: "node.selected", style: { "border-width": 3, "border-color": color("accent") } },
    {
      selector: "edge",
      style: {
        "width": 1.2,
        "curve-style": "bezier",
        "line-color": color("edge"),
        "target-arrow-color": color("edge"),
        "target-arrow-shape": "triangle",
        "arrow-scale": 0.7,
      },
    },
    {
      selector: "edge.near",
      style: { "width": 2, "line-color": color("accent"), "target-arrow-color": color("accent") },
    },
  ] as unknown as cytoscape.StylesheetJson;
}
