import type { Artifact } from "../../task/artifact/artifact.ts";
import { shownParams } from "../../task/artifact/identity.ts";
import { differingPaths, type FlatParams, flatParams, foldedLine, paramsLine } from "../../ui/params_text.ts";

/** A node of a plan; that of a real plan knows its artifact. */
interface NodeWithParams {
  readonly hash: string;
  readonly name: string;
  readonly artifact?: Artifact;
}

/** The parameters of a plan's nodes, for people: of each task only those that differ in the plan. */
export class PlanParams {
  readonly #flat = new Map<string, FlatParams>();
  readonly #differing = new Map<string, ReadonlySet<string>>();

  /** Reads the parameters of all nodes. */
  constructor({ nodes }: { readonly nodes: ReadonlyMap<string, NodeWithParams> }) {
    const groups = new Map<string, FlatParams[]>();
    for (const node of nodes.values()) {
      const flat = flatParams(paramsOf(node) ?? {});
      this.#flat.set(node.hash, flat);
      const group = groups.get(node.name);
      if (group) group.push(flat);
      else groups.set(node.name, [flat]);
    }
    for (const [name, group] of groups) {
      if (group.length > 1) this.#differing.set(name, differingPaths(group));
    }
  }

  /** The parameters in which a node differs from others of its task; all where there is no other. */
  textOf({ name, hash }: NodeWithParams): string {
    return paramsLine(this.#flat.get(hash) ?? new Map(), this.#differing.get(name));
  }

  /** What differs among some nodes: `lr=0.001..0.1, seed=1,2,3`. */
  folded(nodes: readonly NodeWithParams[]): string {
    return foldedLine(nodes.map(({ hash }) => this.#flat.get(hash) ?? new Map()));
  }
}

/** The parameters that count for a node's identity, as canonical JSON has them. */
export function paramsOf({ artifact }: NodeWithParams): unknown {
  return artifact && shownParams(artifact);
}
