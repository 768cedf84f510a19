import type { Random } from "./random.ts";

/** What may become of a job, or of a question about jobs, in a world: probabilities from 0 to 1. */
export interface SlurmFaults {
  /** A job begins late: up to `longestMs` after it was submitted. @default 0 */
  late: number;
  /** A job is cancelled by somebody else before it begins. @default 0 */
  neverBegins: number;
  /** A job's node fails while the job is being set up: nothing of it runs. @default 0 */
  bootFails: number;
  /** A job is killed without a word (out of memory). @default 0 */
  killed: number;
  /** A job is told to leave, and killed after a grace: preempted. @default 0 */
  preempted: number;
  /** A job has little walltime: warned, then killed. @default 0 */
  walltime: number;
  /** A job's node fails: the job is dead, and so is its process. @default 0 */
  nodeFails: number;
  /** A job's node is cut off: the job is dead, and its process goes on. @default 0 */
  cutOff: number;
  /** A killed job is put back into the queue and begins again, under the same name. @default 0 */
  requeued: number;
  /** A job that runs is suspended, up to `longestMs`, and resumed: none of its processes does anything meanwhile. @default 0 */
  suspended: number;
  /** The death of a job is noticed late, up to `longestMs`. @default 0 */
  unnoticed: number;
  /** A submission fails. @default 0 */
  submitFails: number;
  /** A submission works, and its answer is lost. @default 0 */
  submitLost: number;
  /** A submission is answered for after up to a minute. @default 0 */
  slowSubmit: number;
  /** A spec's submissions are refused for up to a minute from then on. @default 0 */
  refuses: number;
  /** So few jobs of a spec may be there at a time, once. @default 0 */
  limits: number;
  /** A job is held for up to `longestMs` before it begins. @default 0 */
  held: number;
  /** Slurm says of all jobs that it does not know them. @default 0 */
  vanishes: number;
  /** A listing of the jobs fails. @default 0 */
  out: number;
  /** A listing of the jobs takes long, up to `longestMs`. @default 0 */
  hangs: number;
  /** A listing of the jobs says of each that nothing is known. @default 0 */
  unknown: number;
  /** A listing of the jobs is old, up to `staleMs`. @default 0 */
  stale: number;
  /** A cancellation fails, having worked or not. @default 0 */
  cancelFails: number;
  /** How many faults there are at most. @default 5 */
  max: number;
  /** The longest of what takes long, in milliseconds. @default 300_000 */
  longestMs: number;
  /** How old an old listing can be, in milliseconds. @default 60_000 */
  staleMs: number;
}

/** What can go wrong. */
export type SlurmFault = Exclude<keyof SlurmFaults, "max" | "longestMs" | "staleMs">;

/** A Slurm that does what it is told. */
export const NO_SLURM_FAULTS: Readonly<SlurmFaults> = {
  late: 0,
  neverBegins: 0,
  bootFails: 0,
  killed: 0,
  preempted: 0,
  walltime: 0,
  nodeFails: 0,
  cutOff: 0,
  requeued: 0,
  suspended: 0,
  unnoticed: 0,
  submitFails: 0,
  submitLost: 0,
  slowSubmit: 0,
  refuses: 0,
  limits: 0,
  held: 0,
  vanishes: 0,
  out: 0,
  hangs: 0,
  unknown: 0,
  stale: 0,
  cancelFails: 0,
  max: 5,
  longestMs: 300_000,
  staleMs: 60_000,
};

/** A usual mixture: each kind is on or off by the seed, so that each is also met alone. */
export function mixedSlurmFaults(random: Random): Partial<SlurmFaults> {
  const usual: Partial<SlurmFaults> = {
    late: 0.3,
    neverBegins: 0.1,
    bootFails: 0.1,
    killed: 0.2,
    preempted: 0.2,
    walltime: 0.2,
    nodeFails: 0.2,
    cutOff: 0.2,
    requeued: 0.5,
    unnoticed: 0.5,
    submitFails: 0.1,
    submitLost: 0.1,
    slowSubmit: 0.3,
    refuses: 0.1,
    limits: 0.1,
    held: 0.1,
    vanishes: 0.1,
    suspended: 0.2,
    out: 0.05,
    hangs: 0.03,
    unknown: 0.05,
    stale: 0.3,
    cancelFails: 0.5,
  };
  const chosen: Record<string, number> = { max: 1 + random.int(6) };
  for (const [kind, value] of Object.entries(usual)) if (random.chance(0.4)) chosen[kind] = value;
  return chosen as Partial<SlurmFaults>;
}
