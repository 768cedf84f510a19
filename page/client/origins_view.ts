import type { ReportCell } from "../../lib/page/report_model.ts";
import { cellList } from "./details_view.ts";
import { fill, h } from "./dom.ts";
import { type Model, moment, took } from "./model.ts";

/** Where it all comes from: the run, versions, commits, hosts. */
export class OriginsView {
  readonly element = h("div", { className: "scroll pad" });
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
    model.onChange(() => this.show());
  }

  show(): void {
    if (this.element.hidden || !this.element.isConnected) return;
    const { head, nodes } = this.#model;
    const { run } = head;
    const counts = new Map<number, number>();
    for (const { origin } of nodes.values()) {
      if (origin !== undefined) counts.set(origin, (counts.get(origin) ?? 0) + 1);
    }
    fill(
      this.element,
      head.notes.map((note) => h("p", { className: "note" }, note)),
      run && [
        h("h2", {}, `Run ${run.runId}`),
        known({
          state: run.state,
          where: run.mode === "local" ? "this machine" : `Slurm (${run.mode})`,
          "started by": [run.user, run.host].filter(Boolean).join(" on "),
          began: moment(run.createdAt),
          ended: moment(run.ended?.at),
          "took": took(run.ended?.durationMs),
          module: run.entry,
          commit: commitText(run),
          furu: run.versions?.furu,
          deno: run.versions?.deno,
          cluster: run.cluster,
          specs: run.specs && JSON.stringify(run.specs),
        }),
      ],
      h("h2", {}, "Where the results come from"),
      counts.size === 0 && h("p", { className: "note" }, "Nothing is stored yet."),
      [...counts].sort(([, a], [, b]) => b - a).map(([index, count]) => {
        const origin = head.origins[index];
        return origin && h(
          "section",
          { className: "origin" },
          h("h3", {}, `${count} ${count === 1 ? "result" : "results"}`),
          known({ ...origin, commit: commitText(origin), dirty: undefined }),
        );
      }),
      h("h2", {}, "This page"),
      known({ made: moment(head.at), "with furu": head.furu, store: head.store }),
    );
  }
}

function commitText(
  { commit, dirty }: { readonly commit?: unknown; readonly dirty?: unknown },
): string | undefined {
  return commit === undefined ? undefined : `${commit}${dirty === true ? ", with changes" : ""}`;
}

function known(cells: Readonly<Record<string, ReportCell | undefined>>): HTMLElement {
  return cellList(
    Object.entries(cells).flatMap(([name, cell]) => cell === undefined || cell === "" ? [] : [[name, cell]]),
  );
}
