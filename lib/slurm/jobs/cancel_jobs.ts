import { pooledMap } from "@std/async/pool";
import { SlurmError } from "../../core/errors.ts";
import { isForeign } from "./absence.ts";
import type { SlurmClient } from "../client/client.ts";
import type { JobDetail } from "../client/parse_jobs.ts";
import { type AnsweredJob, baseId, bearsName, compareJob, type JobRef, uidOf } from "./job_identity.ts";
import type { JobWatch } from "./job_watch.ts";

/** A job that was not cancelled, and why. */
export interface NotCancelled<R extends JobRef = JobRef> {
  /** The job. */
  readonly ref: R;
  /** Why, for people. */
  readonly why: string;
}

/** What became of jobs that were to be cancelled. */
export interface Cancelled<R extends JobRef = JobRef> {
  /** Surely ours, and told to end. */
  readonly cancelled: readonly R[];
  /** Ended already, or never submitted, as Slurm says. */
  readonly ended: readonly R[];
  /** Another one's: left alone. */
  readonly notOurs: readonly NotCancelled<R>[];
  /** Nobody can tell whether they are ours: left alone. */
  readonly unknown: readonly NotCancelled<R>[];
}

/** Options of {@link cancelOurs}. */
export interface CancelOurs {
  /** Leaves those alone that have begun. */
  pendingOnly?: boolean | undefined;
  /** Ends the questions and the cancelling with its reason. */
  signal?: AbortSignal | undefined;
}

/** So many jobs are asked for one by one, which no site's cache answers; more of them by one squeue. */
const ONE_BY_ONE = 20;
/** Questions at the same time. */
const AT_ONCE = 4;

/** A verdict on one job, before anything is done. */
type Verdict = "ours" | "ended" | { notOurs: string } | { unknown: string };

/**
 * Cancels jobs, each on its own cluster, as far as they are surely ours: by id, name, cluster and user
 * together, as Slurm tells at this moment. What this very process submitted goes by sbatch's own answer, so
 * that it is cancelled also where nothing else answers.
 *
 * @param watch Knows what has ended already.
 * @throws {SlurmError} In scancel's own words, when all clusters were asked.
 */
export async function cancelOurs<R extends JobRef>(
  client: SlurmClient,
  watch: Pick<JobWatch, "peek" | "self">,
  refs: readonly R[],
  { pendingOnly = false, signal }: CancelOurs = {},
): Promise<Cancelled<R>> {
  const cancelled: R[] = [];
  const ended: R[] = [];
  const notOurs: NotCancelled<R>[] = [];
  const unknown: NotCancelled<R>[] = [];
  let failure: { error: unknown } | undefined;
  for (const [cluster, there] of Map.groupBy(refs, (ref) => ref.cluster)) {
    const asked = await client.at(cluster);
    const ids = new Map<R, string[]>();
    const verdicts = await judge(asked, there, { client, watch, ids, signal });
    for (const [ref, verdict] of verdicts) {
      if (verdict === "ended") ended.push(ref);
      else if (verdict !== "ours") {
        if ("notOurs" in verdict) notOurs.push({ ref, why: verdict.notOurs });
        else unknown.push({ ref, why: verdict.unknown });
      }
    }
    const ours = there.filter((ref) => verdicts.get(ref) === "ours");
    try {
      const all = ours.flatMap((ref) => ref.jobId ?? ids.get(ref) ?? []);
      await asked.cancel([...new Set(all)], { pendingOnly, ...(signal ? { signal } : {}) });
      cancelled.push(...ours);
    } catch (error) {
      signal?.throwIfAborted();
      failure ??= { error };
    }
  }
  if (failure) throw failure.error;
  return { cancelled, ended, notOurs, unknown };
}

/** What {@link judge} works with besides the jobs. */
interface Judging<R> {
  /** The client that has submitted, whichever cluster is asked. */
  client: SlurmClient;
  watch: Pick<JobWatch, "peek" | "self">;
  /** Takes the ids that were found of jobs whose id nobody had written down. */
  ids: Map<R, string[]>;
  signal: AbortSignal | undefined;
}

async function judge<R extends JobRef>(
  asked: SlurmClient,
  refs: readonly R[],
  { client, watch, ids, signal }: Judging<R>,
): Promise<Map<R, Verdict>> {
  const verdicts = new Map<R, Verdict>();
  const questions: (R & { jobId: string })[] = [];
  const nameless: R[] = [];
  const isHere = await asked.cluster() !== undefined;
  for (const ref of refs) {
    const { jobId, cluster } = ref;
    if (isForeign(ref, watch.self)) {
      const user = ref.submitter?.user ?? "another user";
      verdicts.set(ref, { notOurs: `it is a job of ${user}` });
    } else if (jobId !== undefined && client.hasSubmitted(ref.name, baseId(jobId), cluster)) {
      verdicts.set(ref, watch.peek(ref)?.status === "dead" ? "ended" : "ours");
    } else if (cluster === undefined) {
      verdicts.set(ref, { unknown: "the cluster that it was submitted to is not written down" });
    } else if (!isHere) {
      verdicts.set(ref, { unknown: "Slurm does not tell which cluster this is" });
    } else if (uidOf(ref) === undefined) {
      verdicts.set(ref, { unknown: "the user who submitted it is not written down" });
    } else if (jobId === undefined) nameless.push(ref);
    else questions.push({ ...ref, jobId });
  }
  const byId = new Map(refs.map((ref) => [`${ref.name} ${ref.jobId}`, ref]));
  for (const [question, verdict] of await verdictsById(asked, questions, signal)) {
    verdicts.set(byId.get(`${question.name} ${question.jobId}`)!, verdict);
  }
  await judgeByName(asked, nameless, { verdicts, ids, signal });
  return verdicts;
}

async function verdictsById<Q extends JobRef & { jobId: string }>(
  asked: SlurmClient,
  refs: readonly Q[],
  signal: AbortSignal | undefined,
): Promise<Map<Q, Verdict>> {
  const verdicts = new Map<Q, Verdict>();
  /** What a list does not prove is asked for by itself: it may be old. */
  const byList = async (some: readonly Q[]): Promise<void> => {
    const ids = new Set(some.map(({ jobId }) => baseId(jobId)));
    const rows = Map.groupBy(await asked.listJobs({ ids: [...ids] }, { signal }) ?? [], ({ jobId }) => jobId);
    for (const ref of some) {
      if (verdictOf(ref, rows.get(baseId(ref.jobId)) ?? []) === "ours") verdicts.set(ref, "ours");
    }
  };
  if (new Set(refs.map(({ jobId }) => baseId(jobId))).size > ONE_BY_ONE) await byList(refs);
  const left = refs.filter((ref) => !verdicts.has(ref));
  const groups = Map.groupBy(left, ({ jobId }) => baseId(jobId));
  const answers = pooledMap(AT_ONCE, groups, async ([id, of]) => {
    return { of, details: await asked.showJob(id, signal) };
  });
  const silent: Q[] = [];
  for await (const { of, details } of answers) {
    if (!details) silent.push(...of);
    for (const ref of of) verdicts.set(ref, verdictOf(ref, details));
  }
  if (silent.length > 0) await byList(silent);
  return verdicts;
}

/** Judges a job by what Slurm says of its id. */
function verdictOf(ref: JobRef, details: readonly AnsweredJob[] | undefined): Verdict {
  if (!details) return { unknown: "Slurm does not answer" };
  const likenesses = details.map((detail) => ({ detail, likeness: compareJob(ref, detail) }));
  const same = likenesses.filter(({ likeness }) => likeness === "same");
  if (same.some(({ detail }) => detail.state.status !== "dead")) return "ours";
  if (same.length > 0 || details.length === 0) return "ended";
  const unclear = likenesses.find(({ likeness }) => likeness === "unclear");
  if (unclear) {
    return { unknown: `its name, '${unclear.detail.name}' by now, does not tell whose it is` };
  }
  // A task of our array that Slurm has forgotten before the others.
  const array = { ...ref, jobId: ref.jobId && baseId(ref.jobId) };
  if (details.some((detail) => compareJob(array, detail) === "same")) return "ended";
  const [other] = details;
  return { notOurs: `Slurm has given its id to another job, '${other!.name}'` };
}

/** Looks for jobs whose ids nobody wrote down, since their submitter died or sbatch gave none. */
async function judgeByName<R extends JobRef>(
  asked: SlurmClient,
  refs: readonly R[],
  { verdicts, ids, signal }: Pick<Judging<R>, "ids" | "signal"> & { verdicts: Map<R, Verdict> },
): Promise<void> {
  if (refs.length === 0) return;
  const found = await asked.lookup(refs.map(({ name }) => name), signal);
  for (const ref of refs) {
    const alive = (found ?? []).filter((entry: JobDetail) =>
      bearsName(ref.name, entry) && entry.uid === uidOf(ref) && entry.state.status !== "dead"
    );
    if (!found) verdicts.set(ref, { unknown: "Slurm does not answer, and its id is not written down" });
    else verdicts.set(ref, alive.length === 0 ? "ended" : "ours");
    ids.set(ref, [...new Set(alive.map(({ jobId }) => jobId))]);
  }
}

/**
 * Says what was left alone, for people.
 *
 * @returns `undefined` when nothing was.
 */
export function leftAlone({ notOurs, unknown }: Pick<Cancelled, "notOurs" | "unknown">): string | undefined {
  const left = [...notOurs, ...unknown];
  if (left.length === 0) return undefined;
  const shown = left.slice(0, 3).map(({ ref: { jobId, name }, why }) =>
    `${jobId === undefined ? name : `${jobId} (${name})`}: ${why}`
  );
  return `left ${left.length === 1 ? "1 job" : `${left.length} jobs`} alone: ${shown.join("; ")}${
    left.length > 3 ? "; ..." : ""
  }`;
}

/** Refuses to act upon a job that is not surely ours. */
export async function requireOurs(
  client: SlurmClient,
  ref: JobRef & { jobId: string },
  action: string,
): Promise<JobDetail[]> {
  const details = await client.showJob(ref.jobId);
  const same = (details ?? []).filter((detail) => compareJob(ref, detail) === "same");
  if (same.length > 0) return same;
  const why = details === undefined
    ? "Slurm does not answer"
    : details.length === 0
    ? "Slurm knows no such job"
    : `it is another one, '${details[0]!.name}'`;
  throw new SlurmError(`Cannot ${action} job ${ref.jobId} (${ref.name}) as ${why}`);
}
