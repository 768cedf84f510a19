/** What an element is made with: attributes, `on...` listeners, and properties such as `hidden`. */
export type Props = Readonly<Record<string, unknown>>;

/** What stands in an element; texts stay texts, whatever is in them. */
export type Child = Node | string | number | undefined | false | readonly Child[];

/** Makes an element. Nothing is ever parsed as HTML. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name === "className" ? "class" : name, value === true ? "" : `${value}`);
  }
  add(element, children);
  return element;
}

/** Replaces what stands in an element. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  add(element, children);
}

function add(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === undefined || child === false) continue;
    if (Array.isArray(child)) add(element, child);
    else element.append(child instanceof Node ? child : `${child as string | number}`);
  }
}

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element of SVG. */
export function svg(
  tag: string,
  attributes: Readonly<Record<string, string | number>>,
  ...children: Node[]
): Element {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, `${value}`);
  element.append(...children);
  return element;
}

/** The colours of the page as they are now: dark or light. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Does something when the colours of the page change. */
export function onColors(redraw: () => void): void {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

/** One box beside the pointer, for all that is pointed at. */
export class Tip {
  readonly #box = h("div", { className: "tip", role: "tooltip", hidden: true });

  /** It is in the document, and nothing is shown. */
  constructor() {
    document.body.append(this.#box);
  }

  /** Shows something at a place of the window. */
  show(x: number, y: number, ...children: Child[]): void {
    fill(this.#box, ...children);
    this.#box.hidden = false;
    const { width, height } = this.#box.getBoundingClientRect();
    const left = x + 14 + width > innerWidth ? x - width - 14 : x + 14;
    const top = y + 14 + height > innerHeight ? y - height - 14 : y + 14;
    this.#box.style.left = `${Math.max(4, left)}px`;
    this.#box.style.top = `${Math.max(4, top)}px`;
  }

  /** Shows nothing. */
  hide(): void {
    this.#box.hidden = true;
  }
}
