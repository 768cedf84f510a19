import type { ProgramResult } from "./program.ts";

/**
 * What a failed sbatch means. *limit*: a limit of the site or the controller, to be waited out. *unclear*: the controller
 * may or may not have taken the job. *refused*: trying again gives the same. *missing*: so it does, as there is no sbatch.
 */
export type SubmitFailure = "limit" | "unclear" | "refused" | "missing";

/**
 * `QOSMaxSubmitJobPerUserLimit`, `AssocMaxSubmitJobLimit`, `MaxSubmitJobsPerAccount`, `AssocGrpSubmitJobsLimit`,
 * `QOSGrpSubmitJobsLimit`, MaxJobCount, a busy controller.
 */
const LIMIT =
  /(Max|Grp)SubmitJob|job submit limit|temporarily unable to accept job|Resource temporarily unavailable|too many (jobs|requests)|Rate limit/i;

/** Messages about the way to the controller. */
const UNCLEAR =
  /Unable to contact slurm controller|Socket timed out|Zero Bytes were transmitted|Connection (refused|reset|timed out)|Transport endpoint|Communication (connection )?failure|Unexpected message received|Message receive failure|Slurm backup controller in standby|Invalid authentication credential|Protocol authentication error|Munge (en|de)code failed|Incompatible versions|System call interrupted/i;

/** Messages that say what cannot be, though they mention a limit. */
const NEVER = /time limit|size and\/or time limits\)?\s*$/i;

/** Judges an sbatch that gave no job id. */
export function submitFailure({ code, stderr, timedOut }: ProgramResult): SubmitFailure {
  if (LIMIT.test(withoutPolicy(stderr))) return "limit";
  if (code === undefined && stderr.includes("there is no program")) return "missing";
  if (timedOut || code === undefined) return "unclear";
  if (UNCLEAR.test(stderr)) return "unclear";
  // It ended well but gave no id: who knows what a site's wrapper around it has done.
  return code === 0 ? "unclear" : "refused";
}

/** The general sentence after any violated policy names the submit limit as one of several: it says nothing. */
function withoutPolicy(stderr: string): string {
  return stderr.split("\n").filter((line) => !NEVER.test(line)).join("\n");
}
