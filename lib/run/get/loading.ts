import { ExecutionError } from "../../core/errors.ts";
import { furuGlobals } from "../../core/globals.ts";

/**
 * Refuses what would run while a worker only imports the module to find its tasks.
 *
 * @throws {ExecutionError} that says how to guard the call.
 */
export function refuseWhileLoading(call: string): void {
  const module = furuGlobals().loadingModule;
  if (typeof module !== "string") return;
  throw new ExecutionError(
    `Cannot call ${call}() while a worker imports ${module}: guard it with 'if (import.meta.main) { ... }'`,
  );
}
