import type { Random } from "./random.ts";

/** What Slurm's programs do on a site: probabilities from 0 to 1 for each call, unless said otherwise. */
export interface SiteMoods {
  /** squeue answers from a cache that is up to this old, in milliseconds. @default 0 */
  cacheMs: number;
  /** A program takes long, up to `longestMs`. @default 0 */
  slow: number;
  /** The longest of what takes long, in milliseconds. @default 25_000 */
  longestMs: number;
  /** A program cannot reach the controller. @default 0 */
  down: number;
  /** squeue shows a job that lives as one that has ended, in a row of its list. @default 0 */
  deadRows: number;
  /** squeue leaves out jobs that live. @default 0 */
  hidesJobs: number;
  /** Banners stand around what is printed, and warnings on stderr. @default 0 */
  noise: number;
  /** Every job gets another name than it was given. @default false */
  renames: boolean;
  /** sbatch refuses, for up to `refusalMs` from then on, all jobs of that spec. @default 0 */
  refuses: number;
  /** See `refuses`. @default 30_000 */
  refusalMs: number;
  /** How many jobs of a spec sbatch lets in at a time. @default Infinity */
  limit: number;
  /** sbatch says nothing, though it has taken the job. @default 0 */
  answerLost: number;
  /** Jobs that run are suspended for a while. @default 0 */
  suspends: number;
  /** A job is cancelled by the site before it begins. @default 0 */
  cancels: number;
  /** Jobs of an array that sbatch takes at most; 0 switches arrays off. @default 1000 */
  arraySize: number;
}

/** A site that does what it is told. */
export const PLAIN_SITE: Readonly<SiteMoods> = {
  cacheMs: 0,
  slow: 0,
  longestMs: 25_000,
  down: 0,
  deadRows: 0,
  hidesJobs: 0,
  noise: 0,
  renames: false,
  refuses: 0,
  refusalMs: 30_000,
  limit: Infinity,
  answerLost: 0,
  suspends: 0,
  cancels: 0,
  arraySize: 1000,
};

/** A usual mixture: each mood is on or off by the seed, so that each is also met alone. */
export function mixedSite(random: Random): SiteMoods {
  const on = <T>(value: T, otherwise: T): T => random.chance(0.3) ? value : otherwise;
  return {
    ...PLAIN_SITE,
    cacheMs: on(random.scale(1000, 60_000), 0),
    slow: on(random.pick([0.2, 1]), 0),
    longestMs: random.pick([3000, 25_000]),
    down: on(0.1, 0),
    deadRows: on(0.2, 0),
    hidesJobs: on(0.2, 0),
    noise: on(0.5, 0),
    renames: on(true, false),
    refuses: on(0.2, 0),
    limit: on(random.pick([1, 2, 3]), Infinity),
    answerLost: on(0.1, 0),
    suspends: on(0.3, 0),
    cancels: on(0.1, 0),
    arraySize: on(random.pick([0, 2]), 1000),
  };
}
