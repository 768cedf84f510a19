import { ConfigError } from "../../core/errors.ts";
import { artifactLabel, type Hash } from "../../core/hash.ts";
import { signalLeadSec } from "../client/job_options.ts";
import type { ParsedSpec } from "../client/spec.ts";

/** What is asked of a worker. */
export interface LimitedNode {
  /** The artifact. */
  readonly hash: Hash;
  /** Its task's name. */
  readonly name: string;
  /** The spec of the workers that may compute it. */
  readonly spec: string;
  /** How long an attempt may take, in seconds. */
  readonly timeLimitSec?: number;
}

/**
 * Refuses tasks that no worker could ever finish: each would put them back.
 *
 * @throws {ConfigError} with one task of each name for each spec.
 */
export function checkTimeLimits(
  nodes: readonly LimitedNode[],
  specs: Readonly<Record<string, Pick<ParsedSpec, "timeMin">>>,
): void {
  const faults = new Map<string, string>();
  for (const { name, hash, spec, timeLimitSec } of nodes) {
    const { timeMin } = specs[spec] ?? {};
    if (timeMin === undefined || timeLimitSec === undefined || faults.has(`${name} ${spec}`)) continue;
    const most = timeMin * 60 - signalLeadSec(timeMin);
    if (timeLimitSec <= most) continue;
    faults.set(
      `${name} ${spec}`,
      `${
        artifactLabel(name, hash)
      } may take ${timeLimitSec} s (timeLimit), a worker of spec '${spec}' has ${most} s ` +
        `(timeMin is ${timeMin})`,
    );
  }
  if (faults.size === 0) return;
  throw new ConfigError(
    `Cannot use Slurm specs as their workers have too little time:${
      [...faults.values()].map((fault) => `\n  ${fault}`).join("")
    }`,
  );
}
