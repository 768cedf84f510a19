import type { Hash } from "../../core/hash.ts";
import { jointReason, StallNotice, type StallReason } from "../../schedule/stall_notice.ts";
import { formatDuration } from "../../ui/duration.ts";
import { plural } from "../../ui/text.ts";
import type { DagJob } from "../jobs/dag_jobs.ts";
import type { KnownJob } from "../jobs/known_job.ts";
import type { DagContext } from "./dag_context.ts";
import type { Submitter } from "./find_jobs.ts";

/** Milliseconds between two times that is looked why nothing moves. */
const PAUSE_MS = 5000;

/** A node that is open, and what is known of its job. */
export interface WaitingJob {
  /** The job's id. */
  readonly jobId: string;
  /**
   * The cluster that it is on, where that is not the run's.
   *
   * @default {the run's}
   */
  readonly elsewhere?: string | undefined;
  /** Whether this run submitted it. */
  readonly own: boolean;
  /** What Slurm says of it. */
  readonly known: KnownJob;
}

/** What is known of a run in DAG mode in which nothing moves. */
export interface DagView {
  /** The jobs of nodes that are open. */
  readonly jobs: readonly WaitingJob[];
  /** What cannot be submitted at the moment, and why. */
  readonly unsubmitted: readonly { of: string; why: string }[];
  /** How long Slurm has not answered, and its words. */
  readonly silence?: { readonly forMs: number; readonly text: string } | undefined;
}

/** What Slurm's reason for a pending job means, and what to do about it where somebody can. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [
    /launch.?failed|JobHoldMaxRequeue/i,
    "held after failed launches: see its log, then 'scontrol release' it",
  ],
  [/JobHeldAdmin/, "held by an administrator"],
  [/JobHeld|Held/, "held: 'scontrol release' lets it begin"],
  [/DependencyNeverSatisfied/, "it needs a job that failed"],
  [/Dependency/, "it needs jobs that have not ended"],
  [/ReqNodeNotAvail|NodeDown|UnavailableNodes/, "the nodes that it asks for are down or reserved"],
  [/PartitionDown|PartitionInactive/, "its partition is closed at the moment"],
  [/PartitionTimeLimit|PartitionNodeLimit/, "it asks for more than its partition allows"],
  [/BadConstraints/, "no node has what it asks for"],
  [/MaxJobs|MaxSubmit|GrpJobs|Assoc|QOS|MaxWall|MaxCpu|MaxNode|MaxTRES/, "a limit of its account or QOS"],
  [/Licenses/, "its licenses are in use"],
  [/Reservation/, "its reservation is not there, or full"],
  [/BeginTime/, "its time to begin has not come"],
  [/Priority/, "others come first"],
  [/Resources/, "the nodes are busy"],
];

/** Says why nothing moves; nothing where all that is to be done is being computed. */
export function whyDagWaits({ jobs, unsubmitted, silence }: DagView): StallReason | undefined {
  const reasons = [...unsubmitted];
  if (silence) {
    const why = `an answer of Slurm, for ${formatDuration(silence.forMs)} by now: ${silence.text}`;
    reasons.unshift({ of: "this run", why });
  }
  const groups = Map.groupBy(jobs, ({ own, known }) => `${own ? "" : "other "}${waitOf(known) ?? ""}`);
  const isRunning = jobs.some(({ known }) => known.status === "alive" && waitOf(known) === undefined);
  for (const there of groups.values()) {
    const [{ own, jobId, elsewhere, known }] = there as [WaitingJob];
    const id = elsewhere === undefined ? jobId : `${jobId} on cluster ${elsewhere}`;
    const wait = waitOf(known);
    // That jobs wait for others which run is no news; nor is, while Slurm is silent, what it said before.
    if (wait === undefined || isRunning && /\(Dependency\)/.test(wait)) continue;
    if (silence && known.evidence === "nothing") continue;
    const which = there.length === 1 ? `Slurm job ${id}` : `${plural(there.length, "job")} (as ${id})`;
    reasons.push({ of: own ? which : `${which} of another run`, why: waitWords(wait) });
  }
  return jointReason(reasons);
}

/** Slurm's words on a job that does not run; nothing of one that does. */
function waitOf(known: KnownJob): string | undefined {
  if (known.status === "alive" && !known.pending && !known.halted) return undefined;
  return known.text;
}

function waitWords(text: string): string {
  const found = WORDS.find(([reason]) => reason.test(text));
  return found ? `its turn: ${text}, ${found[1]}` : `a change: ${text}`;
}

/** Says why a run in DAG mode waits, after a minute in which nothing moved. */
export class DagNotice {
  readonly #context: Pick<DagContext, "runtime" | "watch" | "log" | "run">;
  readonly #submitter: Submitter;
  readonly #notice: StallNotice;
  #lookedAt = -Infinity;
  #seen = "";

  /** The minute begins now. */
  constructor(context: Pick<DagContext, "runtime" | "watch" | "log" | "run">, submitter: Submitter) {
    this.#context = context;
    this.#submitter = submitter;
    const { info } = context.log;
    this.#notice = new StallNotice(info, context.runtime.machine.clock.monotonic());
  }

  /** Looks whether anything has moved among the nodes that are open. */
  look(open: Iterable<Hash>, jobOf: (hash: Hash) => DagJob | undefined): void {
    const { runtime, watch } = this.#context;
    const now = runtime.machine.clock.monotonic();
    if (now - this.#lookedAt < PAUSE_MS) return;
    this.#lookedAt = now;
    const hashes = [...open];
    const jobs = hashes.flatMap((hash) => {
      const job = jobOf(hash);
      if (!job) return [];
      const { jobId, own, cluster } = job;
      const elsewhere = cluster === this.#context.run.cluster ? undefined : cluster;
      return [{ jobId, elsewhere, own, known: watch.known(job) }];
    });
    const running = jobs.filter(({ known }) => known.status === "alive" && waitOf(known) === undefined);
    const seen = `${hashes.length} ${jobs.length} ${running.map(({ jobId }) => jobId).join()}`;
    if (seen !== this.#seen) this.#notice.moved(now);
    this.#seen = seen;
    if (!this.#notice.isDue(now)) return;
    const said = watch.silence();
    const silence = said && { forMs: now - said.since, text: said.text };
    this.#notice.look(now, whyDagWaits({ jobs, unsubmitted: this.#submitter.waits(), silence }));
  }
}
