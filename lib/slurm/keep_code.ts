import type { Runtime } from "../run/runtime.ts";
import type { SnapshotRef } from "../snapshot/manifest.ts";
import { takeSnapshot } from "../snapshot/take_snapshot.ts";
import { taskModules } from "../snapshot/task_modules.ts";
import type { Artifact } from "../task/artifact.ts";
import type { RunSlurmOptions } from "./run_slurm_options.ts";

/**
 * Keeps the code of a run that is about to begin.
 *
 * @returns `undefined` where that was not wanted, or there is none to keep.
 * @throws {FuruError} when it cannot be found out what the code is; {@link StoreError} when the store cannot be written.
 */
export async function keepCode(
  { store, logger }: Runtime,
  artifacts: Iterable<Artifact>,
  { options: { snapshot = true }, entry }: { options: RunSlurmOptions; entry: string },
): Promise<SnapshotRef | undefined> {
  if (!snapshot) return undefined;
  return await takeSnapshot(store, {
    entry,
    modules: taskModules(artifacts),
    onWarning: (text) => logger.warn(text),
  });
}
