import { unicodeWidth } from "@std/cli/unicode-width";
import { stripAnsiCode } from "@std/fmt/colors";

/** Nearly every text: each character is one column, and none does anything else. */
const PLAIN = /^[\x20-\x7e]*$/;

/** The number of columns that a text takes on a terminal: wide characters are two, colours none. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  return unicodeWidth(stripAnsiCode(text));
}

/**
 * A text on one line without anything that moves the cursor or changes colours, so that a task's message or
 * name cannot disturb the display. How lines of it are indented means nothing there.
 */
export function oneLine(text: string): string {
  if (PLAIN.test(text)) return text.trim();
  return stripAnsiCode(text).replace(/[\p{Cc}\p{Zl}\p{Zp}][\p{Cc}\p{Zl}\p{Zp} ]*/gu, " ").trim();
}

/**
 * The lines of a text as a terminal shows them in the end, without colours: what a carriage return writes
 * over is gone.
 */
export function plainLines(text: string): string[] {
  return stripAnsiCode(text).split(/\r*\n/).map((line) =>
    line.split("\r").findLast((part) => part.trim() !== "") ?? ""
  );
}

/** Options of {@link truncate}. */
export interface TruncateOptions {
  /**
   * The end that stays.
   *
   * @default {"start"}
   */
  keep?: "start" | "end";
}

/**
 * The text (without colours) in at most `width` columns; a shortened one has an ellipsis where it was cut.
 */
export function truncate(text: string, width: number, options: TruncateOptions = {}): string {
  if (textWidth(text) <= width) return text;
  if (width < 1) return "";
  const fromEnd = options.keep === "end";
  const characters = [...text];
  if (fromEnd) characters.reverse();
  const kept: string[] = [];
  let used = 1;
  for (const character of characters) {
    used += unicodeWidth(character);
    if (used > width) break;
    kept.push(character);
  }
  return fromEnd ? `…${kept.reverse().join("")}` : `${kept.join("")}…`;
}

/** The text filled with spaces up to `width` columns, after it or (`"right"`) before it. */
export function pad(text: string, width: number, align: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, width - textWidth(text)));
  return align === "left" ? text + space : space + text;
}

/**
 * The text in lines of at most `width` columns, broken at spaces. A word that is longer has a line of its
 * own.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && textWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** `1 artifact`, `2 artifacts`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A number of bytes for people: `1.4 MB`, in powers of 1000. */
export function bytesText(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${unit === 0 || size >= 99.5 ? Math.round(size) : size.toPrecision(2)} ${units[unit]}`;
}

/** A moment in local time, to the minute. */
export function localTime(at: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const two = (value: number): string => `${value}`.padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
