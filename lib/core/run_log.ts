import type { EventSink } from "./event.ts";

/** Says something about a run to its people. */
export interface RunLog {
  /** What happens. */
  info(text: string): void;
  /** What may be wrong. */
  warn(text: string): void;
  /** What is wrong. */
  error(text: string): void;
}

/** A log whose messages are events of the run, as progress displays, `--json` and followers show them. */
export function runLog(onEvent: EventSink, clock: { now(): number }): RunLog {
  const say = (level: "info" | "warn" | "error") => (text: string): void =>
    onEvent({ type: "message", level, text, at: clock.now() });
  return { info: say("info"), warn: say("warn"), error: say("error") };
}
