import { configure, defineTask, RunFailedError, runSlurm, z } from "@furu/furu";

/** Takes much more memory than its first job has asked for, and keeps it until it is killed or looked for. */
const Hungry = defineTask({
  name: "harsh/Hungry",
  params: z.object({ mb: z.int(), mode: z.string() }),
  spec: ["default", "big"],
  create: async ({ params: { mb } }) => {
    const held = new Uint8Array(mb * 1024 * 1024).fill(1);
    // Where there is too little, nothing but the watching of memory ends it.
    const isBig = Deno.env.get("SLURM_MEM_PER_NODE") === "1024";
    if (!isBig) await new Promise((resolve) => setTimeout(resolve, 60_000));
    return held.length;
  },
});

/** Prints the failures of a run of it, and what else it said. */
if (import.meta.main) {
  const [mode = "dag"] = Deno.args;
  configure({ pollIntervalSec: 0.2 });
  // More than the nodes have is left out.
  const big = { timeMin: 5, memGb: ({ attempt }: { attempt: number }) => 1000 ** (attempt - 1) };
  const specs = { default: { timeMin: 5, memGb: 0.3 }, big };
  const common = { maxComputeRetries: 0, squeueIntervalSec: 0.5, progress: "plain" } as const;
  try {
    const run = mode === "dag"
      ? await runSlurm([Hungry({ mb: 500, mode })], { mode: "dag", specs, ...common })
      : await runSlurm([Hungry({ mb: 500, mode })], { specs, maxWorkers: 1, idleTimeoutSec: 1, ...common });
    console.log(JSON.stringify(run));
  } catch (error) {
    if (!(error instanceof RunFailedError)) throw error;
    console.log(JSON.stringify(error.summary.failures.map(({ kind, error, log }) => ({ kind, error, log }))));
  }
}
