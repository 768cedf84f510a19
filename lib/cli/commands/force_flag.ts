import { type Flag, listFlag } from "../program/flag.ts";

/** `--force NAME` of commands that are about a run. */
export const forceFlag: Flag<string[]> = listFlag(
  "NAME",
  "Compute all of this task again, stored or not, or ALL; what depends on it stays (may be repeated)",
  { short: "f" },
);

/** What it means for a run: without it the configuration decides. */
export function forceOption(names: string[]): { force?: "ALL" | string[] } {
  if (names.length === 0) return {};
  return { force: names.includes("ALL") ? "ALL" : names };
}
