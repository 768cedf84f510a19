// The page of `furu report` and `furu serve`: `deno task page` makes lib/page/page_bundle.ts of it.
import type { Report } from "../../lib/page/report_model.ts";
import { DetailsView } from "./details_view.ts";
import { type Child, fill, h, Tip } from "./dom.ts";
import { FailuresView } from "./failures_view.ts";
import { GraphView, shareBar } from "./graph_view.ts";
import { follow, type LiveState } from "./live.ts";
import { countsLine, countsOf, Model, moment, took } from "./model.ts";
import { OriginsView } from "./origins_view.ts";
import { TableView } from "./table_view.ts";
import { TasksView } from "./tasks_view.ts";
import { TimelineView } from "./timeline_view.ts";

interface View {
  readonly element: HTMLElement;
  show(): void;
}

interface Tab {
  readonly id: string;
  readonly title: () => Child;
  readonly view: View;
}

const data = document.getElementById("report")!;
const model = new Model(JSON.parse(data.textContent ?? "") as Report);
const tip = new Tip();

const table = new TableView(model, tip);
const showTask = (task: string): void => {
  choose("results");
  table.showTask(task);
};
const tabs: readonly Tab[] = [
  { id: "graph", title: () => "Graph", view: new GraphView(model, tip, showTask) },
  { id: "timeline", title: () => "Timeline", view: new TimelineView(model, tip) },
  { id: "tasks", title: () => "Tasks", view: new TasksView(model, showTask) },
  { id: "failures", title: failuresTitle, view: new FailuresView(model) },
  { id: "results", title: () => "Results", view: table },
  { id: "origins", title: () => "Origins", view: new OriginsView(model) },
];

const summary = h("div", { className: "summary" });
const state = h("span", { className: "live", role: "status" });
const buttons = tabs.map(({ id, title }) =>
  h(
    "button",
    { role: "tab", id: `tab-${id}`, "aria-controls": `panel-${id}`, onclick: () => choose(id) },
    title(),
  )
);
const list = h("div", { className: "tabs", role: "tablist", "aria-label": "Views" }, buttons);
list.addEventListener("keydown", onTabKey);

for (const { id, view: { element } } of tabs) {
  element.id = `panel-${id}`;
  element.setAttribute("role", "tabpanel");
  element.setAttribute("aria-labelledby", `tab-${id}`);
  element.hidden = true;
}
document.body.append(
  h(
    "header",
    { className: "top" },
    h("div", { className: "head" }, h("h1", {}, model.head.title), state),
    summary,
    list,
  ),
  h("main", {}, tabs.map(({ view }) => view.element)),
  new DetailsView(model).element,
);
model.onChange(showSummary);
showSummary();
choose(tabs.find(({ id }) => `#${id}` === location.hash)?.id ?? "graph");
addEventListener("hashchange", () => {
  const tab = tabs.find(({ id }) => `#${id}` === location.hash);
  if (tab?.view.element.hidden) choose(tab.id);
});
if (data.dataset.live === "true") {
  follow(model, Number(data.dataset.version), showState);
}
document.documentElement.dataset.ready = "true";

function choose(chosen: string): void {
  tip.hide();
  tabs.forEach(({ id, view }, i) => {
    const isIt = id === chosen;
    view.element.hidden = !isIt;
    buttons[i]!.setAttribute("aria-selected", `${isIt}`);
    buttons[i]!.tabIndex = isIt ? 0 : -1;
    if (isIt) view.show();
  });
  // The token in the address of a live page stays.
  history.replaceState(null, "", `${location.search}#${chosen}`);
}

function onTabKey(event: KeyboardEvent): void {
  const at = buttons.findIndex((button) => button === document.activeElement);
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (at < 0 || step === undefined) return;
  const next = (at + step + buttons.length) % buttons.length;
  buttons[next]!.focus();
  choose(tabs[next]!.id);
  event.preventDefault();
}

function failuresTitle(): Child {
  const count = FailuresView.of(model).length;
  return ["Failures", count > 0 && h("span", { className: "count" }, `${count}`)];
}

function showSummary(): void {
  const { run, at, notes } = model.head;
  const counts = countsOf(model.nodes.values());
  const words = run && {
    running: "running",
    done: "done",
    failed: "failed",
    interrupted: "interrupted",
    died: "died",
    silent: "silent",
    submitted: "submitted",
  }[run.state];
  fill(
    summary,
    words && h("span", { className: `badge run-${run.state}` }, words),
    h("span", {}, model.nodes.size === 0 ? "no artifacts" : countsLine(counts)),
    run && h(
      "span",
      { className: "faint" },
      [
        run.ended ? `took ${took(run.ended.durationMs)}` : `began ${moment(run.createdAt)}`,
        run.leftMs !== undefined && !run.ended ? `about ${took(run.leftMs)} left` : "",
        run.counts.cached > 0 ? `${run.counts.cached} were stored before` : "",
      ].filter(Boolean).join(" · "),
    ),
    h("span", { className: "faint" }, `as of ${moment(at)}`),
    model.nodes.size > 0 && shareBar({ nodes: [...model.nodes.values()], counts }),
    notes.map((note) => h("span", { className: "note" }, note)),
  );
  fill(buttons[3]!, failuresTitle());
}

function showState(now: LiveState): void {
  const [name, text] = now === "live"
    ? ["live", "live"]
    : now === "lost"
    ? ["lost", "the connection is lost: trying again"]
    : now === "ended"
    ? ["ended", "furu serve has ended: this stays as it was"]
    : ["trouble", `cannot be read at the moment, this stays as it was: ${now.trouble}`];
  state.className = `live ${name}`;
  state.textContent = text!;
}
