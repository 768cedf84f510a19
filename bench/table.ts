import type { Figure, Row } from "./bench.ts";

/** The rows of a benchmark as a Markdown table. */
export function benchTable(rows: readonly Row[]): string {
  return markdownTable(
    ["what", "furu", "reference", "ratio", "aim"],
    rows.map(({ what, furu, reference, aim = "" }) => [
      what,
      figureText(furu),
      reference ? `${figureText(reference)} (${reference.tool})` : "",
      reference ? (furu.value / reference.value).toPrecision(2) : "",
      aim,
    ]),
  );
}

/** A Markdown table, padded so that it can be read as it is. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const lines = cells.map((row) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`);
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

/** A figure with three digits that count. */
function figureText({ value, unit, over }: Figure): string {
  const text = value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
  return `${text} ${unit}${over === undefined ? "" : `, ${over}`}`;
}
