/** The version of {@link Report}. */
export const REPORT_SCHEMA = 1;

/** A cell of parameters or values: as JSON has it; what is long is cut, with `…` at its end. */
export type ReportCell = string | number | boolean | null;

/** One try at an artifact. */
export interface ReportAttempt {
  /** Its number. */
  readonly n: number;
  /** How it ended; `running` while it has not. */
  readonly outcome: "success" | "failed" | "crashed" | "preempted" | "running";
  /** Where it was computed: a worker of a run, or host and process. */
  readonly worker: string;
  /** When it began, in milliseconds since 1970. */
  readonly from: number;
  /** When it ended; none while it has not. */
  readonly to?: number | undefined;
  /** The run that it was made in. */
  readonly run?: string | undefined;
  /** Why it failed. */
  readonly error?: string | undefined;
}

/** An artifact of a report. */
export interface ReportNode {
  /** Its task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: string;
  /** Its state, as `furu ls` has it. */
  readonly status: "DONE" | "IN_PROGRESS" | "FAILED" | "TODO" | "DAMAGED";
  /** The hashes of what it depends on, among the nodes of the report. */
  readonly needs: readonly string[];
  /** Its parameters by their paths, where they are known. */
  readonly params?: Readonly<Record<string, ReportCell>> | undefined;
  /** Its parameters on one line, where no more is known. */
  readonly paramsText?: string | undefined;
  /** What its value holds, by paths that begin with `value`. */
  readonly value?: Readonly<Record<string, ReportCell>> | undefined;
  /** Why the value is not shown. */
  readonly valueFault?: string | undefined;
  /** When it was computed, or when its last attempt ended or began. ISO 8601. */
  readonly at?: string | undefined;
  /** Milliseconds that the attempt took. */
  readonly durationMs?: number | undefined;
  /** Bytes of the result. */
  readonly bytes?: number | undefined;
  /** Bytes of memory of its process at most. */
  readonly peakMemoryBytes?: number | undefined;
  /** Seconds of processor time. */
  readonly cpuSec?: number | undefined;
  /** The number of its attempt that succeeded, or of the last one that ended. */
  readonly attempt?: number | undefined;
  /** The run that it was computed in. */
  readonly run?: string | undefined;
  /** The host it was computed on, or is. */
  readonly host?: string | undefined;
  /** The user who computed it, or does. */
  readonly user?: string | undefined;
  /** The spec of the attempt. */
  readonly spec?: string | undefined;
  /** How many artifacts that failed its value was made without, where there were any. */
  readonly partial?: number | undefined;
  /** Why the last attempt failed, or what is damaged. */
  readonly error?: string | undefined;
  /** The stack of what was thrown. */
  readonly stack?: string | undefined;
  /** The path of the log of its last attempt, where it has printed anything. */
  readonly log?: string | undefined;
  /** The last lines of that log, of what failed or is computed now. */
  readonly logEnd?: readonly string[] | undefined;
  /** The files of the result: their sizes in bytes by name; the first of many. */
  readonly files?: Readonly<Record<string, number>> | undefined;
  /** How far it is, from 0 to 1, where it says so. */
  readonly fraction?: number | undefined;
  /** What it says of that. */
  readonly message?: string | undefined;
  /** Its attempts, as far as they left word. */
  readonly attempts: readonly ReportAttempt[];
  /** The number of its origin in {@link Report.origins}. */
  readonly origin?: number | undefined;
}

/** What results come from: versions, commit, host, user, command. */
export interface ReportOrigin {
  /** The version of furu. */
  readonly furu?: string | undefined;
  /** The version of Deno. */
  readonly deno?: string | undefined;
  /** The operating system. */
  readonly os?: string | undefined;
  /** The host. */
  readonly host?: string | undefined;
  /** The user. */
  readonly user?: string | undefined;
  /** The commit of the pipeline's git tree. */
  readonly commit?: string | undefined;
  /** Whether there were changes that were not committed. */
  readonly dirty?: boolean | undefined;
  /** The command line. */
  readonly command?: string | undefined;
}

/** What a report says of the run that it is about. */
export interface ReportRun {
  /** Its id. */
  readonly runId: string;
  /** Where it computes. */
  readonly mode: "local" | "pool" | "dag";
  /** Its state, as `furu status` has it. */
  readonly state: "running" | "done" | "failed" | "interrupted" | "died" | "silent" | "submitted";
  /** When it began. ISO 8601. */
  readonly createdAt: string;
  /** When it was heard of last. */
  readonly at: string;
  /** URL of the module that it was started with. */
  readonly entry?: string | undefined;
  /** The host of the process that drives it, or did. */
  readonly host: string;
  /** Its user. */
  readonly user?: string | undefined;
  /** Of its nodes: how many there are, were stored before, were computed, ... */
  readonly counts: Readonly<
    Record<"nodes" | "cached" | "computed" | "elsewhere" | "failed" | "running" | "waiting", number>
  >;
  /** An estimate of the milliseconds that are left. */
  readonly leftMs?: number | undefined;
  /** How it ended, when it has ended. */
  readonly ended?: {
    readonly at: string;
    readonly interrupted: boolean;
    readonly notRun: number;
    readonly retries: number;
    readonly durationMs: number;
  } | undefined;
  /** The commit that was checked out when it was submitted, of a run on Slurm. */
  readonly commit?: string | undefined;
  /** Whether there were changes that were not committed. */
  readonly dirty?: boolean | undefined;
  /** The versions that it was submitted with, of a run on Slurm. */
  readonly versions?: { readonly furu: string; readonly deno: string } | undefined;
  /** The cluster. */
  readonly cluster?: string | undefined;
  /** What its specs ask for, of a run on Slurm. */
  readonly specs?: Readonly<Record<string, unknown>> | undefined;
}

/** All of a report but its nodes. */
export interface ReportHead {
  /** The version of this form. */
  readonly schema: typeof REPORT_SCHEMA;
  /** Tells it from other JSON. */
  readonly kind: "furu-report";
  /** What it is about, for people. */
  readonly title: string;
  /** When it was made. ISO 8601. */
  readonly at: string;
  /** The version of furu that made it. */
  readonly furu: string;
  /** The store's folder. */
  readonly store: string;
  /** The run that it is about, or the latest one of the module that it is about. */
  readonly run?: ReportRun | undefined;
  /** The hashes of what was asked for; none where that is not known. */
  readonly roots: readonly string[];
  /** Where results come from: nodes name one by its number. */
  readonly origins: readonly ReportOrigin[];
  /** What is not known or was left out, in sentences. */
  readonly notes: readonly string[];
}

/** What `furu report --json` prints, and what the page shows. */
export interface Report extends ReportHead {
  /** Its artifacts. */
  readonly nodes: readonly ReportNode[];
}

/** What has changed between two reports. */
export interface ReportDelta {
  /** All but the nodes. */
  readonly head: ReportHead;
  /** The nodes that are new, or have changed. */
  readonly changed: readonly ReportNode[];
  /** The hashes of those that are gone. */
  readonly gone: readonly string[];
}

/** What those are told who look at a report while it changes. */
export type LiveEvent =
  /** What has changed; `version` is that of the report that comes of it. */
  | { readonly type: "delta"; readonly version: number; readonly delta: ReportDelta }
  /** All of it, for one who has missed something. */
  | { readonly type: "report"; readonly version: number; readonly report: Report }
  /** It cannot be read at the moment. */
  | { readonly type: "trouble"; readonly text: string }
  /** It can be read again. */
  | { readonly type: "well" };

/** The report without its nodes. */
export function headOf({ nodes: _, ...head }: Report): ReportHead {
  return head;
}

/**
 * What has changed between two reports; nothing where nothing has but the time.
 *
 * @param before Nodes are the same object as long as nothing of them changes.
 */
export function deltaOf(before: Report, now: Report): ReportDelta | undefined {
  const old = new Map(before.nodes.map((node) => [node.hash, node]));
  const changed = now.nodes.filter((node) => {
    const earlier = old.get(node.hash);
    old.delete(node.hash);
    return earlier !== node && JSON.stringify(earlier) !== JSON.stringify(node);
  });
  const gone = [...old.keys()];
  const head = headOf(now);
  const isSame = JSON.stringify({ ...headOf(before), at: "" }) === JSON.stringify({ ...head, at: "" });
  return isSame && changed.length === 0 && gone.length === 0 ? undefined : { head, changed, gone };
}
