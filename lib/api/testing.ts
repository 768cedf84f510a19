/**
 * For the tests of a pipeline: a store of their own, runs inside the process of the test, and a proof that a
 * change of code keeps the hashes under which results are stored.
 *
 * @example
 * ```ts
 * import { defineTask, get, z } from "@furu/furu";
 * import { goldenIdentities, runInline, withStore } from "@furu/furu/testing";
 *
 * const Double = defineTask({
 *   name: "docs/TestedDouble",
 *   params: z.object({ n: z.number() }),
 *   create: ({ params }) => 2 * params.n,
 * });
 *
 * // As in: Deno.test("it doubles", doubles);
 * const doubles = () =>
 *   withStore(async () => {
 *     await runInline(Double({ n: 2 }));
 *     console.assert(await get(Double({ n: 2 })) === 4);
 *   });
 * const keepsResults = async () => {
 *   await goldenIdentities(new URL("golden.json", import.meta.url), [Double({ n: 2 })]);
 * };
 * await doubles();
 * ```
 *
 * @module
 */
import "./require_deno.ts";
export { type GoldenArtifacts, goldenIdentities, type GoldenOptions } from "../testing/golden.ts";
export { runInline, type RunInlineOptions } from "../testing/run_inline.ts";
export { type TestStore, withStore } from "../testing/with_store.ts";
