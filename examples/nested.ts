/** The smallest pipeline: two tasks, one inside the other's parameters. `deno run -A examples/nested.ts` */
import { defineTask, get, z } from "@furu/furu";

export const Squares = defineTask({
  name: "nested/Squares",
  params: z.object({ count: z.int().min(0) }),
  create: ({ params, log }) => {
    log.info(`computing ${params.count} squares`); // only said once: afterwards the result is loaded
    return Array.from({ length: params.count }, (_, index) => index ** 2);
  },
});

export const Sum = defineTask({
  name: "nested/Sum",
  params: z.object({ of: Squares.schema }),
  create: async ({ params }) => {
    const squares = await get(params.of); // number[]
    return squares.reduce((sum, square) => sum + square, 0);
  },
});

const sum = Sum({ of: Squares({ count: 10 }) });
export default sum;

if (import.meta.main) console.log(`${sum} is ${await get(sum)}`);
