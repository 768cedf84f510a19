/**
 * Stands for zod where the API is shown: `deno doc` follows `export { z } from "zod"` into zod itself, whose 2,500 pages
 * would hide ours. No program imports this.
 *
 * @module
 */

/** Schemas, as {@link https://zod.dev zod} has them: `z.object`, `z.number`, `z.infer`, `z.ZodType` and the rest. */
export declare namespace z {}
