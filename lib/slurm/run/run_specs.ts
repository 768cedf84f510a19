import { ConfigError } from "../../core/errors.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import { checkSpecs } from "./check_specs.ts";
import type { ParsedSpec } from "../client/spec.ts";

/**
 * The specs of a run as its `run.json` has them.
 *
 * @throws {ConfigError} when they are none.
 */
export function runSpecs({ specs, runId }: Pick<PoolRun, "specs" | "runId">): Record<string, ParsedSpec> {
  // Where nothing was missing there are none.
  if (Object.keys(specs).length === 0) return {};
  try {
    return checkSpecs(specs);
  } catch (cause) {
    throw new ConfigError(`Cannot use run ${runId}: ${(cause as Error).message}`, { cause });
  }
}
