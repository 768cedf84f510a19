import { type SnapshotRef, snapshotUrl } from "../../snapshot/places.ts";
import type { ParsedSpec } from "./spec.ts";
import { furuCommand } from "../../worker/command.ts";
import { placedStart, type RunStart } from "../../worker/run_start.ts";

/** The run that a command is for. */
export interface CommandRun {
  /** URL of the module that it was started with. */
  entry: string;
  /** The snapshot of its code: the configuration that holds is in it, too. */
  code?: SnapshotRef | undefined;
  /** The resolved configuration. */
  config: { root: string };
  /** The arguments and options of the process that began it. */
  start?: RunStart | undefined;
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

/** The arguments and options of a run's computing processes, for any process that works for it. */
export function startOfRun(
  { start = { args: [], options: [] }, code }: Pick<CommandRun, "start" | "code">,
  root: string,
): RunStart {
  return placedStart(start, (url) => snapshotUrl(root, code, url));
}

/** The supervisor is started as the computing processes are, but with arguments of its own. */
function hiddenCommand({ entry, code, config, start }: CommandRun, name: string): string[] {
  const placed = startOfRun({ start, code }, config.root);
  return [...furuCommand({ module: snapshotUrl(config.root, code, entry), start: placed }), name];
}

/**
 * What the processes of a job take beside V8's heaps, in megabytes: the supervisor, and each that computes.
 */
const OUTSIDE_MB = 128;
/** A heap smaller than this is no limit to set: V8's own serves as well. */
const LEAST_HEAP_MB = 128;

/**
 * Megabytes that V8's heap may have in each process that computes in a job, so that it is full before Slurm
 * kills the job: then the attempt fails and says why.
 *
 * @param processes How many compute at the same time.
 * @returns `undefined` where the spec does not say how much memory the job has.
 */
export function heapMbOf({ memGb }: Pick<ParsedSpec, "memGb">, processes: number): number | undefined {
  // All of a node's memory is known only there.
  if (memGb === undefined || memGb === 0) return undefined;
  const each = (memGb * 1024 - OUTSIDE_MB) / processes - OUTSIDE_MB;
  // A part of what is there also has to do for stacks, buffers and what programs are started.
  const heapMb = Math.floor(0.9 * each);
  return heapMb < LEAST_HEAP_MB ? undefined : heapMb;
}
