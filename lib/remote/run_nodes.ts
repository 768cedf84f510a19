import type { Hash } from "../core/hash.ts";
import { NO_UNITS } from "../core/settings/limits.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";
import { limitsOf, priorityOf } from "../task/limits.ts";
import { specNeeds, timeLimitOf } from "../task/requirements.ts";
import { retriesOf } from "../task/retry.ts";
import { toleratedOf } from "../task/tolerated.ts";
import type { PoolNode } from "./run_record.ts";

/**
 * Every artifact that the roots reach, each once, as the record of a pool's run has them: dependencies after
 * those that need them.
 *
 * @throws {ValidationError} If a function of a task gives nothing of use: names the option.
 */
export function poolNodes(roots: Iterable<Artifact>): PoolNode[] {
  const found = new Map<Hash, Artifact>();
  for (const root of roots) found.set(root.hash, root);
  // A Map's iteration goes on over what is added meanwhile.
  for (const artifact of found.values()) {
    for (const below of artifact[ARTIFACT].dependencies) {
      if (!found.has(below.hash)) found.set(below.hash, below);
    }
  }
  return [...found.values()].map((artifact) => {
    const limits = limitsOf(artifact);
    const priority = priorityOf(artifact);
    return {
      hash: artifact.hash,
      name: artifact.name,
      ...specNeeds(artifact),
      dependencies: artifact[ARTIFACT].dependencies.map((below) => below.hash),
      ...askedOfTask(artifact),
      ...(limits === NO_UNITS ? {} : { limits }),
      ...(priority === undefined ? {} : { priority }),
    };
  });
}

/**
 * What a run elsewhere has to know of what an artifact's task asks for: there its code is not at hand.
 *
 * @throws {ValidationError} If a function of the task gives nothing of use: names the option.
 */
export function askedOfTask(
  artifact: Artifact,
): Pick<PoolNode, "timeLimitSec" | "retries" | "retryDelaySec" | "tolerates"> {
  const timeLimitSec = timeLimitOf(artifact);
  const { retryDelaySec, ...retries } = retriesOf(artifact);
  const tolerates = toleratedOf(artifact);
  return {
    ...(timeLimitSec === undefined ? {} : { timeLimitSec }),
    ...retries,
    ...(retryDelaySec === undefined ? {} : { retryDelaySec: [...retryDelaySec] }),
    ...(tolerates.size === 0 ? {} : { tolerates: [...tolerates] }),
  };
}
