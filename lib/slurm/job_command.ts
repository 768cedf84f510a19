import { workerCommand } from "../worker/command.ts";

/** The command of a job in DAG mode: as a computing process is started, with another hidden command. */
export function jobCommand(entry: string, flags: { run: string; hash: string; name: string }): string[] {
  const { run, hash, name } = flags;
  return [...hiddenCommand(entry, "job"), "--run", run, "--hash", hash, "--name", name];
}

/** The command of a worker of a pool: as one would start it by hand, with the key of its launcher. */
export function poolWorkerCommand(
  entry: string,
  flags: { run: string; spec: string; job: string },
): string[] {
  const { run, spec, job } = flags;
  return [...hiddenCommand(entry, "worker"), "--run", run, "--spec", spec, "--job", job];
}

function hiddenCommand(entry: string, name: string): string[] {
  return [...workerCommand({ module: entry }).slice(0, -1), name];
}
