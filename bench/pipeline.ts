/**
 * The pipelines that are measured, as a user would write them.
 *
 * @module
 */
import { type Artifact, defineTask, get, z } from "@furu/furu";

/** The least that a task can do: its result is one small file. */
export const Tiny = defineTask({
  name: "bench/Tiny",
  params: z.object({ i: z.int() }),
  create: ({ params }) => params.i,
});

/** One step of a chain: loads the step before and adds one. */
export const Step = defineTask({
  name: "bench/Step",
  params: z.object({
    get before(): z.ZodOptional<z.ZodType<Artifact<number>, Artifact<number>>> {
      return Step.schema.optional();
    },
  }),
  create: async ({ params }): Promise<number> => params.before ? await get(params.before) + 1 : 1,
});

/** So many tiny artifacts. */
export function tiny(count: number): Artifact[] {
  return Array.from({ length: count }, (_, i) => Tiny({ i }));
}

/** The last one of so many steps. */
export function chain(count: number): Artifact {
  let last = Step({});
  for (let i = 1; i < count; i++) last = Step({ before: last });
  return last;
}

// What `furu run` can be asked for: a module's exports are fixed, so each size that is measured is one.
/** One tiny artifact. */
export const tiny_1 = (): Artifact[] => tiny(1);
/** 200 tiny artifacts. */
export const tiny_200 = (): Artifact[] => tiny(200);
/** 1,000 tiny artifacts. */
export const tiny_1000 = (): Artifact[] => tiny(1000);
/** 10,000 tiny artifacts. */
export const tiny_10000 = (): Artifact[] => tiny(10_000);
/** A chain of one step. */
export const chain_1 = (): Artifact => chain(1);
/** A chain of 200 steps. */
export const chain_200 = (): Artifact => chain(200);
