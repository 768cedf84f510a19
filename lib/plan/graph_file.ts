import { z } from "zod";
import { RECORD_SCHEMA } from "../store/layout.ts";
import { readJson, writeJson } from "../store/json_file.ts";
import type { Store } from "../store/store.ts";

const graph = z.object({
  schema: z.literal(RECORD_SCHEMA),
  /** Every artifact that was looked at when the run began. */
  nodes: z.array(z.object({
    name: z.string(),
    hash: z.string(),
    /** The places in this list of those that it depends on. */
    needs: z.array(z.int().nonnegative()),
    /** Its parameters on one line, for people. */
    params: z.string().exactOptional(),
  })),
});

/** A node of a run, as those see it who look at the run from elsewhere. */
export interface GraphNode {
  /** Its task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: string;
  /** The hashes of what it depends on, among the nodes of the run. */
  readonly needs: readonly string[];
  /** Its parameters on one line, for people, where they are known. */
  readonly params?: string | undefined;
}

function graphPath(root: string, runId: string): string {
  return `${root}/runs/${runId}/graph.json`;
}

/**
 * Writes down what a run on this machine is to compute, for those who look at it. Nothing else goes by it.
 *
 * @throws {StoreError} If it cannot be written.
 */
export async function writeGraphFile(
  store: Store,
  runId: string,
  nodes: readonly GraphNode[],
): Promise<void> {
  const places = new Map(nodes.map(({ hash }, place) => [hash, place]));
  await writeJson(store, graphPath(store.root, runId), {
    schema: RECORD_SCHEMA,
    nodes: nodes.map(({ needs, ...node }) => ({
      ...node,
      needs: needs.flatMap((hash) => places.get(hash) ?? []),
    })),
  }, { sync: false });
}

/**
 * Reads what {@link writeGraphFile} wrote; nothing where a run has left no such file, or it cannot be
 * understood.
 *
 * @throws {StoreError} If the system cannot read it.
 */
export async function readGraphFile(store: Store, runId: string): Promise<GraphNode[] | undefined> {
  const parsed = await readJson(store, graphPath(store.root, runId), graph);
  if (!parsed || !("value" in parsed)) return undefined;
  const { nodes } = parsed.value;
  return nodes.map(({ needs, ...node }) => ({
    ...node,
    needs: needs.flatMap((place) => nodes[place]?.hash ?? []),
  }));
}
