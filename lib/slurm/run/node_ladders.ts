import type { Hash } from "../../core/hash.ts";
import type { Plan } from "../../plan/graph.ts";
import { lackedBefore, type SpecLadder, type SpecNeeds, specsOn, type TooLittle } from "../../task/ladder.ts";
import type { NodeSpecs } from "../../remote/node_specs.ts";
import { slurmSpecSchema } from "../client/spec.ts";
import { checkClusters, type PartitionsOf } from "./spec_clusters.ts";
import { growSpecs, withGrowth, withoutSpecs } from "./grown_specs.ts";

/**
 * How specs grow. What a function gave and the cluster could never give is left out.
 *
 * @param specs The specs, unchecked.
 * @throws {SlurmError} If Slurm, who is asked only because of a function, does not answer.
 */
export async function growthOf(
  specs: unknown,
  partitionsOf: PartitionsOf,
): Promise<SpecLadder> {
  if (typeof specs !== "object" || specs === null) return {};
  const { ladder, byFunction, specs: sizes } = growSpecs(specs as Record<string, unknown>);
  if (byFunction.size === 0) return ladder;
  const never = new Set<string>();
  for (const name of byFunction) {
    const { data } = slurmSpecSchema.safeParse(sizes[name]);
    if (!data || (await checkClusters({ [name]: data }, partitionsOf)).length > 0) never.add(name);
  }
  return withoutSpecs(ladder, never);
}

/** A node, as far as its specs are concerned. */
interface SpecNode extends NodeSpecs {
  readonly hash: Hash;
}

/**
 * Nodes with all specs that they may come to, and with where they begin after what earlier runs had too
 * little of.
 *
 * @param growth How specs grow.
 */
export function withLadders<N extends SpecNode>(
  nodes: readonly N[],
  plan: Pick<Plan, "nodes">,
  growth: SpecLadder,
): N[] {
  return nodes.map((node) => {
    const needs = withGrowth(node, growth);
    if (needs.ladder === undefined) return node;
    const lacked = lackedBefore(needs, tooLittleOf(plan, node.hash));
    return { ...node, ...needs, ...(lacked === "" ? {} : { lacked }) };
  });
}

function tooLittleOf({ nodes }: Pick<Plan, "nodes">, hash: Hash): readonly TooLittle[] {
  const state = nodes.get(hash)?.state;
  return state?.status === "TODO" && state.tooLittle || [];
}

/** Limits of workers by spec, with that of a spec for each of its sizes that has none of its own. */
export function withSizes<L extends number | Readonly<Record<string, number>>>(
  maxWorkers: L,
  growth: SpecLadder,
): L | Record<string, number> {
  if (typeof maxWorkers === "number") return maxWorkers;
  const named = Object.entries(maxWorkers);
  return Object.fromEntries([
    ...named.flatMap(([spec, most]) =>
      specsOn({ spec, ladder: growth }).map((size) => [size, most] as const)
    ),
    ...named,
  ]);
}

/** What is said at the start of a run in which nothing goes on with another spec, though it could. */
export function noRaiseText(
  nodes: readonly { readonly name: string; readonly needs: SpecNeeds }[],
  why: string,
) {
  const names = [...new Set(nodes.filter(({ needs }) => needs.ladder !== undefined).map(({ name }) => name))];
  if (names.length === 0) return undefined;
  const shown = names.slice(0, 3).join(", ") + (names.length > 3 ? `, … (${names.length} tasks)` : "");
  return `${why}: an attempt of ${shown} that has too little memory or time fails, and the next run goes on with the ` +
    `next spec`;
}
