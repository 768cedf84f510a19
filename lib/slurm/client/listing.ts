import type { JobEntry } from "./parse.ts";

/** All jobs of this user that Slurm remembers, at one moment. */
export interface Listing {
  /** When it was asked for, on the clock's monotonic scale: a job submitted later may be missing in it. */
  at: number;
  /** The jobs. */
  jobs: readonly JobEntry[];
}
