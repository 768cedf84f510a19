// How many artifacts are made (parsed, frozen, hashed) a second: `deno run -A bench/artifacts.ts`.
import { createHash } from "node:crypto";
import { z } from "zod";
import { defineTask } from "../lib/task/define.ts";

const COUNT = 100_000;

const Dataset = defineTask({
  name: "bench/Dataset",
  params: z.object({ size: z.int().default(1000), seed: z.int() }),
  create: ({ params }) => params.seed,
});
const Train = defineTask({
  name: "bench/Train",
  params: z.object({ data: Dataset.schema, lr: z.number(), layers: z.array(z.int()), name: z.string() }),
  create: ({ params }) => params.lr,
});

/** Makes artifacts and prints how long that took, after some to warm up. */
function measure(label: string, make: (i: number) => unknown): number {
  for (let i = 0; i < COUNT / 10; i++) make(i);
  const start = performance.now();
  for (let i = 0; i < COUNT; i++) make(i);
  const ms = performance.now() - start;
  const perSecond = Math.round(COUNT / ms * 1000).toLocaleString("en");
  console.log(
    `${label.padEnd(32)} ${ms.toFixed(0).padStart(6)} ms for 100,000 ${perSecond.padStart(10)} / s`,
  );
  return ms;
}

const schema = z.object({ size: z.int().default(1000), seed: z.int() });
const byHand = measure("parse, JSON, SHA-256 by hand", (seed) => {
  const identity = JSON.stringify({ params: schema.parse({ seed }), task: "bench/Dataset" });
  return createHash("sha256").update(identity).digest("hex");
});
const small = measure("small artifact", (seed) => Dataset({ seed }));
const data = Dataset({ seed: 1 });
measure("with one inside and an array", (i) => Train({ data, lr: i, layers: [64, 32, 16], name: "mlp" }));
console.log(`a small artifact costs ${(small / byHand).toFixed(1)} x what is done by hand`);
