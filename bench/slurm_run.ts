/**
 * Computes on Slurm what the argument names (`tiny_100`, `chain_10`), as a user's script would: with one job
 * for each artifact, after `detach` without waiting for them, or after `pool` with four workers. The store and the cluster are those of the
 * environment. Prints, in milliseconds, how much processor time this process took, and the time between its
 * first and its last result.
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
  const doneAt: number[] = [];
  const common = {
    specs: { default: { timeMin: 10 } },
    progress: "quiet",
    onEvent: ({ type }: { type: string }) => void (type === "node_done" && doneAt.push(performance.now())),
  } as const;
  if (mode === "detach") await runSlurm(roots, { ...common, mode: "dag", detach: true });
  else await runSlurm(roots, mode === "pool" ? { ...common, maxWorkers: 4 } : { ...common, mode: "dag" });
  const { user, system } = cpuUsage();
  const span = doneAt.length === 0 ? 0 : doneAt.at(-1)! - doneAt[0]!;
  console.log(JSON.stringify({ cpu: (user + system) / 1000, span }));
}
