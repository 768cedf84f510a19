import { snapshotUrl } from "../snapshot/layout.ts";
import type { SnapshotRef } from "../snapshot/manifest.ts";
import { workerCommand } from "../worker/command.ts";

/** The run that a command is for. */
export interface CommandRun {
  /** URL of the module that it was started with. */
  entry: string;
  /** The snapshot of its code: the configuration that holds is in it, too. */
  code?: SnapshotRef;
  /** The resolved configuration. */
  config: { root: string };
}

/** The command of a job in DAG mode: as a computing process is started, with another hidden command. */
export function jobCommand(of: CommandRun, flags: { run: string; hash: string; name: string }): string[] {
  const { run, hash, name } = flags;
  return [...hiddenCommand(of, "job"), "--run", run, "--hash", hash, "--name", name];
}

/** The command of a worker of a pool: as one would start it by hand, with the key of its launcher. */
export function poolWorkerCommand(
  of: CommandRun,
  flags: { run: string; spec: string; job: string },
): string[] {
  const { run, spec, job } = flags;
  return [...hiddenCommand(of, "worker"), "--run", run, "--spec", spec, "--job", job];
}

function hiddenCommand({ entry, code, config }: CommandRun, name: string): string[] {
  return [...workerCommand({ module: snapshotUrl(config.root, code, entry) }).slice(0, -1), name];
}
