import { workerCommand } from "../worker/command.ts";

/** The command of a job in DAG mode: as a computing process is started, with another hidden command. */
export function jobCommand(entry: string, flags: { run: string; hash: string; name: string }): string[] {
  const { run, hash, name } = flags;
  return [
    ...workerCommand({ module: entry }).slice(0, -1),
    "job",
    "--run",
    run,
    "--hash",
    hash,
    "--name",
    name,
  ];
}
