import { z } from "zod";
import { StoreError } from "../core/errors.ts";
import { type Hash, isHash } from "../core/hash.ts";
import type { Machine } from "../core/system/machine.ts";
import type { QueuePaths } from "../queue/layout.ts";
import { readJson } from "../store/json_file.ts";
import { payloadPath } from "../worker/protocol/payload_files.ts";
import {
  type DagHead,
  type DagNode,
  dagNodeSchema,
  type DagRun,
  placeOf,
  readDagHead,
} from "./run_record.ts";

/** What the payload of a node in DAG mode says besides what is to be computed. */
const besides = z.object({
  node: dagNodeSchema.extend({
    /** Those of its dependencies that are nodes of the run. */
    below: z.array(z.object({
      hash: z.string().refine(isHash, "must be 32 hex digits") as unknown as z.ZodType<Hash>,
      name: z.string(),
    })),
  }),
});

/** A node of a run in DAG mode as its own job knows it: with the names of all that it depends on. */
export interface OwnNode extends DagNode {
  /** Those of its dependencies that are nodes of the run. */
  readonly below: readonly { readonly hash: Hash; readonly name: string }[];
}

/** The dependencies, among the nodes of its run, that a node cannot do without. */
export function neededOf({ dependencies, tolerates }: DagNode): readonly Hash[] {
  if (tolerates === undefined) return dependencies;
  const tolerated = new Set(tolerates);
  return dependencies.filter((hash) => !tolerated.has(hash));
}

/**
 * What the payload of each node says besides what is to be computed: as much as its job has to know, which
 * then need not read all nodes of a run.
 */
export function ownNodes({ nodes }: Pick<DagRun, "nodes">): (hash: Hash) => { node: OwnNode } | undefined {
  const byHash = new Map(nodes.map((node) => [node.hash, node]));
  return (hash) => {
    const node = byHash.get(hash);
    if (!node) return undefined;
    const below = node.dependencies.map((each) => ({ hash: each, name: byHash.get(each)!.name }));
    return { node: { ...node, below } };
  };
}

/**
 * Reads as much of a run in DAG mode as the job of one of its nodes needs, in a process that has no
 * configuration yet.
 *
 * @param machine Where the folder is.
 * @param dir The run's folder, `runs/<run id>` of a store.
 * @param hash The artifact of the job.
 * @returns No node where the run has none of that hash.
 * @throws {StoreError} Naming the file that is missing, damaged or of another mode.
 */
export async function readDagJob(
  machine: Machine,
  dir: string,
  hash: string,
): Promise<{ paths: QueuePaths; run: DagHead; node: OwnNode | undefined }> {
  const { paths, store } = placeOf(machine, dir);
  const run = await readDagHead({ store }, paths);
  const file = payloadPath(dir, hash);
  const own = await readJson(store, file, besides);
  if (own && "fault" in own) throw new StoreError(`Cannot read ${file}: ${own.fault}`, { cause: own.cause });
  return { paths, run, node: own?.value.node };
}
