import type { EventSink, RunEvent } from "../core/event.ts";
import { eventText, startText, timesText } from "./event_text.ts";
import { countsText, percentDone, renderProgress } from "./render_progress.ts";
import { initialProgress, pace, type ProgressState, reduceProgress } from "./progress.ts";
import { type TerminalBlock, terminalBlock } from "./terminal.ts";

/**
 * The way in which a run shows itself: `auto` is a block redrawn in place on a terminal, else `plain` lines;
 * `quiet` tells only of failures; `json` writes each event as one line of JSON.
 */
export type ReporterMode = "auto" | "plain" | "quiet" | "json";

/**
 * Options of {@link createReporter}. They hold all of its surroundings, so that tests need no terminal.
 */
export interface ReporterOptions {
  /** The way in which the run shows itself. */
  mode: ReporterMode;
  /** Whether `write` reaches a terminal. */
  isTerminal: boolean;
  /**
   * What redraws a block in place where that is no terminal.
   *
   * @default {nothing, or the terminal}
   */
  block?: TerminalBlock | undefined;
  /** Use colours. */
  color: boolean;
  /** Writes text: to stderr, for `json` to stdout. An error of it ends all reporting, never the run. */
  write: (text: string) => void;
  /**
   * The terminal's columns now.
   *
   * @default {80}
   */
  width?: () => number;
  /**
   * The terminal's lines now.
   *
   * @default {24}
   */
  height?: () => number;
  /** Milliseconds since 1970, by the clock that the events' `at` come from. */
  now: () => number;
  /**
   * Looks after a block from now on: what others write to the terminal goes above it. Nothing where the
   * terminal has another block already.
   *
   * @default {nobody else writes}
   */
  guard?: (block: GuardedBlock) => Guard | undefined;
  /** Calls a function every so many milliseconds until the returned one is called; keeps no process alive. */
  every: (ms: number, call: () => void) => () => void;
}

/** Looks after a block. */
export interface Guard {
  /** The block was drawn. */
  drawn(): void;
  /** Ends it. */
  release(): void;
}

/** A block that others may write above. */
export interface GuardedBlock {
  /** Takes the block away: somebody is about to write. */
  hide(): void;
  /**
   * Something was written.
   *
   * @param endsLine Whether it ended with a line end; `undefined` for nothing at all.
   */
  written(endsLine: boolean | undefined): void;
}

/** Shows a run. */
export interface Reporter {
  /** Takes the run's events. */
  sink: EventSink;
  /** Writes a line that belongs to no event, above the block where there is one; in `json` mode nothing. */
  print(line: string): void;
  /** Ends the display; harmless when ended. The end of the run does it too. */
  close(): void;
}

/** One way to show a run. */
interface View {
  event(event: RunEvent, state: ProgressState): void;
  tick(state: ProgressState): void;
  print(line: string): void;
  close(): void;
}

const REDRAW_MS = 100;
/** The block comes back at once, but a script that prints a thousand lines is not slowed down by it. */
const COME_BACK_MS = 50;
/** A line that has no end after this time is ended, so that the block can be seen again. */
const UNENDED_MS = 1000;
const PLAIN_TICK_MS = 1000;
const PLAIN_LINE_MS = 5000;
const PLAIN_STILL_MS = 60_000;

/** Begins to show a run; nothing is written before the first event. */
export function createReporter(options: ReporterOptions): Reporter {
  let closed = false;
  let state = initialProgress;
  let stopTimer: (() => void) | undefined;
  const stop = (): void => {
    stopTimer?.();
    stopTimer = undefined;
  };
  const write = (text: string): void => {
    if (closed) return;
    try {
      options.write(text);
    } catch {
      // Nobody reads any more (a closed pipe, a terminal that is gone): the run matters more than its
      // display.
      closed = true;
      stop();
      view.close();
    }
  };
  const view = makeView({ ...options, write });

  function close(): void {
    stop();
    view.close();
    closed = true;
  }

  return {
    sink(event) {
      if (closed) return;
      state = reduceProgress(state, event);
      if (options.mode === "auto" || options.mode === "plain") {
        const ms = options.mode === "auto" && redraws(options) ? REDRAW_MS : PLAIN_TICK_MS;
        stopTimer ??= options.every(ms, () => view.tick(state));
      }
      view.event(event, state);
      if (event.type === "run_ended") close();
    },
    print: (line) => view.print(line),
    close,
  };
}

function makeView(options: ReporterOptions): View {
  switch (options.mode) {
    case "json":
      return jsonView(options);
    case "quiet":
      return quietView(options);
    case "plain":
      return plainView(options);
    case "auto":
      return redraws(options) ? blockView(options) : plainView(options);
  }
}

function redraws({ isTerminal, block }: ReporterOptions): boolean {
  return isTerminal || block !== undefined;
}

function jsonView({ write }: ReporterOptions): View {
  return {
    event: (event) => write(`${JSON.stringify(event)}\n`),
    tick() {},
    print() {},
    close() {},
  };
}

function quietView({ write, color }: ReporterOptions): View {
  return {
    event(event) {
      const text = eventText(event, { quiet: true, color });
      if (text !== undefined) write(`${text}\n`);
    },
    tick() {},
    print: (line) => write(`${line}\n`),
    close() {},
  };
}

function plainView({ write, color, now }: ReporterOptions): View {
  let lastCounts = "";
  let lastAt = 0;

  function tick(state: ProgressState): void {
    if (state.startedAt === 0 || state.ended) return;
    const time = now();
    const counts = countsText(state);
    if (time - lastAt < (counts === lastCounts ? PLAIN_STILL_MS : PLAIN_LINE_MS)) return;
    lastCounts = counts;
    lastAt = time;
    const times = timesText(time - state.startedAt, pace(state, time).leftMs);
    write(`${percentDone(state)}%: ${counts}; ${times}\n`);
  }

  return {
    event(event, state) {
      if (event.type === "run_started") {
        lastCounts = countsText(state);
        lastAt = now();
        write(`${startText(event)}\n`);
      }
      const text = eventText(event, { quiet: false, color });
      if (text !== undefined) write(`${text}\n`);
      // Timers do not fire while a task computes inside this process.
      tick(state);
    },
    tick,
    print: (line) => write(`${line}\n`),
    close() {},
  };
}

function blockView(options: ReporterOptions): View {
  const { write, color, now, width = () => 80, height = () => 24, guard } = options;
  const block = options.block ?? terminalBlock({ write, width });
  let shown: ProgressState | undefined;
  let drawnAt = 0;
  let guarding: Guard | undefined;
  /** When somebody else wrote to the terminal, if that has not ended its line. */
  let unendedAt: number | undefined;
  /** Instead of the block where the terminal has one of another run. */
  let plain: View | undefined;

  function draw(state: ProgressState): void {
    shown = state;
    if (unendedAt !== undefined && now() - unendedAt < UNENDED_MS) return;
    endLine();
    drawnAt = now();
    block.draw(renderProgress(state, { width: width(), height: height(), now: drawnAt, color }));
    guarding?.drawn();
  }

  function print(text: string): void {
    endLine();
    block.print(text);
  }

  function endLine(): void {
    if (unendedAt !== undefined) write("\n");
    unendedAt = undefined;
  }

  function begin(): void {
    drawnAt = now();
    if (guard === undefined || guarding !== undefined) return;
    guarding = guard({
      hide: () => block.clear(),
      written: (endsLine) => {
        if (endsLine !== undefined) unendedAt = endsLine ? undefined : now();
        if (shown !== undefined && now() - drawnAt >= COME_BACK_MS) draw(shown);
      },
    });
    if (guarding === undefined) plain = plainView(options);
  }

  function close(): void {
    plain?.close();
    block.clear();
    shown = undefined;
    guarding?.release();
    guarding = undefined;
  }

  return {
    event(event, state) {
      if (event.type === "run_started") begin();
      if (plain) return plain.event(event, state);
      if (event.type === "run_ended") close();
      const text = eventText(event, { quiet: false, color });
      if (text !== undefined) print(text);
      // Timers do not fire while a task computes inside this process.
      if (state.startedAt !== 0 && !state.ended && now() - drawnAt >= REDRAW_MS) draw(state);
    },
    tick(state) {
      if (plain) plain.tick(state);
      else if (state.startedAt !== 0 && !state.ended) draw(state);
    },
    print: (line) => plain ? plain.print(line) : print(line),
    close,
  };
}
