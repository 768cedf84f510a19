import { configure, defineTask, RunFailedError, runSlurm, z } from "@furu/furu";

/** Takes much more memory than its job has asked for, and keeps it. */
const Hungry = defineTask({
  name: "harsh/Hungry",
  params: z.object({ mb: z.int() }),
  create: async ({ params: { mb } }) => {
    const held = new Uint8Array(mb * 1024 * 1024).fill(1);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    return held.length;
  },
});

/** Prints the failures of a run of it. */
if (import.meta.main) {
  configure({ pollIntervalSec: 0.2 });
  try {
    await runSlurm([Hungry({ mb: 500 })], {
      mode: "dag",
      specs: { default: { timeMin: 5, memGb: 0.3 } },
      maxComputeRetries: 0,
      squeueIntervalSec: 0.5,
      progress: "plain",
    });
  } catch (error) {
    if (!(error instanceof RunFailedError)) throw error;
    console.log(JSON.stringify(error.summary.failures.map(({ kind, error, log }) => ({ kind, error, log }))));
  }
}
