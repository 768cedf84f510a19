import { join } from "@std/path/posix/join";
import { environmentVariables } from "../../core/environment.ts";
import { errorText } from "../../core/errors.ts";
import type { Machine } from "../../core/system/machine.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import { newWorkerId } from "../../queue/worker_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SlurmJob } from "../../store/record.ts";
import { codeFault } from "../../remote/code_fault.ts";
import type { PoolHead } from "../../remote/run_record.ts";
import { type PreflightFailure, writePreflightFailure } from "../preflight_failure.ts";

/** The worker to be, for {@link preflight}. */
export interface PreflightOptions {
  /** Where everything of the run is. */
  readonly paths: QueuePaths;
  /** The run. */
  readonly run: Pick<PoolHead, "runId" | "versions" | "entry" | "code" | "lock">;
  /** The spec of the tasks that it takes. */
  readonly spec: string;
  /** The node that it runs on. */
  readonly node: string;
  /** The key by which its launcher knows it. */
  readonly job?: string | undefined;
  /** The Slurm job that it runs in. */
  readonly slurm?: SlurmJob | undefined;
  /**
   * The folder for temporary files.
   *
   * @default {the system's}
   */
  readonly temporaryFolder?: string | undefined;
}

/**
 * Checks that tasks can be computed here, before a worker enters the queue and takes any: its furu and its
 * locked packages are the run's, and the folder for temporary files can be written. A failure is written to
 * `workers/<id>.unfit.json` for the controller.
 *
 * @returns The failure; `undefined` when all is well.
 * @throws {StoreError} If the run's folder cannot be written.
 */
export async function preflight(
  { store, machine }: Pick<Runtime, "store" | "machine">,
  { paths, run, spec, node, job, slurm, temporaryFolder }: PreflightOptions,
): Promise<PreflightFailure | undefined> {
  const fault = versionFault(run) ?? await folderFault(machine, temporaryFolder);
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
  { files, randomId }: Pick<Machine, "files" | "randomId">,
  dir: string | undefined,
): Promise<Pick<PreflightFailure, "kind" | "error"> | undefined> {
  const file = join(dir ?? (environmentVariables().TMPDIR || "/tmp"), `furu-preflight-${randomId()}`);
  try {
    // Making a name takes no space: a full disk shows only when something is written.
    await files.write(file, "furu\n");
    await files.remove(file);
    return undefined;
  } catch (error) {
    await files.remove(file).catch(() => {/* it is not there, as a rule */});
    const where = dir === undefined ? "the system's folder for temporary files" : dir;
    return {
      kind: "node",
      error: `Cannot compute tasks here as ${where} cannot be written: ${errorText(error)}`,
    };
  }
}
