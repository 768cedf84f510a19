import { isAbsolute } from "@std/path/posix/is-absolute";
import type { Runtime } from "../../run/runtime.ts";
import type { Resolution } from "../../snapshot/manifest.ts";
import type { SnapshotRef } from "../../snapshot/places.ts";
import { lockedVersions } from "../../snapshot/locked_versions.ts";
import { takeSnapshot, taskModules } from "../../snapshot/take_snapshot.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { ownStart, type RunStart } from "../../worker/run_start.ts";
import type { RunSlurmOptions } from "./run_slurm_options.ts";

/** The fields of a run's record about its code. */
export interface RunCode {
  /** The snapshot of it. */
  code?: SnapshotRef;
  /** Without one: the versions of its packages. */
  lock?: Record<string, string>;
  /** The arguments and options of its processes. */
  start: RunStart;
}

/**
 * Takes a snapshot of the code of a run that is about to begin or, where that is not wanted, notes the
 * versions of its packages, which tell later that it was changed.
 *
 * @throws {FuruError} If the code cannot be found out.
 * @throws {StoreError} If the store cannot be written.
 */
export async function snapshotForRun(
  { store, logger, config }: Runtime,
  artifacts: Iterable<Artifact>,
  { options: { snapshot = true }, entry }: { options: RunSlurmOptions; entry: string },
): Promise<RunCode> {
  const start = ownStart(entry, (text) => logger.warn(text), config.maxHeapMb);
  const code = snapshot
    ? await takeSnapshot(store, {
      entry,
      modules: taskModules(artifacts),
      resolution: resolutionOf(start),
      onWarning: (text) => logger.warn(text),
    })
    : undefined;
  if (code !== undefined) return { code, start };
  const lock = lockedVersions(entry);
  return { start, ...(lock === undefined ? {} : { lock }) };
}

/** The options of Deno that decide how imports are resolved. */
function resolutionOf({ options, packageFolder }: RunStart): Resolution {
  const fileOf = (name: string): string | undefined => {
    const path = options.findLast((each) => each.startsWith(`--${name}=`))?.slice(name.length + 3);
    return path !== undefined && isAbsolute(path) ? path : undefined;
  };
  return {
    config: options.includes("--no-config") || packageFolder !== undefined ? null : fileOf("config"),
    packageFolder,
    importMap: fileOf("import-map"),
    options: options.filter((each) => each.startsWith("--unstable")),
  };
}
