import { color, fill, h, onColors, type Tip } from "./dom.ts";
import { type Bar, type Lane, lanesOf } from "./lanes.ts";
import { type Model, moment, took } from "./model.ts";

/** A browser draws no higher canvas. */
const MOST_HEIGHT = 16_000;
const ROW = 18;
const HEAD = 24;
const LEFT = 150;

/** Attempts over time, a row for each that a worker made at the same time. */
export class TimelineView {
  readonly element: HTMLElement;
  readonly #model: Model;
  readonly #tip: Tip;
  readonly #canvas = h("canvas", {
    tabindex: 0,
    role: "application",
    "aria-label":
      "Attempts over time: arrows move, + and - zoom, 0 shows all. The table has their times, too.",
  });
  readonly #text = h("p", { className: "note" });
  #lanes: Lane[] = [];
  #from = 0;
  #to = 1;
  #isWhole = true;

  constructor(model: Model, tip: Tip) {
    this.#model = model;
    this.#tip = tip;
    this.element = h(
      "div",
      { className: "timeline" },
      this.#text,
      h("div", { className: "scroll" }, this.#canvas),
    );
    const canvas = this.#canvas;
    canvas.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    canvas.addEventListener("pointermove", (event) => this.#onMove(event));
    canvas.addEventListener("pointerleave", () => this.#tip.hide());
    canvas.addEventListener("click", (event) => {
      const bar = this.#barAt(event);
      if (bar) this.#model.select(bar.hash);
    });
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
    new ResizeObserver(() => this.#draw()).observe(this.element);
    model.onChange(() => this.show());
    model.onSelect(() => this.#draw());
    onColors(() => this.#draw());
  }

  show(): void {
    if (this.element.hidden || !this.element.isConnected) return;
    this.#lanes = lanesOf(this.#model.nodes.values(), this.#model.head.run?.runId);
    if (this.#isWhole) this.#all();
    const count = this.#lanes.reduce((sum, { bars }) => sum + bars.length, 0);
    const workers = new Set(this.#lanes.map(({ worker }) => worker)).size;
    fill(
      this.#text,
      count === 0
        ? "No attempts are known yet."
        : `${count} attempts of ${workers} workers. Ctrl and the wheel zoom, dragging moves, a click shows the artifact.`,
    );
    this.#draw();
  }

  #all(): void {
    const bars = this.#lanes.flatMap(({ bars }) => bars);
    this.#from = bars.reduce((least, { from }) => Math.min(least, from), Infinity);
    this.#to = bars.reduce((most, { from, to }) => Math.max(most, to ?? from), -Infinity);
    if (bars.some(({ to }) => to === undefined)) this.#to = Math.max(this.#to, this.#now());
    if (!(this.#to > this.#from)) this.#to = this.#from + 1000;
    this.#isWhole = true;
  }

  #now(): number {
    return Date.parse(this.#model.head.at);
  }

  #draw(): void {
    const { clientWidth: width } = this.element;
    if (width === 0 || this.element.hidden) return;
    const height = Math.min(MOST_HEIGHT, HEAD + this.#lanes.length * ROW + 4);
    const ratio = devicePixelRatio || 1;
    const canvas = this.#canvas;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * Math.min(ratio, MOST_HEIGHT / height));
    const context = canvas.getContext("2d")!;
    context.scale(canvas.width / width, canvas.height / height);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    this.#drawAxis(context, width, height);
    let before = "";
    this.#lanes.forEach(({ worker, bars }, i) => {
      const y = HEAD + i * ROW;
      if (y > height) return;
      if (worker !== before) {
        context.fillStyle = color("faint");
        context.fillText(cutTo(context, worker, LEFT - 12), 4, y + ROW / 2);
        context.fillStyle = color("line");
        if (i > 0) context.fillRect(0, y, width, 1);
      }
      before = worker;
      for (const bar of bars) this.#drawBar(context, bar, y, width);
    });
  }

  #drawBar(context: CanvasRenderingContext2D, bar: Bar, y: number, width: number): void {
    const x = this.#x(bar.from, width);
    const end = this.#x(bar.to ?? this.#now(), width);
    if (end < LEFT || x > width) return;
    const left = Math.max(LEFT, x);
    const length = Math.max(2, Math.min(width, end) - left - 1);
    const names = {
      success: "DONE",
      running: "IN_PROGRESS",
      failed: "FAILED",
      crashed: "FAILED",
      preempted: "TODO",
    };
    // A thin line in a pale colour would not be seen.
    context.fillStyle = color(length > 4 ? `${names[bar.outcome]}-fill` : names[bar.outcome]);
    context.fillRect(left, y + 2, length, ROW - 4);
    const isSelected = bar.hash === this.#model.selected;
    context.strokeStyle = color(isSelected ? "accent" : names[bar.outcome]);
    context.lineWidth = isSelected ? 2 : 1;
    if (length > 4 || isSelected) context.strokeRect(left + 0.5, y + 2.5, length - 1, ROW - 5);
    if (length < 40) return;
    context.fillStyle = color("text");
    context.fillText(cutTo(context, bar.name, length - 8), left + 4, y + ROW / 2);
  }

  #drawAxis(context: CanvasRenderingContext2D, width: number, height: number): void {
    const span = this.#to - this.#from;
    const steps = [
      1,
      2,
      5,
      10,
      20,
      50,
      100,
      200,
      500,
      1e3,
      2e3,
      5e3,
      1e4,
      3e4,
      6e4,
      3e5,
      6e5,
      18e5,
      36e5,
      108e5,
      216e5,
    ];
    const step = steps.find((each) => span / each <= Math.max(2, width / 130)) ?? 864e5;
    const begin = this.#from;
    for (let at = 0; at <= span; at += step) {
      const x = this.#x(begin + at, width);
      context.fillStyle = color("line");
      context.fillRect(x, HEAD - 6, 1, height - HEAD + 6);
      context.fillStyle = color("faint");
      context.fillText(at === 0 ? moment(begin) : `+${took(at)}`, x + 3, HEAD / 2);
      if (at === 0) at = step > 0 && this.#x(begin + step, width) - x < 130 ? step : 0;
    }
  }

  #x(at: number, width: number): number {
    return LEFT + (at - this.#from) / (this.#to - this.#from) * (width - LEFT - 8);
  }

  #barAt({ offsetX, offsetY }: MouseEvent): Bar | undefined {
    const { clientWidth: width } = this.element;
    const lane = this.#lanes[Math.floor((offsetY - HEAD) / ROW)];
    return lane?.bars.findLast((bar) =>
      offsetX >= this.#x(bar.from, width) - 1 &&
      offsetX <= Math.max(this.#x(bar.from, width) + 3, this.#x(bar.to ?? this.#now(), width))
    );
  }

  #onMove(event: PointerEvent): void {
    if (event.buttons === 1 && event.movementX !== 0) this.#move(-event.movementX);
    const bar = this.#barAt(event);
    this.#canvas.style.cursor = bar ? "pointer" : "";
    if (!bar) return this.#tip.hide();
    const node = this.#model.nodes.get(bar.hash);
    this.#tip.show(
      event.clientX,
      event.clientY,
      h("strong", {}, bar.name),
      h("div", {}, node ? this.#model.line(node) : ""),
      h("div", {}, `attempt ${bar.n}: ${bar.outcome}, ${took((bar.to ?? this.#now()) - bar.from)}`),
      h("div", { className: "faint" }, `${moment(bar.from)} on ${bar.worker}`),
      bar.error !== undefined && h("div", { className: "error" }, bar.error),
    );
  }

  #onWheel(event: WheelEvent): void {
    // Without a key the wheel scrolls through the rows, as everywhere.
    if (!event.ctrlKey && !event.metaKey && event.deltaX === 0) return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) this.#zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, event.offsetX);
    else this.#move(event.deltaX);
  }

  #onKey(event: KeyboardEvent): void {
    const { key } = event;
    if (key === "ArrowLeft") this.#move(-60);
    else if (key === "ArrowRight") this.#move(60);
    else if (key === "+" || key === "=") this.#zoom(1 / 1.4);
    else if (key === "-") this.#zoom(1.4);
    else if (key === "0") this.#all();
    else return;
    event.preventDefault();
    this.#draw();
  }

  #move(pixels: number): void {
    const by = pixels / (this.element.clientWidth - LEFT) * (this.#to - this.#from);
    this.#from += by;
    this.#to += by;
    this.#isWhole = false;
    this.#draw();
  }

  #zoom(factor: number, x = this.element.clientWidth / 2): void {
    const part = Math.min(1, Math.max(0, (x - LEFT) / (this.element.clientWidth - LEFT - 8)));
    const at = this.#from + part * (this.#to - this.#from);
    const span = Math.max(1, (this.#to - this.#from) * factor);
    this.#from = at - part * span;
    this.#to = this.#from + span;
    this.#isWhole = false;
    this.#draw();
  }
}

function cutTo(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > width) length--;
  return `${text.slice(0, length)}…`;
}
