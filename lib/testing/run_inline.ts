import type { RunSummary } from "../core/event.ts";
import type { RunLocalOptions } from "../local/run_local.ts";
import type { Artifact } from "../task/artifact/artifact.ts";

/** Options of {@link runInline}: those of `runLocal` that are not about worker processes. */
export interface RunInlineOptions extends
  Pick<
    RunLocalOptions,
    "force" | "keepGoing" | "limits" | "onEvent" | "retryFailed" | "signal" | "window"
  > {
  /**
   * The most attempts at the same time. With one, a debugger meets one task after another.
   *
   * @default {1}
   */
  maxWorkers?: number | Record<string, number>;
  /**
   * The number of times that a failed computation is tried again.
   *
   * @default {0}
   */
  maxComputeRetries?: number;
  /**
   * The way in which the run shows itself on stderr, as for `runLocal`.
   *
   * @default {"none"}
   */
  progress?: NonNullable<RunLocalOptions["progress"]>;
}

/**
 * Computes everything that the roots lack inside this process, without worker processes, one task after
 * another: for tests, and for debuggers, which stop in the code of tasks. A failure is not tried again, and
 * nothing is printed.
 *
 * @param roots The artifacts that are wanted.
 * @param options Options of the run.
 * @returns How the run ended, when all roots are there.
 * @throws What `runLocal` throws.
 *
 * @example
 * ```ts
 * import { defineTask, get, z } from "@furu/furu";
 * import { runInline, withStore } from "@furu/furu/testing";
 *
 * const Numbers = defineTask({
 *   name: "docs/InlineNumbers",
 *   params: z.object({ count: z.int() }),
 *   create: ({ params }) => Array.from({ length: params.count }, (_, i) => i),
 * });
 * const Sum = defineTask({
 *   name: "docs/InlineSum",
 *   params: z.object({ of: Numbers.schema }),
 *   create: async ({ params }) => (await get(params.of)).reduce((a, b) => a + b, 0),
 * });
 * await withStore(async () => {
 *   const { computed } = await runInline(Sum({ of: Numbers({ count: 4 }) }));
 *   console.assert(computed === 2);
 * });
 * ```
 */
export async function runInline(
  roots: Artifact | Iterable<Artifact>,
  options: RunInlineOptions = {},
): Promise<RunSummary> {
  const { runRootsLocally } = await import("../local/run_local.ts");
  return await runRootsLocally(roots, {
    maxWorkers: 1,
    maxComputeRetries: 0,
    progress: "none",
    ...options,
    // A test is nobody's business.
    notify: false,
    isolation: "inline",
  });
}
