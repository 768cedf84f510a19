import type { LimitUnits } from "../../core/settings/limits.ts";
import { limitFaults } from "../../plan/limits.ts";
import { plural } from "../../ui/text.ts";
import type { PlanView } from "./plan_view.ts";

/** A limit that what is to be computed takes some of. */
export interface PlannedLimit {
  /** Its name. */
  readonly name: string;
  /** The units that there are; nothing where it is not set. */
  readonly units?: number;
  /** How many artifacts that are to be computed take some. */
  readonly artifacts: number;
}

/** The limits that a plan comes upon. */
export interface PlannedLimits {
  /** Each of them, by name. */
  readonly limits: readonly PlannedLimit[];
  /** Why a run would be refused by them; empty when it would not. */
  readonly limitProblems: readonly string[];
}

/**
 * Finds the limits that what is to be computed takes some of.
 *
 * @param set The limits that a run would have.
 */
export function limitsOfPlan({ nodes }: Pick<PlanView, "nodes">, set: LimitUnits): PlannedLimits {
  const open = [...nodes.values()].filter(({ status }) => status !== "DONE");
  const counts = new Map<string, number>();
  for (const { limits = {} } of open) {
    for (const name of Object.keys(limits)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const limits = [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([name, artifacts]) => ({
    name,
    ...(Object.hasOwn(set, name) ? { units: set[name]! } : {}),
    artifacts,
  }));
  return { limits, limitProblems: limitFaults(open, set) };
}

/** The same as text below a plan; nothing where there are none. */
export function limitsText(
  { limits, limitProblems }: PlannedLimits,
  { withProblems }: { readonly withProblems: boolean },
): string {
  const lines = limits.map(({ name, units, artifacts }) =>
    `limit ${name}: ${units ?? "not set"}, taken by ${plural(artifacts, "artifact")}`
  );
  if (withProblems && limitProblems.length > 0) {
    lines.push("a run would be refused:", ...limitProblems.map((text) => `  ${text}`));
  }
  return lines.map((line) => `${line}\n`).join("");
}
