import type { Runtime } from "../run/runtime.ts";
import type { SnapshotRef } from "../snapshot/manifest.ts";
import { lockedVersions } from "../snapshot/locked_versions.ts";
import { takeSnapshot } from "../snapshot/take_snapshot.ts";
import { taskModules } from "../snapshot/task_modules.ts";
import type { Artifact } from "../task/artifact.ts";
import type { RunSlurmOptions } from "./run_slurm_options.ts";

/** What `run.json` says of the code. */
export interface KeptCode {
  /** The snapshot of it. */
  code?: SnapshotRef;
  /** Without one: the versions of its packages. */
  lock?: Record<string, string>;
}

/**
 * Keeps the code of a run that is about to begin or, where that is not wanted, what tells that it was changed.
 *
 * @throws {FuruError} when it cannot be found out what the code is; {@link StoreError} when the store cannot be written.
 */
export async function keepCode(
  { store, logger }: Runtime,
  artifacts: Iterable<Artifact>,
  { options: { snapshot = true }, entry }: { options: RunSlurmOptions; entry: string },
): Promise<KeptCode> {
  const code = snapshot
    ? await takeSnapshot(store, {
      entry,
      modules: taskModules(artifacts),
      onWarning: (text) => logger.warn(text),
    })
    : undefined;
  if (code !== undefined) return { code };
  const lock = lockedVersions(entry);
  return lock === undefined ? {} : { lock };
}
