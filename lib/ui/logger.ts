import { errorText } from "../core/errors.ts";
import { style } from "./style.ts";
import { oneLine } from "./text.ts";

/** The importance of a message. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Writes what happens in furu itself, for people. */
export interface Logger {
  /** For finding faults. */
  debug(message: string, fields?: Record<string, unknown>): void;
  /** About what happens. */
  info(message: string, fields?: Record<string, unknown>): void;
  /** About what may be wrong. */
  warn(message: string, fields?: Record<string, unknown>): void;
  /** About what is wrong. */
  error(message: string, fields?: Record<string, unknown>): void;
}

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /**
   * Messages below it are dropped.
   *
   * @default {"info"}
   */
  level?: LogLevel;
  /** Takes a line, without a line end. */
  write: (line: string) => void;
  /** Milliseconds since 1970. */
  now: () => number;
  /**
   * Use colours.
   *
   * @default {false}
   */
  color?: boolean;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** A logger whose lines are `12:03:04 info  message key=value`, in local time. */
export function createLogger(options: LoggerOptions): Logger {
  const { level = "info", write, now, color = false } = options;
  const paint = style(color);
  const tint: Record<LogLevel, (text: string) => string> = {
    debug: paint.faint,
    info: paint.active,
    warn: paint.warn,
    error: paint.bad,
  };
  const method = (own: LogLevel) => (message: string, fields: Record<string, unknown> = {}): void => {
    if (LEVELS.indexOf(own) < LEVELS.indexOf(level)) return;
    const parts = [paint.faint(timeOfDay(now())), tint[own](own.padEnd(5)), oneLine(message)];
    for (const [key, value] of Object.entries(fields)) {
      if (value !== undefined) parts.push(`${key}=${fieldText(value)}`);
    }
    write(parts.join(" "));
  };
  return { debug: method("debug"), info: method("info"), warn: method("warn"), error: method("error") };
}

function timeOfDay(ms: number): string {
  const date = new Date(ms);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => `${n}`.padStart(2, "0")).join(
    ":",
  );
}

/** A value as one word: text with spaces or quotes is quoted. */
function fieldText(value: unknown): string {
  const text = typeof value === "string"
    ? value
    : value instanceof Error
    ? errorText(value)
    : Deno.inspect(value, { depth: 4, breakLength: Infinity, compact: true });
  if (typeof value !== "string" && !(value instanceof Error)) return oneLine(text);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}
