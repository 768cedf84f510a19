import { ConfigError } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import type { LimitedArtifact } from "../../plan/limits.ts";
import type { ParsedSpec } from "../client/spec.ts";

/** A node of a run with one job for each. */
type DagLimited = LimitedArtifact & { readonly spec: string };

/**
 * Finds what takes units of limits that nobody would count, since jobs know nothing of each other. Slurm
 * counts those for which a job asks it: licences of the name of the limit.
 *
 * @returns One line for each task and limit.
 */
export function dagLimitFaults(
  nodes: Iterable<DagLimited>,
  specs: Readonly<Record<string, Pick<ParsedSpec, "extra">>>,
): string[] {
  const faults = new Map<string, string>();
  for (const { name, hash, spec, limits = {} } of nodes) {
    for (const [limit, units] of Object.entries(limits)) {
      const key = `${name} ${limit} ${spec}`;
      if (faults.has(key) || licencesOf(specs[spec]?.extra.licenses).get(limit)! >= units) continue;
      faults.set(key, `${artifactLabel(name, hash)} takes ${units} of limit '${limit}' (spec '${spec}')`);
    }
  }
  return [...faults.values()];
}

/**
 * Refuses a run in DAG mode that could not keep to limits.
 *
 * @throws {ConfigError} With the tasks, and what to do.
 */
export function checkDagLimits(
  nodes: Iterable<DagLimited>,
  specs: Readonly<Record<string, Pick<ParsedSpec, "extra">>>,
): void {
  const faults = dagLimitFaults(nodes, specs);
  if (faults.length > 0) throw new ConfigError(dagLimitsRefusal(faults));
}

/** The error about such faults. */
export function dagLimitsRefusal(faults: readonly string[]): string {
  return `Cannot keep to limits in DAG mode, where nobody counts what jobs take:${
    faults.map((fault) => `\n  ${fault}`).join("")
  }\nUse a pool (--slurm pool, mode "pool"), or have Slurm count: licences of the name of the limit, in the spec ` +
    `as "extra": { "licenses": "NAME:UNITS" }`;
}

/** `matlab:2,ansys@server:1` as units by name; without a number one is meant. */
function licencesOf(option: unknown): Map<string, number> {
  const parts = typeof option === "string" ? option.split(/[,;|]/) : [];
  return new Map(parts.map((part) => {
    const [, name = "", , units = "1"] = /^\s*([^@:=\s]+)(@[^:=\s]+)?(?:[:=](\d+))?\s*$/.exec(part) ?? [];
    return [name, Number(units)];
  }));
}
