import { SlurmError } from "../../core/errors.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";

/** Somebody computes a node where no job can wait for it. */
export function outsideError(artifact: Artifact, owner: string): SlurmError {
  return new SlurmError(
    `Cannot submit ${artifact} as it is computed outside of Slurm by ${owner}, which no job can wait for: wait until ` +
      `that has ended, or stop it, and run again`,
    { artifact: `${artifact}` },
  );
}
