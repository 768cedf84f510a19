import { join } from "@std/path/posix/join";
import { CONFIG_FILES, isRegularFile } from "../core/paths.ts";
import type { DoctorFinding, FoundSetting } from "./machine/finding.ts";

/** Of several values the largest counts: the longest delay. */
const LARGEST = ["leaseSec", "slurm.squeueIntervalSec"];

/** What `furu.json` should say, by all that was found: one value for each setting. */
export function neededSettings(findings: readonly DoctorFinding[]): FoundSetting[] {
  const settings = new Map<string, FoundSetting>();
  for (const setting of findings.flatMap((finding) => finding.settings ?? [])) {
    const name = setting.path.join(".");
    const before = settings.get(name);
    const isLarger = before !== undefined && Number(setting.value) > Number(before.value);
    if (before === undefined || isLarger && LARGEST.includes(name)) settings.set(name, setting);
  }
  return [...settings.values()];
}

/** Settings as `furu.json` has them, without what else is there. */
export function settingsJson(settings: readonly FoundSetting[]): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const { path, value } of settings) {
    let at = json;
    for (const name of path.slice(0, -1)) at = (at[name] ??= {}) as Record<string, unknown>;
    at[path.at(-1)!] = value;
  }
  return json;
}

/** The configuration of a project that settings go into: the one that is there, or the one to be made. */
export function settingsFile(project: string): string {
  const paths = CONFIG_FILES.map((name) => join(project, name));
  return paths.find(isRegularFile) ?? paths[0]!;
}
