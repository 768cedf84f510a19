import { pad, textWidth, truncate } from "./text.ts";

/** Options of {@link table}. */
export interface TableOptions {
  /** The heads of the columns. */
  head?: readonly string[];
  /**
   * Columns that stand at the right of their cells, by index.
   *
   * @default {none}
   */
  right?: readonly number[];
  /**
   * Columns that are shortened at their start, by index.
   *
   * @default {none}
   */
  keepEnd?: readonly number[];
  /**
   * Most columns of the terminal that a line may take; the widest cells are shortened.
   *
   * @default {no limit}
   */
  width?: number | undefined;
}

const GAP = "  ";
const LEAST = 4;

/** Rows as aligned lines of text, wide characters counted as wide. Missing cells are empty. */
export function table(rows: readonly (readonly string[])[], options: TableOptions = {}): string[] {
  const all = options.head ? [options.head, ...rows] : rows;
  // There may be more rows than a call can have arguments.
  const widths: number[] = [];
  for (const row of all) row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, textWidth(cell)));
  shrink(widths, options.width ?? Infinity);
  return all.map((row) =>
    widths.map((width, index) => {
      const keep = options.keepEnd?.includes(index) ? "end" : "start";
      const cell = truncate(row[index] ?? "", width, { keep });
      return pad(cell, width, options.right?.includes(index) ? "right" : "left");
    }).join(GAP).trimEnd()
  );
}

/** Takes columns from the widest, one at a time, until the table fits or nothing more can be taken. */
function shrink(widths: number[], limit: number): void {
  let total = widths.reduce((sum, width) => sum + width, GAP.length * Math.max(0, widths.length - 1));
  while (total > limit) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= LEAST) return;
    widths[widest] = (widths[widest] ?? 0) - 1;
    total--;
  }
}
