import { ConfigError, SlurmError } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import { didYouMean } from "../../core/nearest.ts";
import type { NodeSpecs } from "../../remote/node_specs.ts";
import type { SlurmClient } from "../client/client.ts";
import type { Partition } from "../client/parse_config.ts";
import type { ParsedSpec } from "../client/spec.ts";
import { checkPartitions, type LimitedNode, neededSpecs } from "./check_specs.ts";

/** The part of a run's record that says where its jobs go. */
export interface ClustersOfRun {
  /** The cluster of the run: jobs go there whose spec names none. */
  readonly cluster?: string | undefined;
  /** Its specs, checked. */
  readonly specs: Readonly<Record<string, unknown>>;
}

/** The cluster that the jobs of a spec are sent to; `undefined` while Slurm has not told its name. */
export function clusterOfSpec({ cluster, specs }: ClustersOfRun, spec: string): string | undefined {
  const own = Object.hasOwn(specs, spec) ? (specs[spec] as Partial<ParsedSpec>).cluster : undefined;
  return own ?? cluster;
}

/** The clusters that a run sends jobs to, as far as they are known. */
export function clustersOfRun(run: ClustersOfRun): Set<string> {
  const all = [run.cluster, ...Object.keys(run.specs).map((spec) => clusterOfSpec(run, spec))];
  return new Set(all.filter((name) => name !== undefined));
}

/**
 * The name of a node within a run, as other clusters have nodes of the same names: Slurm's own on the run's
 * cluster, on another one `cpu1@east`.
 */
export function nodeName(
  node: string,
  cluster: string | undefined,
  run: Pick<ClustersOfRun, "cluster">,
): string {
  const isElsewhere = cluster !== undefined && run.cluster !== undefined && cluster !== run.cluster;
  return isElsewhere ? `${node}@${cluster}` : node;
}

/**
 * Those nodes that are on the cluster of a spec, by Slurm's names: sbatch refuses a job that is to keep off a
 * node which the cluster does not have.
 */
export function nodesForSpec(names: readonly string[], run: ClustersOfRun, spec: string): string[] {
  const there = clusterOfSpec(run, spec);
  return names.flatMap((name) => {
    const [node = "", cluster = run.cluster] = name.split("@");
    return cluster === there ? [node] : [];
  });
}

/** Where the jobs of a run go: as sbatch's answers tell, a site may send them elsewhere. */
export class JobPlaces {
  readonly #run: ClustersOfRun;
  /** By the cluster that jobs were sent to. */
  readonly #went = new Map<string | undefined, string>();

  /** Nothing has been submitted yet. */
  constructor(run: ClustersOfRun) {
    this.#run = run;
  }

  /** The cluster that the job of a node goes to, as far as that is known. */
  of({ spec }: Pick<PlacedNode, "spec">): string | undefined {
    const sent = clusterOfSpec(this.#run, spec);
    return this.#went.get(sent) ?? sent;
  }

  /** Takes where the job of a node has gone; as far as that is known without, where sbatch does not tell. */
  went(node: Pick<PlacedNode, "spec">, cluster = this.of(node)): string | undefined {
    if (cluster !== undefined) this.#went.set(clusterOfSpec(this.#run, node.spec), cluster);
    return cluster;
  }
}

/** A node of a run in DAG mode, as far as its cluster matters. */
export interface PlacedNode {
  /** The artifact. */
  readonly hash: string;
  /** Its task's name. */
  readonly name: string;
  /** The spec of its job. */
  readonly spec: string;
  /** What its job waits for: nodes of the run. */
  readonly dependencies: readonly string[];
}

/** So many pairs are named. */
const MOST_SHOWN = 5;

/**
 * Refuses jobs that would have to wait for jobs of another cluster. No job can: Slurm takes an id that it
 * does not know for one that it has forgotten, and begins at once.
 *
 * @throws {ConfigError} With the nodes, one pair for each two tasks.
 */
export function checkOneCluster(nodes: readonly PlacedNode[], run: ClustersOfRun): void {
  const byHash = new Map(nodes.map((node) => [node.hash, node]));
  const faults = new Map<string, string>();
  for (const node of nodes) {
    const above = clusterOfSpec(run, node.spec);
    for (const hash of node.dependencies) {
      const below = byHash.get(hash);
      const there = below && clusterOfSpec(run, below.spec);
      const key = `${node.name} ${below?.name}`;
      if (!below || there === above || faults.has(key)) continue;
      faults.set(
        key,
        `${artifactLabel(node.name, node.hash)} (spec '${node.spec}', cluster ${above}) needs ` +
          `${artifactLabel(below.name, below.hash)} (spec '${below.spec}', cluster ${there})`,
      );
    }
  }
  if (faults.size === 0) return;
  const shown = [...faults.values()].slice(0, MOST_SHOWN);
  const rest = faults.size - shown.length;
  throw new ConfigError(
    `Cannot run in mode "dag" as a job cannot wait for a job of another cluster: use mode "pool", whose ` +
      `workers may be on several, or specs of one cluster:${shown.map((text) => `\n  ${text}`).join("")}${
        rest > 0 ? `\n  and ${rest} more` : ""
      }`,
  );
}

/**
 * The specs that nodes need, checked against these nodes and against what their clusters have.
 *
 * @throws {ConfigError} With all that is wrong.
 * @throws {SlurmError} If Slurm does not answer.
 */
export async function clusterSpecs(
  specs: unknown,
  nodes: readonly (NodeSpecs & Pick<LimitedNode, "name">)[],
  partitionsOf: PartitionsOf,
): Promise<Record<string, ParsedSpec>> {
  const used = neededSpecs(specs, nodes);
  const faults = await checkClusters(used, partitionsOf);
  if (faults.length === 0) return used;
  throw new ConfigError(
    `Cannot use Slurm specs as this cluster could never run their jobs:${
      faults.map((fault) => `\n  ${fault}`).join("")
    }`,
  );
}

/** Tells the partitions of a cluster that is named, or of the run's. */
export type PartitionsOf = (cluster: string | undefined) => Promise<readonly Partition[]>;

/**
 * Finds what the clusters of specs could never give, each asked for its own partitions.
 *
 * @returns One line for each thing, as {@link checkPartitions} says it.
 * @throws What `partitionsOf` throws.
 */
export async function checkClusters(
  specs: Readonly<Record<string, ParsedSpec>>,
  partitionsOf: PartitionsOf,
): Promise<string[]> {
  const groups = Map.groupBy(Object.entries(specs), ([, { cluster }]) => cluster);
  const faults = await Promise.all([...groups].map(async ([cluster, some]) => {
    const found = checkPartitions(Object.fromEntries(some), await partitionsOf(cluster));
    return cluster === undefined ? found : found.map((fault) => `${fault} (cluster '${cluster}')`);
  }));
  return faults.flat();
}

/**
 * Asks Slurm for the partitions of clusters.
 *
 * @returns A function that throws a {@link ConfigError} for a cluster that there is none of, and a
 * {@link SlurmError} for one that does not answer.
 */
export function askPartitions(client: SlurmClient, signal?: AbortSignal): PartitionsOf {
  return async (named) => {
    const asked = await client.at(named);
    const cluster = named ?? asked.named;
    try {
      return await asked.partitions(signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (cluster === undefined) throw error;
      throw unreachable(cluster, await client.clusterNames(signal), error);
    }
  };
}

function unreachable(
  cluster: string,
  names: readonly string[] | undefined,
  error: unknown,
): ConfigError | SlurmError {
  const cannot = `Cannot send jobs to cluster '${cluster}'`;
  if (names && !names.includes(cluster)) {
    return new ConfigError(
      `${cannot} as there is none: there are ${names.join(", ")}${didYouMean(cluster, names)}`,
      { cause: error },
    );
  }
  const known = names
    ? ""
    : "; other clusters are reached by Slurm's database (slurmdbd), which sacctmgr does not reach from here";
  return new SlurmError(`${cannot} as it does not answer: ${(error as Error).message}${known}`, {
    cause: error,
  });
}
