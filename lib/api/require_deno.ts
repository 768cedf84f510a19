import { requireDeno } from "../core/system/deno_range.ts";

/**
 * What every module that a user imports begins with: where Deno is too old that is said before anything else
 * of furu fails in a way that nobody understands. That can be, as all of furu can be loaded in any Deno 2.
 *
 * Its own program says it for itself (`lib/cli`): what is a worker or a job tells its run.
 *
 * @throws {ConfigError} if Deno is too old.
 */
export function beginInDeno(): void {
  requireDeno();
}

beginInDeno();
