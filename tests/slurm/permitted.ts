import { defineTask, get, runSlurm, z } from "@furu/furu";

/** One number, so that each mode has one of its own to compute. */
const Square = defineTask({
  name: "permitted/Square",
  params: z.object({ n: z.int() }),
  create: ({ params }) => params.n ** 2,
});

if (import.meta.main) {
  const mode = Deno.args[0] === "dag" ? "dag" : "pool";
  const root = Square({ n: mode === "dag" ? 3 : 4 });
  await runSlurm(root, {
    mode,
    specs: { default: { timeMin: 5 } },
    squeueIntervalSec: 0.5,
    progress: "none",
  });
  console.log(await get(root));
}
