import type { ReportCell, ReportNode } from "../../lib/page/report_model.ts";
import { type Child, fill, h } from "./dom.ts";
import { type Model, moment, size, took, WORDS } from "./model.ts";

/** So many neighbours are named. */
const MOST_NAMED = 30;

/** All that is known of the artifact that is selected, at the side of the page. */
export class DetailsView {
  readonly element: HTMLElement;
  readonly #model: Model;
  #shown: string | undefined;
  #before: Element | null = null;

  constructor(model: Model) {
    this.#model = model;
    this.element = h("aside", { className: "details", hidden: true, "aria-label": "Artifact", tabindex: -1 });
    this.element.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.#close();
    });
    model.onSelect(() => this.#show());
  }

  #close(): void {
    this.#model.select(undefined);
    if (this.#before instanceof HTMLElement && this.#before.isConnected) this.#before.focus();
  }

  #show(): void {
    const { selected } = this.#model;
    const node = selected === undefined ? undefined : this.#model.nodes.get(selected);
    this.element.hidden = node === undefined;
    document.body.classList.toggle("has-details", node !== undefined);
    const isNew = selected !== this.#shown;
    this.#shown = node && selected;
    if (!node) return;
    const { scrollTop } = this.element;
    fill(this.element, this.#contents(node));
    if (!isNew) return void (this.element.scrollTop = scrollTop);
    this.element.scrollTop = 0;
    if (!this.element.contains(document.activeElement)) this.#before = document.activeElement;
    this.element.focus({ preventScroll: true });
  }

  #contents(node: ReportNode): Child {
    const { name, hash, status, error, stack, log, logEnd, files, fraction, message } = node;
    return [
      h(
        "header",
        {},
        h("h2", {}, name),
        h("button", { onclick: () => this.#close(), "aria-label": "Close" }, "✕"),
      ),
      h(
        "p",
        {},
        h("span", { className: `badge ${status}` }, WORDS[status]),
        " ",
        h("code", { className: "hash" }, hash),
      ),
      fraction !== undefined &&
      h("p", {}, h("progress", { value: fraction, "aria-label": "Progress" }), ` ${message ?? ""}`),
      error !== undefined && h("pre", { className: "error" }, error),
      facts("Parameters", node.params),
      node.params === undefined && node.paramsText !== undefined &&
      section("Parameters", h("p", {}, node.paramsText)),
      facts("Value", node.value),
      node.valueFault !== undefined &&
      h("p", { className: "note" }, `The value is not shown: ${node.valueFault}`),
      facts("What it took", {
        "when": moment(node.at),
        "took": took(node.durationMs),
        "memory": size(node.peakMemoryBytes),
        "processor time": node.cpuSec === undefined ? "" : took(node.cpuSec * 1000),
        "size": size(node.bytes),
        "host": node.host ?? "",
        "user": node.user ?? "",
        "spec": node.spec ?? "",
        "partial": node.partial === undefined ? "" : `made without ${node.partial} that failed`,
        "run": node.run ?? "",
      }),
      node.attempts.length > 1 && section(
        "Attempts",
        h(
          "ul",
          {},
          node.attempts.map(({ n, outcome, from, to, worker }) =>
            h("li", {}, `${n}: ${outcome}${to === undefined ? "" : ` after ${took(to - from)}`} on ${worker}`)
          ),
        ),
      ),
      logEnd !== undefined && logEnd.length > 0 &&
      section("The end of its log", h("pre", { className: "log" }, logEnd.join("\n"))),
      log !== undefined && h("p", { className: "faint" }, log),
      stack !== undefined && h("details", {}, h("summary", {}, "Stack"), h("pre", {}, stack)),
      files !== undefined && facts("Files", sizes(files)),
      this.#neighbours("Needs", node.needs),
      this.#neighbours("Needed by", this.#model.dependents(hash)),
      h("p", { className: "faint" }, "In the terminal: ", h("code", {}, `furu show ${hash.slice(0, 8)}`)),
    ];
  }

  #neighbours(title: string, hashes: readonly string[]): Child {
    if (hashes.length === 0) return false;
    const known = hashes.slice(0, MOST_NAMED).flatMap((hash) => this.#model.nodes.get(hash) ?? []);
    const more = hashes.length - known.length;
    return section(
      `${title} (${hashes.length})`,
      h(
        "ul",
        {},
        known.map((node) =>
          h(
            "li",
            {},
            h("button", { className: "link", onclick: () => this.#model.select(node.hash) }, node.name),
            h("span", { className: `dot ${node.status}`, title: WORDS[node.status] }),
            h("span", { className: "faint" }, this.#model.line(node)),
          )
        ),
        more > 0 && h("li", { className: "faint" }, `and ${more} more`),
      ),
    );
  }
}

function section(title: string, ...children: Child[]): HTMLElement {
  return h("section", {}, h("h3", {}, title), ...children);
}

function facts(title: string, cells: Readonly<Record<string, ReportCell>> | undefined): Child {
  const known = Object.entries(cells ?? {}).filter(([, cell]) => cell !== "");
  if (known.length === 0) return false;
  return section(title, cellList(known));
}

/** Names with what they stand for. */
export function cellList(cells: readonly (readonly [string, ReportCell])[]): HTMLElement {
  return h("dl", {}, cells.map(([name, cell]) => [h("dt", {}, name), h("dd", {}, `${cell}`)]));
}

function sizes(files: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, size(bytes)]));
}
