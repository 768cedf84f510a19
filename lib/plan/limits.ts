import { ConfigError } from "../core/errors.ts";
import { artifactLabel } from "../core/hash.ts";
import { didYouMean } from "../core/nearest.ts";
import { type LimitUnits, NO_UNITS } from "../core/settings/limits.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { limitsOf } from "../task/limits.ts";

/** What takes units of limits. */
export interface LimitedArtifact {
  /** Its task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: string;
  /** The units that an attempt takes. */
  readonly limits?: LimitUnits | undefined;
}

/** Why something that takes these units could never begin: goes on from "as it". Nothing where it can. */
export function limitFault(takes: LimitUnits, limits: LimitUnits): string | undefined {
  for (const [name, units] of Object.entries(takes)) {
    const has = Object.hasOwn(limits, name) ? limits[name]! : undefined;
    if (has === undefined) {
      const known = Object.keys(limits);
      const are = known.length === 0 ? "no limit is set" : `limits that are set: ${known.join(", ")}`;
      return `takes ${units} of limit '${name}', which is not set${didYouMean(name, known)} (${are})`;
    }
    if (units > has) return `takes ${units} of limit '${name}', which has ${has}`;
  }
  return undefined;
}

/**
 * Finds what could never begin by the limits that are set.
 *
 * @returns One line for each task and kind of fault: `toy/Fetch(3f2a…) takes 1 of limit 'api', …`.
 */
export function limitFaults(nodes: Iterable<LimitedArtifact>, limits: LimitUnits): string[] {
  const faults = new Map<string, string>();
  for (const { name, hash, limits: takes } of nodes) {
    const fault = takes && limitFault(takes, limits);
    if (fault === undefined || faults.has(`${name} ${fault}`)) continue;
    faults.set(`${name} ${fault}`, `${artifactLabel(name, hash)} ${fault}`);
  }
  return [...faults.values()];
}

/**
 * Refuses what could never begin, before anything does.
 *
 * @throws {ConfigError} With all that is wrong, and where limits are set.
 */
export function checkLimits(nodes: Iterable<LimitedArtifact>, limits: LimitUnits = {}): void {
  const faults = limitFaults(nodes, limits);
  if (faults.length > 0) throw new ConfigError(limitsRefusal(faults));
}

/**
 * The units that an attempt of an artifact takes.
 *
 * @throws {ConfigError} As {@link checkLimits}.
 */
export function checkedUnits(artifact: Artifact, limits?: LimitUnits): LimitUnits {
  const takes = limitsOf(artifact);
  if (takes !== NO_UNITS) checkLimits([{ name: artifact.name, hash: artifact.hash, limits: takes }], limits);
  return takes;
}

/** The error about such faults. */
export function limitsRefusal(faults: readonly string[]): string {
  return `Cannot run what could never begin by its limits:${
    faults.map((fault) => `\n  ${fault}`).join("")
  }\n` +
    `Limits are set with 'limits' of furu.json, configure() or the run, with --limit NAME=UNITS or FURU_LIMITS`;
}
