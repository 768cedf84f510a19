import type { Figure, Row } from "./bench.ts";

/** The rows as a Markdown table, padded so that it can be read as it is. */
export function markdownTable(rows: readonly Row[]): string {
  const cells = [
    ["what", "furu", "reference", "ratio", "aim"],
    ...rows.map(({ what, furu, reference, aim = "" }) => [
      what,
      figureText(furu),
      reference ? `${figureText(reference)} (${reference.tool})` : "",
      reference ? (furu.value / reference.value).toPrecision(2) : "",
      aim,
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const lines = cells.map((row) => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`);
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [lines[0], rule, ...lines.slice(1)].join("\n");
}

/** A figure with three digits that count. */
function figureText({ value, unit, over }: Figure): string {
  const text = value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
  return `${text} ${unit}${over === undefined ? "" : `, ${over}`}`;
}
