import { resolveConfig } from "../../core/config.ts";
import { watchLeadership } from "../../pool/leadership.ts";
import { systemRuntime } from "../../run/default_runtime.ts";
import { adoptableRuns, type AdoptOptions } from "./adopt_run.ts";

/** What the run would be asked for that is to take up another one. */
export type AdoptableOptions =
  & Pick<AdoptOptions, "roots" | "entry" | "nodes">
  & Partial<Pick<AdoptOptions, "force">>;

/**
 * The run that `runSlurm` over the same roots would take up, as far as one look tells; changes nothing. That a controller on
 * another machine is dead shows only after a lease.
 *
 * @returns Its id.
 */
export async function adoptableRun({ force, ...options }: AdoptableOptions): Promise<string | undefined> {
  const config = resolveConfig();
  const runtime = systemRuntime(config);
  const wanted = { ...options, force: force ?? config.alwaysRerun, detached: false, code: "any" } as const;
  for await (const { run: { runId }, paths } of adoptableRuns(runtime, wanted)) {
    const { state } = await watchLeadership(runtime, paths).look();
    if (state === "absent" || state === "dead" || state === "ended") return runId;
  }
  return undefined;
}
