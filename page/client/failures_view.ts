import type { ReportNode } from "../../lib/page/report_model.ts";
import { type Child, fill, h } from "./dom.ts";
import { type Model, moment, took } from "./model.ts";

/** So many artifacts with the same error are shown one by one. */
const MOST_OF_ONE = 20;

/** What failed, the same errors together, each with the end of its log. */
export class FailuresView {
  readonly element = h("div", { className: "scroll pad failures" });
  readonly #model: Model;
  /** What the reader has opened, or closed. */
  readonly #toggled = new Map<string, boolean>();

  constructor(model: Model) {
    this.#model = model;
    model.onChange(() => this.show());
  }

  /** The artifacts that failed, or are damaged. */
  static of(model: Model): ReportNode[] {
    return [...model.nodes.values()].filter(({ status }) => status === "FAILED" || status === "DAMAGED");
  }

  show(): void {
    if (this.element.hidden || !this.element.isConnected) return;
    const failed = FailuresView.of(this.#model);
    const retried = [...this.#model.nodes.values()].filter(({ status, attempts }) =>
      status !== "FAILED" && attempts.some(({ outcome }) => outcome === "failed" || outcome === "crashed")
    );
    const groups = Map.groupBy(failed, ({ name, error = "" }) => `${name}\n${sameError(error)}`);
    fill(
      this.element,
      failed.length === 0 && h("p", { className: "note" }, "Nothing failed."),
      [...groups].map(([key, nodes]) => this.#group(key, nodes)),
      retried.length > 0 && h(
        "section",
        {},
        h("h2", {}, `Failed first, and were tried again (${retried.length})`),
        h(
          "ul",
          {},
          retried.slice(0, MOST_OF_ONE).map((node) => h("li", {}, this.#name(node), ` ${lastError(node)}`)),
        ),
        retried.length > MOST_OF_ONE &&
          h("p", { className: "note" }, `and ${retried.length - MOST_OF_ONE} more`),
      ),
    );
  }

  #group(key: string, nodes: readonly ReportNode[]): Child {
    const [first] = nodes as [ReportNode];
    return h(
      "section",
      {},
      h(
        "h2",
        {},
        first.name,
        nodes.length > 1 && h("span", { className: "faint" }, ` ${nodes.length} alike`),
      ),
      h("pre", { className: "error" }, first.error ?? "why is not known"),
      nodes.slice(0, MOST_OF_ONE).map((node, i) =>
        this.#one(`${key}\n${node.hash}`, node, i === 0, first.error)
      ),
      nodes.length > MOST_OF_ONE && h("p", { className: "note" }, `and ${nodes.length - MOST_OF_ONE} more`),
    );
  }

  #one(key: string, node: ReportNode, isFirst: boolean, shown?: string): Child {
    const { attempts, error, logEnd, log, stack } = node;
    const details = h("details", { open: this.#toggled.get(key) ?? isFirst });
    details.addEventListener("toggle", () => this.#toggled.set(key, details.open));
    details.append(
      h(
        "summary",
        {},
        this.#model.line(node) || node.hash.slice(0, 8),
        h(
          "span",
          { className: "faint" },
          ` ${
            [plural(attempts.length), took(node.durationMs), node.host, moment(node.at)].filter(Boolean).join(
              " · ",
            )
          }`,
        ),
      ),
      h("p", {}, this.#name(node)),
    );
    if (error !== undefined && error !== shown) details.append(h("pre", { className: "error" }, error));
    if (logEnd && logEnd.length > 0) details.append(h("pre", { className: "log" }, logEnd.join("\n")));
    else details.append(h("p", { className: "faint" }, "It printed nothing, as far as that was kept."));
    if (log !== undefined) details.append(h("p", { className: "faint" }, log));
    if (stack !== undefined) details.append(h("details", {}, h("summary", {}, "Stack"), h("pre", {}, stack)));
    return details;
  }

  #name(node: ReportNode): Child {
    return h(
      "button",
      { className: "link", onclick: () => this.#model.select(node.hash) },
      `${node.name} ${node.hash.slice(0, 8)}`,
    );
  }
}

function plural(count: number): string {
  return count === 1 ? "1 attempt" : `${count} attempts`;
}

/** Errors that differ in numbers alone are the same to people. */
function sameError(error: string): string {
  return error.replaceAll(/\d+/g, "0").slice(0, 300);
}

function lastError({ attempts }: ReportNode): string {
  return attempts.findLast(({ error }) => error !== undefined)?.error ?? "";
}
