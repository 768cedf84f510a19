import { errorText } from "../../core/errors.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import { newWorkerId } from "../../queue/worker_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SlurmJob } from "../../store/record.ts";
import { codeFault } from "../../remote/code_fault.ts";
import type { PoolRun } from "../../remote/pool_run.ts";
import { type PreflightFailure, writePreflightFailure } from "../preflight_failure.ts";

/** What {@link preflight} needs to know of the worker to be. */
export interface PreflightOptions {
  /** Where everything of the run is. */
  readonly paths: QueuePaths;
  /** What the run is. */
  readonly run: Pick<PoolRun, "runId" | "versions" | "entry" | "code" | "lock">;
  /** The spec of the tasks that it takes. */
  readonly spec: string;
  /** The node that it runs on. */
  readonly node: string;
  /** The key by which its launcher knows it. */
  readonly job?: string;
  /** The Slurm job that it runs in. */
  readonly slurm?: SlurmJob;
  /** Tries out what tasks need: the folder for temporary files. @default the system's */
  readonly temporaryFolder?: string;
}

/**
 * Looks whether tasks can be computed here, before a worker enters the queue and takes any: its furu and locked packages are the run's, and there is
 * a folder for temporary files. What is wrong is written to `workers/<id>.unfit.json`, for the controller.
 *
 * @returns What is wrong; `undefined` when all is well.
 * @throws {StoreError} when the run's folder cannot be written.
 */
export async function preflight(
  { store, machine }: Pick<Runtime, "store" | "machine">,
  { paths, run, spec, node, job, slurm, temporaryFolder }: PreflightOptions,
): Promise<PreflightFailure | undefined> {
  const fault = versionFault(run) ?? await folderFault(temporaryFolder);
  if (!fault) return undefined;
  const id = newWorkerId(machine, slurm);
  const unfit = { id, spec, node, ...(job === undefined ? {} : { job }), ...fault };
  await writePreflightFailure(store, paths, unfit);
  return { schema: 1, ...unfit, at: new Date(machine.clock.now()).toISOString() };
}

function versionFault(run: PreflightOptions["run"]): Pick<PreflightFailure, "kind" | "error"> | undefined {
  const error = codeFault(run);
  return error === undefined ? undefined : { kind: "protocol", error };
}

async function folderFault(
  dir: string | undefined,
): Promise<Pick<PreflightFailure, "kind" | "error"> | undefined> {
  try {
    const file = await Deno.makeTempFile({
      prefix: "furu-preflight-",
      ...(dir === undefined ? {} : { dir }),
    });
    try {
      // Making a name takes no space: a full disk shows only here.
      await Deno.writeTextFile(file, "furu\n");
    } finally {
      await Deno.remove(file);
    }
    return undefined;
  } catch (error) {
    const where = dir === undefined ? "the system's folder for temporary files" : dir;
    return {
      kind: "node",
      error: `Cannot compute tasks here as ${where} cannot be written: ${errorText(error)}`,
    };
  }
}
