/**
 * Computes on Slurm what the argument names (`tiny_100`, `chain_10`), as a user's script would: with one job for each
 * artifact, or after `pool` with four workers. The store and the cluster are those of the environment. Prints how much
 * processor time this process took, in milliseconds.
 *
 * @module
 */
import { runSlurm } from "@furu/furu";
import { cpuUsage } from "node:process";
import { chain, tiny } from "./pipeline.ts";

if (import.meta.main) {
  const [what = "", mode] = Deno.args;
  const [shape, size] = what.split("_");
  const roots = shape === "chain" ? [chain(Number(size))] : tiny(Number(size));
  const common = { specs: { default: { timeMin: 10 } }, progress: "quiet" } as const;
  await runSlurm(roots, mode === "pool" ? { ...common, maxWorkers: 4 } : { ...common, mode: "dag" });
  const { user, system } = cpuUsage();
  console.log((user + system) / 1000);
}
