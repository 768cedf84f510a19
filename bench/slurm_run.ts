/**
 * Computes on Slurm what the argument names (`tiny_100`, `chain_10`), as a user's script would. The store and the
 * cluster are those of the environment.
 *
 * @module
 */
import { runSlurm } from "@furu/furu";
import { chain, tiny } from "./pipeline.ts";

if (import.meta.main) {
  const [shape, size] = (Deno.args[0] ?? "").split("_");
  const roots = shape === "chain" ? [chain(Number(size))] : tiny(Number(size));
  await runSlurm(roots, { mode: "dag", specs: { default: { timeMin: 10 } }, progress: "quiet" });
}
