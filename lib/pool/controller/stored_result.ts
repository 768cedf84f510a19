import { findForSure } from "../../run/result.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import type { ControllerContext } from "./context.ts";

/** A result that counts. */
export interface StoredResult {
  /** Id of the attempt that it is of. */
  readonly id: string;
  /** Did this run compute it? */
  readonly computed: boolean;
  /** Where it comes from, as its record says. */
  readonly provenance: Readonly<Record<string, unknown>>;
}

/**
 * Is there a result of an artifact that counts for the run? What is missing was looked for twice,
 * so that a host's stale memory of the name does not count.
 *
 * @throws {StoreError} when the record is damaged or cannot be read; the signal's reason when the controller ends.
 */
export async function storedResult(
  { runtime, run, forced, closing }: Pick<ControllerContext, "runtime" | "run" | "forced" | "closing">,
  artifact: Artifact,
): Promise<StoredResult | undefined> {
  const found = await findForSure(runtime, artifact, {
    value: false,
    signal: closing,
    ...(forced?.has(artifact) ? { replaceDamaged: true } : {}),
  });
  if (found.state !== "valid") return undefined;
  const { id, run: by, provenance } = found.result.record;
  const computed = by === run.runId;
  return computed || !forced?.has(artifact) ? { id, computed, provenance } : undefined;
}
