import { specAfter, type SpecNeeds, specsOn } from "../task/ladder.ts";

/** What the record of a run says of the specs of a node. */
export interface NodeSpecs extends SpecNeeds {
  /**
   * What attempts of earlier runs had too little of, a letter each: where the first attempt begins.
   *
   * @default {""}
   */
  readonly lacked?: string;
}

/**
 * The spec of a node's next attempt.
 *
 * @param lacked What attempts of this run had too little of.
 */
export function specOfNode(node: NodeSpecs, lacked = ""): string {
  return specAfter(node, (node.lacked ?? "") + lacked);
}

/** All specs that attempts of nodes may come to in a run, sorted. */
export function specsOfNodes(nodes: readonly NodeSpecs[]): string[] {
  // Of very many nodes most need one spec only.
  const plain = new Set(nodes.flatMap(({ spec, ladder }) => ladder === undefined ? [spec] : []));
  const more = nodes.filter(({ ladder }) => ladder !== undefined).flatMap(needsFromStart).flatMap(specsOn);
  return [...plain.union(new Set(more))].sort();
}

/** What a node needs from where it begins. */
export function needsFromStart(node: NodeSpecs): SpecNeeds {
  const { ladder } = node;
  return { spec: specOfNode(node), ...(ladder === undefined ? {} : { ladder }) };
}
