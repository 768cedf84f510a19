import type { ForcedNodes } from "../plan/status.ts";
import type { Runtime } from "../run/runtime.ts";
import { readRecord } from "../store/commit.ts";
import type { DagRun } from "./dag_run.ts";

/**
 * The nodes that a run computes again although they are stored, as `run.json` names them: their names were checked when
 * it was written, and a job knows only the tasks that it needs.
 */
export function dagForced(runtime: Runtime, { force, runId }: DagRun): ForcedNodes | undefined {
  if (force.length === 0) return undefined;
  return {
    has: ({ name }) => force === "ALL" || force.includes(name),
    done: async (artifact) => (await readRecord(runtime.store, runtime.store.paths(artifact)))?.run === runId,
  };
}
