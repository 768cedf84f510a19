import type { RunView } from "../../status/run_views.ts";
import { artifactLabel } from "../../core/hash.ts";
import { formatDuration } from "../../ui/duration.ts";
import { style } from "../../ui/style.ts";
import { table } from "../../ui/table.ts";
import { localTime, oneLine, plural, truncate } from "../../ui/text.ts";
import type { ListOptions } from "./list_text.ts";

/** So many attempts, and failures, are shown. */
const SHOWN = 20;

const MOOD = {
  running: "active",
  submitted: "active",
  done: "good",
  failed: "bad",
  died: "bad",
  silent: "bad",
  interrupted: "strong",
} as const;

/**
 * Runs, a line each.
 *
 * @param now Milliseconds since 1970.
 */
export function runsText(runs: readonly RunView[], now: number, options: ListOptions): string {
  const rows = runs.map((run) => [
    run.runId,
    run.state,
    localTime(run.createdAt),
    formatDuration(tookMs(run, now)),
    `${doneOf(run)}/${run.counts.nodes}`,
    `${run.counts.failed}`,
    truncate(rootsLine(run), 40),
  ]);
  const head = ["RUN", "STATE", "BEGAN", "TOOK", "DONE", "FAILED", "ROOTS"];
  const [first = "", ...lines] = table(rows, { head, right: [3, 4, 5], width: options.width });
  return [style(options.color).strong(first), ...lines, ""].join("\n");
}

/**
 * All about a run.
 *
 * @param now Milliseconds since 1970.
 */
export function runText(run: RunView, now: number, options: ListOptions): string {
  const paint = style(options.color);
  const { runId, state, mode, counts, createdAt, host, pid, user, leftMs, ended, tasks } = run;
  const word = paint[MOOD[state]](state);
  const since = ended === undefined ? "" : `, ended ${localTime(ended.at)}`;
  const left = leftMs === undefined || state !== "running" ? "" : `, about ${formatDuration(leftMs)} left`;
  const by = `${user === undefined ? "" : `${user}@`}${host} (pid ${pid})`;
  const places = Object.entries(run.clusters ?? {});
  const parts = [
    `${counts.computed} computed`,
    `${counts.cached} stored before`,
    ...(counts.elsewhere > 0 ? [`${counts.elsewhere} computed elsewhere`] : []),
    ...(counts.running > 0 ? [`${counts.running} running`] : []),
    ...(counts.waiting > 0 ? [`${counts.waiting} ${ended ? "not run" : "waiting"}`] : []),
    `${counts.failed} failed`,
  ];
  const rows: string[][] = [
    ["run", `${runId} (${mode})`],
    ["state", `${word}${stateNote(run)}`],
    ["began", `${localTime(createdAt)}${since}, ${formatDuration(tookMs(run, now))}${left}`],
    ["by", by],
    // One cluster is no news.
    ...(places.length > 1
      ? [["on", places.map(([name, of]) => `${name} (${of.join(", ")})`).join("; ")]]
      : []),
    ...(run.entry === undefined ? [] : [["module", run.entry]]),
    ["roots", rootsLine(run)],
    ["nodes", `${counts.nodes}: ${parts.join(", ")}`],
    ...(run.limits ?? []).map((limit, i) => [i === 0 ? "limits" : "", limitText(limit)]),
  ];
  const width = 8;
  const lines = rows.map(([name = "", text = ""]) => name.padEnd(width) + text);
  if (tasks.length > 0) {
    const head = ["TASK", "NODES", "DONE", "RUNNING", "FAILED"];
    const counted = tasks.map((task) => [
      task.name,
      `${task.nodes}`,
      `${task.done}`,
      `${task.running}`,
      `${task.failed}`,
    ]);
    lines.push("", ...table(counted, { head, right: [1, 2, 3, 4], width: options.width }));
  }
  lines.push(...runningLines(run, now, options), ...failureLines(run));
  return `${lines.join("\n")}\n`;
}

/** `license: 3 of 3 taken, 24 artifacts wait for it`. */
function limitText({ name, units, used, waiting }: NonNullable<RunView["limits"]>[number]): string {
  const wait = `${plural(waiting, "artifact")} ${waiting === 1 ? "waits" : "wait"} for it`;
  return `${name}: ${used} of ${units} taken${waiting === 0 ? "" : `, ${wait}`}`;
}

function runningLines(
  { running, watched, state, mode }: RunView,
  now: number,
  { width }: ListOptions,
): string[] {
  const mayRun = state === "running" || mode === "pool" && (state === "submitted" || state === "silent");
  if (!mayRun || running.length + watched.length === 0) return [];
  const rows = running.slice(0, SHOWN).map((task) => [
    artifactLabel(task.name, task.hash),
    task.attempt === 1 ? "" : `attempt ${task.attempt}`,
    formatDuration(Math.max(0, now - task.since)),
    task.fraction === undefined ? "" : `${Math.round(task.fraction * 100)}%`,
    [task.params ?? "", oneLine(task.message ?? "")].filter((text) => text !== "").join(" · "),
    task.worker ?? "",
  ]);
  const others = watched.slice(0, SHOWN).map((task) => [
    artifactLabel(task.name, task.hash),
    "",
    "",
    "",
    `by ${task.owner}`,
    "",
  ]);
  const head = ["RUNNING", "", "FOR", "", "", "WORKER"];
  const rest = running.length + watched.length - rows.length - others.length;
  return [
    "",
    ...table([...rows, ...others], { head, right: [2, 3], width }),
    ...(rest > 0 ? [`… and ${rest} more`] : []),
  ];
}

function failureLines({ failures }: RunView): string[] {
  if (failures.length === 0) return [];
  const shown = failures.slice(-SHOWN);
  const lines = shown.flatMap(({ name, hash, params, error, log }) => [
    `${artifactLabel(name, hash)}  ${truncate(oneLine(params), 120)}`,
    `  ${truncate(oneLine(error), 300)}`,
    ...(log === undefined ? [] : [`  log: ${log}`]),
  ]);
  return [
    "",
    shown.length === failures.length ? "failures:" : `the last ${shown.length} failures:`,
    ...lines,
  ];
}

function stateNote({ state, at }: RunView): string {
  switch (state) {
    case "died":
      return `: its process is gone without a word; the last one was of ${localTime(at)}. Run it again`;
    case "silent":
      return `: nothing was heard of it since ${localTime(at)}`;
    case "submitted":
      return ": nobody follows it at the moment; 'furu follow' does, and knows what Slurm says";
    default:
      return "";
  }
}

function tookMs({ ended, createdAt, at, state }: RunView, now: number): number {
  if (ended) return ended.durationMs;
  return Math.max(0, (state === "died" ? Date.parse(at) : now) - Date.parse(createdAt));
}

function doneOf({ counts }: RunView): number {
  return counts.cached + counts.computed + counts.elsewhere;
}

/** `24 x houses/Train`, `toy/Eval(4f0c12ab)`. */
function rootsLine({ roots }: RunView): string {
  const groups = [...Map.groupBy(roots, ({ name }) => name)];
  const texts = groups.map(([name, group]) =>
    group.length === 1 ? artifactLabel(name, group[0]!.hash) : `${group.length} x ${name}`
  );
  return texts.length <= 3
    ? texts.join(", ")
    : `${texts.slice(0, 3).join(", ")}, ${plural(texts.length - 3, "more task")}`;
}
