import { textWidth } from "./text.ts";

/** A block of lines at the bottom of a terminal that is redrawn in place; other output goes above it. */
export interface TerminalBlock {
  /** Shows these lines in place of the last ones. Nothing is written when nothing changed. */
  draw(lines: readonly string[]): void;
  /** Writes a text, with a line end, above the block. */
  print(text: string): void;
  /** Takes the block away; the cursor is where it began. */
  clear(): void;
}

/** Options of {@link terminalBlock}. */
export interface TerminalOptions {
  /** Writes to the terminal; must not throw. */
  write: (text: string) => void;
  /** Its columns now: asked again each time, since windows are resized. */
  width: () => number;
}

const CSI = "\x1b[";
const ERASE_LINE_END = `${CSI}K`;
const ERASE_BELOW = `${CSI}J`;

/**
 * Begins a block at the cursor. The cursor always rests at the start of the line below the block and is never
 * hidden, so that a process that dies in between leaves a usable terminal.
 */
export function terminalBlock(options: TerminalOptions): TerminalBlock {
  let shown: readonly string[] = [];
  let shownAt = 0;

  function toStart(): string {
    if (shown.length === 0) return "";
    // A terminal that became narrower has wrapped what was drawn: the block is now higher than its lines.
    const width = Math.max(1, options.width());
    const rows = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(textWidth(line) / width)), 0);
    return `${CSI}${rows}A\r`;
  }

  function body(lines: readonly string[]): string {
    // Line by line instead of erasing all first: the block does not flicker.
    return lines.map((line) => `${line}${ERASE_LINE_END}\n`).join("");
  }

  return {
    draw(lines) {
      const width = options.width();
      const same = width === shownAt && lines.length === shown.length &&
        lines.every((line, index) => line === shown[index]);
      if (same) return;
      options.write(`${toStart()}${body(lines)}${ERASE_BELOW}`);
      shown = [...lines];
      shownAt = width;
    },
    print(text) {
      const above = shown.length === 0 ? `${text}\n` : `${toStart()}${ERASE_BELOW}${text}\n${body(shown)}`;
      options.write(above);
      shownAt = options.width();
    },
    clear() {
      if (shown.length > 0) options.write(`${toStart()}${ERASE_BELOW}`);
      shown = [];
    },
  };
}
