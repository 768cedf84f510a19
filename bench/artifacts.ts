import { createHash } from "node:crypto";
import { defineTask, z } from "@furu/furu";
import { type Bench, count, type Row } from "./bench.ts";
import { medianMs } from "./measure.ts";

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
const schema = z.object({ size: z.int().default(1000), seed: z.int() });

/** How long it takes to make an artifact (parsed, frozen, hashed), beside parsing and hashing by hand. */
export const artifactsBench: Bench = {
  name: "artifacts",
  description: "making artifacts: parse, freeze, hash",
  async run({ quick }): Promise<Row[]> {
    const size = quick ? COUNT / 10 : COUNT;
    const each = async (make: (i: number) => unknown): Promise<number> => {
      const ms = await medianMs(() => {
        for (let i = 0; i < size; i++) make(i);
      }, { rounds: 3 });
      return ms * 1000 / size;
    };
    const unit = "µs each";
    const aim = "about 10 µs (100,000 in a second)";
    const byHand = await each((seed) => {
      const identity = JSON.stringify({ params: schema.parse({ seed }), task: "bench/Dataset" });
      return createHash("sha256").update(identity).digest("hex");
    });
    const reference = { value: byHand, unit, tool: "zod, JSON, SHA-256 by hand" };
    const data = Dataset({ seed: 1 });
    const nested = await each((lr) => Train({ data, lr, layers: [64, 32, 16], name: "mlp" }));
    const small = await each((seed) => Dataset({ seed }));
    return [
      { what: `make ${count(size)} small artifacts`, furu: { value: small, unit }, reference, aim },
      { what: "the same with one inside and an array", furu: { value: nested, unit }, aim },
    ];
  },
};
