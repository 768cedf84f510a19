import { artifactLabel } from "../core/hash.ts";
import { formatDuration } from "./duration.ts";
import { doneCount, pace, type ProgressState, waitingCount } from "./progress.ts";
import { style } from "./style.ts";
import { oneLine, pad, textWidth, truncate } from "./text.ts";

/** The place and the time of a progress block. */
export interface RenderOptions {
  /** Columns of the terminal. */
  width: number;
  /** Lines of the terminal. */
  height: number;
  /** Milliseconds since 1970. */
  now: number;
  /** Use colours. */
  color: boolean;
}

/** One line about a task in the block. */
interface Row {
  label: string;
  since: number;
  note: string;
}

const HEAD_LINES = 2;
const MOST_ROWS = 16;
const BAR = { least: 10, most: 40 };

/** The block of a run that goes on: a bar, the counts, and the running tasks that fit, one line each. */
export function renderProgress(state: ProgressState, options: RenderOptions): string[] {
  // The last column stays free: many terminals wrap when it is written.
  const width = Math.max(1, options.width - 1);
  const fit = Math.max(1, Math.min(MOST_ROWS, options.height - HEAD_LINES - 2));
  return [
    barLine(state, options, width),
    countsLine(state, options, width),
    ...taskLines(state, options, width, fit),
  ];
}

/** The counts in words: `12 done (8 cached), 2 running, 25 waiting, 1 failed`. */
export function countsText(state: ProgressState): string {
  return counts(state).map(([text]) => text).join(", ");
}

/**
 * The rate, as `1.2/s`, `40/min` or `12/h`, whichever says most.
 *
 * @param perSecond Nodes per second.
 */
export function rateText(perSecond: number): string {
  const [amount, unit] = perSecond >= 1
    ? [perSecond, "s"]
    : perSecond * 60 >= 1
    ? [perSecond * 60, "min"]
    : [perSecond * 3600, "h"];
  return `${amount < 10 ? amount.toFixed(1) : Math.round(amount)}/${unit}`;
}

/** The whole per cent of a run that is done; 100 only when all is. */
export function percentDone(state: ProgressState): number {
  return state.nodes === 0 ? 100 : Math.floor(100 * doneCount(state) / state.nodes);
}

function barLine(state: ProgressState, options: RenderOptions, width: number): string {
  const { perSecond, leftMs } = pace(state, options.now);
  const parts = [`${doneCount(state)}/${state.nodes}`, `${percentDone(state)}%`];
  if (perSecond > 0) parts.push(rateText(perSecond));
  if (leftMs !== undefined) parts.push(`about ${formatDuration(leftMs)} left`);
  const text = parts.join(" · ");
  const room = Math.min(BAR.most, width - textWidth(text) - 1);
  if (room < BAR.least) return truncate(text, width);
  const total = Math.max(1, state.nodes);
  const good = Math.floor(room * doneCount(state) / total);
  // A single failure among thousands is still to be seen.
  const bad = state.failed === 0
    ? 0
    : Math.min(room - good, Math.max(1, Math.round(room * state.failed / total)));
  const paint = style(options.color);
  const rest = paint.faint("░".repeat(room - good - bad));
  return `${paint.good("█".repeat(good))}${paint.bad("▓".repeat(bad))}${rest} ${text}`;
}

function countsLine(state: ProgressState, options: RenderOptions, width: number): string {
  const elapsed = formatDuration(options.now - state.startedAt);
  const plain = `${countsText(state)}, ${elapsed}`;
  if (textWidth(plain) > width) return truncate(plain, width);
  const paint = style(options.color);
  const words = counts(state).map(([text, mood]) => mood === undefined ? text : paint[mood](text));
  return [...words, paint.faint(elapsed)].join(", ");
}

function counts(state: ProgressState): [text: string, mood?: "good" | "bad" | "active" | "faint"][] {
  const cached = state.cached > 0 ? ` (${state.cached} cached)` : "";
  return [
    [`${doneCount(state)} done${cached}`, "good"],
    [`${state.running.size} running`, "active"],
    ...(state.watched.size > 0
      ? [[`${state.watched.size} running elsewhere`, "active"] as [string, "active"]]
      : []),
    [`${waitingCount(state)} waiting${limitsText(state)}`],
    state.failed > 0 ? [`${state.failed} failed`, "bad"] : ["0 failed", "faint"],
  ];
}

/** Which limits keep how many waiting: ` (24 for license)`. */
function limitsText({ limits, ended }: ProgressState): string {
  const waiting = ended ? [] : limits.filter((limit) => limit.waiting > 0);
  return waiting.length === 0
    ? ""
    : ` (${waiting.map(({ name, waiting }) => `${waiting} for ${name}`).join(", ")})`;
}

function taskLines(state: ProgressState, options: RenderOptions, width: number, fit: number): string[] {
  const total = state.running.size + state.watched.size;
  // A line that says "and one more" takes the place of that one.
  const shown = rows(state, total <= fit ? fit : fit - 1);
  const labelWidth = Math.min(
    Math.floor(width / 2),
    Math.max(0, ...shown.map((row) => textWidth(row.label))),
  );
  const paint = style(options.color);
  const lines = shown.map((row) => {
    const label = pad(truncate(row.label, labelWidth, { keep: "end" }), labelWidth);
    const time = pad(formatDuration(options.now - row.since), 7, "right");
    const line = truncate(`  ${label} ${time}  ${row.note}`, width).trimEnd();
    const plain = `  ${label} ${time}`;
    return line.startsWith(plain) ? plain + paint.faint(line.slice(plain.length)) : line;
  });
  if (total > shown.length) lines.push(truncate(`  … and ${total - shown.length} more`, width));
  return lines;
}

function rows(state: ProgressState, most: number): Row[] {
  const found: Row[] = [];
  for (const task of state.running.values()) {
    if (found.length >= most) return found;
    const percent = task.fraction === undefined ? "" : `${Math.floor(task.fraction * 100)}%`;
    const attempt = task.attempt > 1 ? `attempt ${task.attempt}` : "";
    const words = [percent, oneLine(task.message ?? ""), attempt, task.params ?? ""];
    const note = words.filter((text) => text !== "").join(" · ");
    found.push({ label: artifactLabel(task.name, task.hash), since: task.startedAt, note });
  }
  for (const node of state.watched.values()) {
    if (found.length >= most) return found;
    const note = oneLine(`computed by ${node.owner}`);
    found.push({ label: artifactLabel(node.name, node.hash), since: node.since, note });
  }
  return found;
}
