import type { Owner } from "../../core/system/machine.ts";
import type { RunRecord } from "../../remote/run_record.ts";

/**
 * Whose run it is, for a process that may want to touch it. A number of a job means something only on one
 * cluster, and its user's jobs are no business of another one: nothing is cancelled, taken up or declared
 * dead but in a run that is *ours*.
 */
export type Whose =
  /** It was submitted by this user, on this cluster. */
  | { readonly kind: "ours" }
  /** Another user submitted it, or has taken it over. */
  | { readonly kind: "other user"; readonly user: string }
  /** This user submitted it, and its jobs are on another cluster. */
  | { readonly kind: "other cluster"; readonly there: string; readonly here: string }
  /** Its record does not say enough, or Slurm does not say which cluster this is. */
  | { readonly kind: "unknown"; readonly why: string };

/** The part of a run's record that says whose it is. */
export type OwnedRun = Pick<RunRecord, "submitter" | "cluster" | "specs">;

/**
 * Tells whose a run is.
 *
 * @param run Its record, as `readRun` gives it: of one that was taken over, who did that counts.
 * @param self This process.
 * @param here The cluster that this process would ask; `undefined` while Slurm does not say.
 */
export function checkOurs({ submitter, cluster, specs }: OwnedRun, self: Owner, here?: string): Whose {
  const user = isSameUser(submitter, self);
  if (user === false) return { kind: "other user", user: userWords(submitter) };
  if (user === undefined) return { kind: "unknown", why: "its record does not say which user submitted it" };
  if (cluster === undefined) {
    // A run without jobs has no cluster.
    if (Object.keys(specs).length === 0) return { kind: "ours" };
    return { kind: "unknown", why: "its record does not say on which cluster its jobs are" };
  }
  if (here === undefined) return { kind: "unknown", why: "Slurm does not say which cluster this is" };
  return cluster === here ? { kind: "ours" } : { kind: "other cluster", there: cluster, here };
}

/** Whether two processes are of one user; `undefined` where nobody can tell. */
export function isSameUser(one: Owner, other: Owner): boolean | undefined {
  if (one.uid !== undefined && other.uid !== undefined) return one.uid === other.uid;
  // A name that is the same is none of the proofs that are needed: people with one name are not one user.
  return one.user !== undefined && other.user !== undefined && one.user !== other.user ? false : undefined;
}

/** A user, as people know one. */
export function userWords({ user, uid }: Owner): string {
  return user ?? (uid === undefined ? "another user" : `user ${uid}`);
}
