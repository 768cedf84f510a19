import { type JobState, jobState } from "./job_state.ts";

/** One job, or one task of an array, in a listing. */
export interface JobEntry {
  /** The job's id; of an array's task the array's. */
  jobId: string;
  /** Which task of an array it is. */
  index?: number | undefined;
  /** Its name. */
  name: string;
  /** The number of the user whose job it is, where the answer says so. */
  uid?: number | undefined;
  /** Its comment, in which furu puts the name that it gave the job: some sites rewrite names. */
  comment?: string | undefined;
  /** The number of times that it was begun again. */
  restarts: number;
  /** Its state. */
  state: JobState;
}

/** Fields of squeue's `-O` and their widths in bytes. The fields that can hold anything come last. */
const FIELDS = [
  ["ArrayJobID", 12],
  ["ArrayTaskID", 12],
  ["State", 20],
  ["RestartCnt", 8],
  ["UserID", 12],
  ["Comment", 128],
  ["Name", 128],
  ["Reason", 64],
] as const;

/** The longest name that {@link parseQueue} can tell from another one. */
export const MAX_NAME_LENGTH = 127;

const ROW_LENGTH = FIELDS.reduce((sum, [, width]) => sum + width, 0);

/** The format for `squeue -O` that {@link parseQueue} reads. */
export const QUEUE_FORMAT: string = FIELDS.map(([name, width]) => `${name}:${width}`).join(",");

/**
 * Reads what `squeue -h -a -r -O` {@link QUEUE_FORMAT} printed.
 *
 * Every row has the same number of bytes, by which a newline in a name is told from the end of a row, and a
 * listing from any other text: a job must not seem gone because something else was printed.
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
  const [jobId = "", task = "", state = "", restarts = "", uid = "", comment = "", name = "", reason = ""] =
    FIELDS.map(([, width]) => decoder.decode(bytes.subarray(at, at += width)).replace(/ +$/, ""));
  if (!/^\d+$/.test(jobId) || !/^(\d+|N\/A|)$/.test(task) || !/^[A-Z_]+$/.test(state)) return undefined;
  return {
    jobId,
    ...(/^\d+$/.test(task) ? { index: Number(task) } : {}),
    name,
    ...(/^\d+$/.test(uid) ? { uid: Number(uid) } : {}),
    ...(comment === "" || comment === "(null)" ? {} : { comment }),
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
 * Reads what `sbatch --parsable` printed: `id` or `id;cluster`, on the last line, since a site's wrapper or
 * plugin may print before.
 *
 * @returns `undefined` when it holds no id.
 */
export function parseSubmitted(text: string): SubmittedJob | undefined {
  const match = /^(\d+)(?:;(\S+))?$/.exec(text.trim().split("\n").at(-1)?.trim() ?? "");
  if (!match) return undefined;
  return { jobId: match[1]!, ...(match[2] === undefined ? {} : { cluster: match[2] }) };
}

/**
 * The format for `sacct -o` that {@link parseAccounting} reads. The name can hold anything, so it comes last.
 */
export const ACCOUNTING_FORMAT = "JobID,State,JobName";

const ROW = /^(\d+)(?:_(?:(\d+)|\[([^\]]*)\]))?(\.[^|]+|\+\d+)?\|([A-Z_]+(?: [^|]*)?)\|(.*)$/s;

/**
 * Reads what `sacct -n -P -o` {@link ACCOUNTING_FORMAT} printed. Rows of steps (`.batch`) and of further
 * parts of a job are left out. Of a job with several rows, as a requeued one has, the last counts.
 *
 * @returns `undefined` when the text is no such list.
 */
export function parseAccounting(text: string): JobEntry[] | undefined {
  const entries = new Map<string, JobEntry>();
  let rows = 0;
  for (const line of text.split("\n")) {
    const match = ROW.exec(line);
    if (!match) {
      // The rest of a name with a newline; before the first row it is some other text.
      if (line.trim() === "" || rows > 0) continue;
      return undefined;
    }
    rows++;
    const [, jobId = "", index, pending, step, state = "", name = ""] = match;
    if (step !== undefined) continue;
    const indices = index !== undefined
      ? [Number(index)]
      : pending !== undefined
      ? arrayIndices(pending)
      : [];
    const entry = { jobId, name, restarts: 0, state: jobState(state) };
    if (indices?.length === 0) entries.set(jobId, entry);
    for (const each of indices ?? []) entries.set(`${jobId}_${each}`, { ...entry, index: each });
  }
  return [...entries.values()];
}

/** The part of what `scontrol show job` says of a job that matters here. */
export interface JobDetail extends JobEntry {
  /** The id of this very task; of an array's last one it is the array's. */
  ownId: string;
  /** Its exit code, and the signal that ended it. */
  exitCode?: { code: number; signal: number };
  /** The ends that it still waits for, as `afterok:12(unfulfilled)`. */
  dependency?: string | undefined;
  /** The path of its output. */
  output?: string | undefined;
  /** The path of its batch script. */
  command?: string | undefined;
  /** When it has to end, as local time: `2026-11-20T20:19:10`. */
  endTime?: string | undefined;
  /** Its nodes, as `cpu[1-2]`. */
  nodes?: string | undefined;
}

// Only ids come before the name, and only the end of the name is followed by this user and group.
const HEAD =
  /^JobId=(\d+) (?:ArrayJobId=(\d+) ArrayTaskId=(\S+) (?:ArrayTaskThrottle=\d+ )?)?(?:Het\S+ )*JobName=(.*?) UserId=\S*\((\d+)\) GroupId=\S*\(\d+\) /s;

/**
 * Reads what `scontrol show job -o` printed.
 *
 * @returns One for each job or task (a pending rest of an array is one without an index); `undefined` when
 * the text is something else.
 */
export function parseJobs(text: string): JobDetail[] | undefined {
  const blocks = text.trimEnd().split(/\n(?=JobId=\d+ )/).filter((block) => block.trim() !== "");
  const details = blocks.map(parseBlock);
  return details.every((detail) => detail !== undefined) ? details : undefined;
}

function parseBlock(block: string): JobDetail | undefined {
  const head = HEAD.exec(block);
  if (!head) return undefined;
  const [start, ownId = "", arrayId, task, name = "", uid] = head;
  const rest = ` ${block.slice(start.length)}`;
  const field = (key: string): string | undefined => {
    // Paths may have spaces: a value goes on up to the next key.
    const value = new RegExp(` ${key}=(.*?)(?= [A-Z][A-Za-z0-9/:*&_]*=|\\s*$)`, "s").exec(rest)?.[1];
    return value === undefined || value === "" || value === "(null)" || value === "Unknown"
      ? undefined
      : value;
  };
  const state = field("JobState");
  if (state === undefined) return undefined;
  const exit = /^(\d+):(\d+)$/.exec(field("ExitCode") ?? "");
  const optional = {
    dependency: field("Dependency"),
    output: field("StdOut"),
    command: field("Command"),
    comment: field("Comment"),
    endTime: field("EndTime"),
    nodes: field("NodeList"),
  };
  return {
    ownId,
    jobId: arrayId ?? ownId,
    ...(task !== undefined && /^\d+$/.test(task) ? { index: Number(task) } : {}),
    name,
    uid: Number(uid),
    restarts: Number(field("Restarts") ?? 0),
    state: jobState(state, field("Reason")),
    ...(exit ? { exitCode: { code: Number(exit[1]), signal: Number(exit[2]) } } : {}),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}

/**
 * The indices in Slurm's short form, as pending arrays are shown: `0-3,7,9-13:2%2` is 0 1 2 3 7 9 11 13.
 *
 * @returns `undefined` for anything else, also where Slurm itself has shortened it with `...`.
 */
export function arrayIndices(text: string): number[] | undefined {
  const indices: number[] = [];
  for (const part of text.replace(/%\d+$/, "").split(",")) {
    const match = /^(\d{1,8})(?:-(\d{1,8})(?::(\d{1,8}))?)?$/.exec(part);
    if (!match) return undefined;
    const [first = 0, last = first, step = 1] = match.slice(1).map((digits) =>
      digits === undefined ? undefined : Number(digits)
    );
    // Arrays have at most some million tasks: more is no index list.
    if (step < 1 || last < first || indices.length + (last - first) / step > 5_000_000) return undefined;
    for (let index = first; index <= last; index += step) indices.push(index);
  }
  return indices;
}
