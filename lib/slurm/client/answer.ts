import type { ProgramResult } from "./program.ts";

/** Has a program of Slurm answered? Some end with 0 and print nothing when they could not. */
export function answered({ code, stderr }: ProgramResult): boolean {
  return code === 0 && !/\berror:/.test(stderr);
}

/** What a program of Slurm said of its failure. */
export function words({ code, stdout, stderr, timedOut }: ProgramResult): string {
  if (timedOut) return "it did not answer in time";
  return stderr.trim() ||
    (code === 0 ? `it printed ${JSON.stringify(stdout.slice(0, 200))}` : `exit code ${code}`);
}
