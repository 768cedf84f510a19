import {
  countLevels,
  type DoctorFinding,
  type FoundSetting,
  type Level,
} from "../../doctor/machine/finding.ts";
import { settingsJson } from "../../doctor/settings.ts";
import { style } from "../../ui/style.ts";
import { oneLine, pad, plural, textWidth, wrap } from "../../ui/text.ts";

/** How findings are shown. */
export interface FindingTextOptions {
  /** Whether in colours. */
  color: boolean;
  /** Columns of the terminal; nothing where there is none. */
  width: number | undefined;
}

const MARKS: Readonly<Record<Level, string>> = { fine: "ok", warning: "warn", wrong: "WRONG", unknown: "?" };
const MARK_WIDTH = 5;
/** Lines that nobody breaks are hard to read on a wide terminal. */
const WIDEST = 120;

/** Findings under a heading: a line for each, and below it what it means and what to do. */
export function findingsText(
  about: string,
  findings: readonly DoctorFinding[],
  options: FindingTextOptions,
): string {
  const { strong, good, bad, warn, faint } = style(options.color);
  const tint: Readonly<Record<Level, (text: string) => string>> = {
    fine: good,
    warning: warn,
    wrong: bad,
    unknown: faint,
  };
  const column = Math.max(...findings.map(({ what }) => textWidth(what)));
  const indent = " ".repeat(2 + MARK_WIDTH + 2 + column + 2);
  const room = Math.max(30, Math.min(options.width ?? Infinity, WIDEST) - indent.length);
  const lines = findings.flatMap(({ level, what, found, effect, fix }) => {
    const head = `  ${tint[level](pad(MARKS[level], MARK_WIDTH))}  ${pad(what, column)}  `;
    const isTrouble = level !== "fine";
    const parts = [
      ...wrap(oneLine(found), room),
      ...(isTrouble && effect !== undefined ? wrap(oneLine(effect), room) : []),
      ...(isTrouble && fix !== undefined ? wrap(`→ ${oneLine(fix)}`, room) : []),
    ];
    return parts.map((part, i) => i === 0 ? `${head}${part}` : `${indent}${part}`);
  });
  return `${[strong(about), ...lines].join("\n")}\n\n`;
}

/** How many findings there are of each kind. */
export function levelCountsText(findings: readonly DoctorFinding[]): string {
  const { fine, warning, wrong, unknown } = countLevels(findings);
  const parts = [
    ...(wrong > 0 ? [`${wrong} wrong`] : []),
    ...(warning > 0 ? [plural(warning, "warning")] : []),
    ...(unknown > 0 ? [`${unknown} not known`] : []),
    `${fine} fine`,
  ];
  return `${parts.join(", ")}\n`;
}

/** What should stand in `furu.json`. */
export function settingsText(settings: readonly FoundSetting[], path: string): string {
  if (settings.length === 0) return "";
  const json = JSON.stringify(settingsJson(settings), null, 2);
  return `\nfor ${path} (--write puts it there):\n${json}\n`;
}
