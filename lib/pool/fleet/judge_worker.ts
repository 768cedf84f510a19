import type { WorkerEnd } from "../../queue/worker_record.ts";
import type { WorkerJob } from "../launcher.ts";

/** What is known of a worker at a moment. Times are monotonic milliseconds of whoever judges. */
export interface WorkerSight {
  /** The moment. */
  readonly now: number;
  /** What its heartbeat and its process tell: see `WorkerLook`. */
  readonly life: "alive" | "silent" | "gone" | "judged";
  /** The evidence, where it is not alive by that. */
  readonly why?: string | undefined;
  /** Whether it has given a sign of life since it began. */
  readonly everBeat: boolean;
  /** Since when it has been looked at without a break, and did not beat. */
  readonly quietSince: number;
  /** Since when it is not alive by its heartbeat, while its scheduler has not said why. */
  readonly doubtedSince?: number | undefined;
  /** What its launcher knows of its job, where it does. */
  readonly job?: Pick<WorkerJob, "key" | "state" | "askedAt" | "restarts"> | undefined;
  /** How often its job had been begun again when it began itself, where that is known. */
  readonly restarts?: number | undefined;
  /** Whether it has a job, of which its launcher may yet tell. */
  readonly hasJob: boolean;
}

/** Rules that stay the same in a run. */
export interface WorkerRules {
  /** Milliseconds between two of its heartbeats. */
  readonly heartbeatMs: number;
  /** Milliseconds for which a launcher may yet tell why a worker died. */
  readonly evidenceMs: number;
}

/** What a worker counts as. */
export type WorkerVerdict =
  | { readonly is: "alive" }
  /** It beats no more, and nothing is known that explains it: that may be told in a moment. */
  | { readonly is: "doubted" }
  | { readonly is: "dead"; readonly end: Pick<WorkerEnd, "kind" | "why" | "lack"> };

type Dead = Extract<WorkerVerdict, { is: "dead" }>;

/** A heartbeat is late by this part of its interval, at most, where all is well. */
const LATE = 1.25;
/** So many times as long an answer is waited for that was asked for after the worker fell silent. */
const OLD_ANSWER = 10;

const ALIVE: WorkerVerdict = { is: "alive" };

/**
 * Judges a worker by the rank of the evidence: a heartbeat that was seen to change counts more than anything
 * that the scheduler said before; the scheduler's word on its very job counts more than silence; and a job
 * that the scheduler does not know tells nothing of how it ended.
 *
 * | heartbeat | job                  | the worker                                                        |
 * | --------- | -------------------- | ----------------------------------------------------------------- |
 * | beats     | any but ended        | lives                                                             |
 * | beats     | ended                | lives, until no beat follows the scheduler's word                 |
 * | beats     | vanished             | lives                                                             |
 * | silent    | suspended            | lives: it cannot beat; when it goes on it has a whole lease again |
 * | silent    | pending again        | is lost                                                           |
 * | silent    | vanished             | is lost                                                           |
 * | silent    | ended                | is dead, by the scheduler's reason                                |
 * | silent    | running, or unknown  | is doubted for a while, then lost                                 |
 * | gone      | running, or unknown  | is doubted for a while, then dead by itself                       |
 */
export function judgeWorker(sight: WorkerSight, rules: WorkerRules): WorkerVerdict {
  const { life, why = "it gives no sign of life", now, quietSince, everBeat, job } = sight;
  const dead = (kind: WorkerEnd["kind"], words: string): Dead => ({
    is: "dead",
    end: { kind, why: words },
  });
  if (life === "judged") return dead("lost", why);
  const { state, askedAt } = job ?? {};
  if (state?.status === "dead" && !state.vanished) {
    const quietMs = now - Math.max(askedAt ?? -Infinity, quietSince);
    // What a launcher sees itself, without asking anybody, is no hearsay.
    if (life === "alive" && askedAt !== undefined && quietMs < rules.heartbeatMs * LATE) return ALIVE;
    const { end, is } = dead(state.loss ? "lost" : "compute", `its job ${job!.key} has ended: ${state.text}`);
    return { is, end: state.lack === undefined ? end : { ...end, lack: state.lack } };
  }
  if (life === "alive") return ALIVE;
  if (state?.status === "dead") return dead("lost", `${why}, and its job ${job!.key}: ${state.text}`);
  if (life === "silent" && state?.status === "running" && state.halted) return ALIVE;
  if (state?.status === "pending" && isAgain(sight)) {
    return dead("lost", `${why}, and its job ${job!.key} is to begin again: ${state.text}`);
  }
  if (sight.hasJob && mayBeTold(sight, rules)) return { is: "doubted" };
  if (life === "gone") return dead("compute", why);
  return dead(everBeat ? "lost" : "silent", why);
}

/**
 * Whether a job that pends is to begin again, and not of before its worker began. Where the scheduler counts
 * how often it begins a job again, that tells: its answer may be older than the question. Where its
 * submission was not answered for, nobody has said that it pends; an answer from before the worker's last
 * sign of life is about the time before.
 */
function isAgain({ quietSince, restarts, job }: WorkerSight): boolean {
  if (restarts !== undefined && job?.restarts !== undefined) return job.restarts > restarts;
  return job?.askedAt !== undefined && job.askedAt > quietSince;
}

/**
 * Whether its launcher, who does not know yet that it ended, may tell why in a moment. What was asked before
 * it fell silent tells nothing, as sites may answer with what was a while ago: then that takes longer.
 */
function mayBeTold(
  sight: WorkerSight,
  { evidenceMs }: WorkerRules,
): boolean {
  const { now, doubtedSince = now, job } = sight;
  const isBefore = job?.state.status === "pending" && !isAgain(sight);
  const isOld = job?.askedAt !== undefined && (job.askedAt <= doubtedSince || isBefore);
  return now - doubtedSince < evidenceMs * (isOld ? OLD_ANSWER : 1);
}
