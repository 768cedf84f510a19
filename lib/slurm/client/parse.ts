import { type JobState, jobState } from "./job_state.ts";

/** One job, or one task of an array, in a listing. */
export interface JobEntry {
  /** The job's id; of an array's task the array's. */
  jobId: string;
  /** Which task of an array it is. */
  index?: number;
  /** Its name. */
  name: string;
  /** How often it was begun again. */
  restarts: number;
  /** What Slurm says of it. */
  state: JobState;
}

/** Fields of squeue's `-O` and their widths in bytes. What can hold anything comes last. */
const FIELDS = [
  ["ArrayJobID", 12],
  ["ArrayTaskID", 12],
  ["State", 20],
  ["RestartCnt", 8],
  ["Name", 128],
  ["Reason", 64],
] as const;

/** The longest name that {@link parseQueue} can tell from another one. */
export const MAX_NAME_LENGTH = 127;

const ROW_LENGTH = FIELDS.reduce((sum, [, width]) => sum + width, 0);

/** What `squeue -O` is given for {@link parseQueue}. */
export const QUEUE_FORMAT: string = FIELDS.map(([name, width]) => `${name}:${width}`).join(",");

/**
 * Reads what `squeue -h -a -r -O` {@link QUEUE_FORMAT} printed.
 *
 * Every row has the same number of bytes, by which a newline in a name is told from the end of a row, and a listing from
 * any other text: a job must not seem gone because something else was printed.
 *
 * @returns `undefined` when the text is no such listing.
 */
export function parseQueue(text: string): JobEntry[] | undefined {
  const entries: JobEntry[] = [];
  let row = "";
  for (const line of text.replace(/\n$/, "").split("\n")) {
    // With -M there is a heading even without headings.
    if (row === "" && (line === "" || /^CLUSTER: \S+\s*$/.test(line))) continue;
    row = row === "" ? line : `${row}\n${line}`;
    const length = byteLength(row);
    if (length < ROW_LENGTH) continue;
    const entry = length === ROW_LENGTH ? parseRow(row) : undefined;
    if (!entry) return undefined;
    entries.push(entry);
    row = "";
  }
  return row === "" ? entries : undefined;
}

function parseRow(row: string): JobEntry | undefined {
  const bytes = new TextEncoder().encode(row);
  const decoder = new TextDecoder();
  let at = 0;
  const [jobId = "", task = "", state = "", restarts = "", name = "", reason = ""] = FIELDS.map(([, width]) =>
    decoder.decode(bytes.subarray(at, at += width)).replace(/ +$/, "")
  );
  if (!/^\d+$/.test(jobId) || !/^(\d+|N\/A|)$/.test(task) || !/^[A-Z_]+$/.test(state)) return undefined;
  return {
    jobId,
    ...(/^\d+$/.test(task) ? { index: Number(task) } : {}),
    name,
    restarts: Number(restarts) || 0,
    state: jobState(state, reason),
  };
}

function byteLength(text: string): number {
  // Most rows are ASCII: no need to encode them to know.
  // deno-lint-ignore no-control-regex -- that is what ASCII is
  return /^[\x00-\x7f]*$/.test(text) ? text.length : new TextEncoder().encode(text).length;
}

/** A job that sbatch has accepted. */
export interface SubmittedJob {
  /** Its id. */
  jobId: string;
  /** The cluster it was sent to, where there are several: needed as `-M` from then on. */
  cluster?: string;
}

/**
 * Reads what `sbatch --parsable` printed: `id` or `id;cluster`, on the last line, since a site's wrapper or plugin may
 * print before.
 *
 * @returns `undefined` when it holds no id.
 */
export function parseSubmitted(text: string): SubmittedJob | undefined {
  const match = /^(\d+)(?:;(\S+))?$/.exec(text.trim().split("\n").at(-1)?.trim() ?? "");
  if (!match) return undefined;
  return { jobId: match[1]!, ...(match[2] === undefined ? {} : { cluster: match[2] }) };
}

/** What furu needs to know of how Slurm is set up. */
export interface SlurmConfig {
  /** One more than the highest index of an array; 0 without arrays. @default 1001, Slurm's own */
  maxArraySize: number;
  /** Is there a place where accounting is kept? Whether sacct can ask it is another question. */
  accounting: boolean;
  /** Seconds for which an ended job is listed. */
  minJobAgeSec: number;
  /** Slurm's version, as `22.05.8`. */
  version?: string;
  /** What the cluster is called. */
  clusterName?: string;
}

/**
 * Reads what `scontrol show config` printed.
 *
 * @returns `undefined` when the text is something else.
 */
export function parseConfig(text: string): SlurmConfig | undefined {
  const settings = new Map<string, string>();
  for (const line of text.split("\n")) {
    const match = /^(\S+)\s*= (.*?)\s*$/.exec(line);
    if (match) settings.set(match[1]!, match[2]!);
  }
  const storage = settings.get("AccountingStorageType");
  if (storage === undefined) return undefined;
  const version = settings.get("SLURM_VERSION");
  const clusterName = settings.get("ClusterName");
  return {
    maxArraySize: number(settings.get("MaxArraySize"), 1001),
    // Newer versions print (null) for none.
    accounting: !/none|\(null\)/.test(storage),
    minJobAgeSec: number(settings.get("MinJobAge"), 300),
    ...(version === undefined ? {} : { version }),
    ...(clusterName === undefined || clusterName === "(null)" ? {} : { clusterName }),
  };
}

function number(text: string | undefined, otherwise: number): number {
  const found = /^\d+/.exec(text ?? "");
  return found ? Number(found[0]) : otherwise;
}
