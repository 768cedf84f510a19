import { configure, defineTask, get, RunFailedError, runSlurm, z } from "@furu/furu";

const SCENE = Deno.env.get("SCENE")!;

/** Saves what it has done, waits to be told to end, and goes on from there when it is begun again. */
const Counter = defineTask({
  name: "preempt/Counter",
  params: z.object({ id: z.string(), times: z.int() }),
  create: async ({ params, attempt, signal, checkpointDir }) => {
    const saved = `${checkpointDir}/saved`;
    const before = await Deno.readTextFile(saved).catch(() => "");
    Deno.writeTextFileSync(saved, `${before}${attempt} `);
    Deno.writeTextFileSync(`${SCENE}/run${attempt}`, `${Deno.pid}`);
    if (attempt <= params.times) {
      // A waiting promise alone does not keep the process alive.
      const timer = setInterval(() => {}, 1000);
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      clearInterval(timer);
      signal.throwIfAborted();
    }
    return before;
  },
});

/** Runs one in the partition of the first argument; the second says after which attempt it goes through. */
if (import.meta.main) {
  const [partition = "", times = "1", maxPreemptRetries = "5"] = Deno.args;
  configure({ pollIntervalSec: 0.2, maxPreemptRetries: Number(maxPreemptRetries) });
  const root = Counter({ id: partition, times: Number(times) });
  try {
    const summary = await runSlurm([root], {
      mode: "dag",
      specs: { default: { partition, timeMin: 60, cpus: 4 } },
      squeueIntervalSec: 0.5,
      progress: "plain",
    });
    console.log(JSON.stringify({ summary, value: await get(root) }));
  } catch (error) {
    if (!(error instanceof RunFailedError)) throw error;
    console.log(JSON.stringify({ summary: error.summary, message: error.message }));
  }
}
