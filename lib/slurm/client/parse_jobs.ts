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

/** The first fields of a row, which tell it from any other line. */
const ROW_START =
  /^(\d+) *(?<=^.{12})(\d+|N\/A|) *(?<=^.{24})([A-Z_]+) +(?<=^.{44})(\d+) +(?<=^.{52})(\d*) *(?<=^.{64})/;

/**
 * Reads what `squeue -h -a -r -O` {@link QUEUE_FORMAT} printed, by its rows: sites print lines of their own
 * before, between and after.
 *
 * Every row has the same number of bytes, by which a newline in a name is told from the end of a row.
 *
 * @param wanted Tells which ids matter: other rows are not read, of which a site may have a hundred thousand.
 * @default {all}
 */
export function parseQueue(text: string, wanted?: (jobId: string) => boolean): JobEntry[] {
  const entries: JobEntry[] = [];
  // deno-lint-ignore no-control-regex -- that is what ASCII is
  const isAscii = /^[\x00-\x7f]*$/.test(text);
  for (let at = 0; at < text.length;) {
    const end = lineEnd(text, at);
    // Most rows are of one line, and of no interest.
    if (isAscii && end - at === ROW_LENGTH && wanted && !wanted(firstWord(text, at))) {
      at = end + 1;
      continue;
    }
    const line = text.slice(at, end);
    at = end + 1;
    if (!ROW_START.test(line)) continue;
    let row = line;
    let next = at;
    while (byteLength(row) < ROW_LENGTH && next < text.length) {
      const to = lineEnd(text, next);
      row += `\n${text.slice(next, to)}`;
      next = to + 1;
    }
    if (byteLength(row) === ROW_LENGTH) at = next;
    // Something has removed spaces from its end, or added a carriage return.
    else row = line;
    const entry = parseRow(row);
    if (entry && (!wanted || wanted(entry.jobId))) entries.push(entry);
  }
  return entries;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

function firstWord(text: string, from: number): string {
  const end = text.indexOf(" ", from);
  return text.slice(from, end < 0 ? from : Math.min(end, from + 12));
}

function parseRow(row: string): JobEntry | undefined {
  const cells = cellsOf(row);
  const [jobId = "", task = "", state = "", restarts = "", uid = "", comment = "", name = "", reason = ""] =
    cells;
  if (name === "") return undefined;
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

/** Slurm counts widths in bytes. */
function cellsOf(row: string): string[] {
  let at = 0;
  if (byteLength(row) === row.length) {
    return FIELDS.map(([, width]) => row.slice(at, at += width).trimEnd());
  }
  const bytes = new TextEncoder().encode(row);
  const decoder = new TextDecoder();
  return FIELDS.map(([, width]) => decoder.decode(bytes.subarray(at, at += width)).trimEnd());
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
  /** The cluster it was sent to: needed as `-M` from then on where there are several. */
  cluster?: string;
  /** The name that Slurm knows it by, where the site has rewritten the one that it was given. */
  listedAs?: string;
}

/**
 * Reads what `sbatch --parsable` printed: `id` or `id;cluster`, on a line of its own, since a site's wrapper
 * or plugin may print others; the last one counts. A wrapper may also have dropped the option.
 *
 * @returns `undefined` when it holds no id.
 */
export function parseSubmitted(text: string): SubmittedJob | undefined {
  const lines = text.split("\n").map((line) => line.trim());
  const match = lastMatch(lines, /^(\d+)(?:;(\S+))?$/) ??
    lastMatch(lines, /^Submitted batch job (\d+)(?: on cluster (\S+))?$/);
  if (!match) return undefined;
  return { jobId: match[1]!, ...(match[2] === undefined ? {} : { cluster: match[2] }) };
}

function lastMatch(lines: readonly string[], form: RegExp): RegExpExecArray | undefined {
  const line = lines.findLast((each) => form.test(each));
  return line === undefined ? undefined : form.exec(line) ?? undefined;
}

/**
 * The format for `sacct -o` that {@link parseAccounting} reads. The name can hold anything, so it comes last.
 */
export const ACCOUNTING_FORMAT = "JobID,State,UID,JobName";

const ROW =
  /^(\d+)(?:_(?:(\d+)|\[([^\]]*)\]))?(\.[^|]+|\+\d+)?\|([A-Z_]+(?: [^|]*)?)\|(?:(\d*)\|)?(.*?)\r?$/s;

/**
 * Reads what `sacct -n -P -o` {@link ACCOUNTING_FORMAT} printed. Rows of steps (`.batch`) and of further
 * parts of a job are left out, and so are other lines. Of a job with several rows, as a requeued one has, the
 * last counts.
 */
export function parseAccounting(text: string): JobEntry[] {
  const entries = new Map<string, JobEntry>();
  for (const line of text.split("\n")) {
    const match = ROW.exec(line);
    if (!match) continue;
    const [, jobId = "", index, pending, step, state = "", uid = "", name = ""] = match;
    if (step !== undefined) continue;
    const indices = index !== undefined
      ? [Number(index)]
      : pending !== undefined
      ? arrayIndices(pending)
      : [];
    const user = uid === "" ? {} : { uid: Number(uid) };
    const entry = { jobId, name, ...user, restarts: 0, state: jobState(state) };
    if (indices?.length === 0) entries.set(jobId, entry);
    for (const each of indices ?? []) entries.set(`${jobId}_${each}`, { ...entry, index: each });
  }
  return [...entries.values()];
}

/** The part of what `scontrol show job` says of a job that matters here. */
export interface JobDetail extends JobEntry {
  /** The id of this very task; of an array's last one it is the array's. */
  ownId: string;
  /** The tasks of an array that are shown together, as they have not begun; *unclear* if Slurm shortens. */
  rest?: readonly number[] | "unclear" | undefined;
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
  /** When it began, in the same form. */
  startTime?: string | undefined;
  /** How long it has run, as `1-02:03:04`, without the time in which it was suspended. */
  runTime?: string | undefined;
  /** How long it may run, as `1-02:03:04`. */
  timeLimit?: string | undefined;
  /** When it was suspended or resumed last. */
  suspendTime?: string | undefined;
  /** How long it had run before that, as Slurm prints it: seconds. */
  runBeforeSuspend?: string | undefined;
  /** Its nodes, as `cpu[1-2]`. */
  nodes?: string | undefined;
}

// Only ids come before the name, and only the end of the name is followed by this user and group.
const HEAD =
  /^JobId=(\d+) (?:ArrayJobId=(\d+) ArrayTaskId=(\S+) (?:ArrayTaskThrottle=\d+ )?)?(?:Het\S+ )*JobName=(.*?) UserId=\S*\((\d+)\) GroupId=\S*\(\d+\) /s;

/**
 * Reads what `scontrol show job -o` printed. Other lines are left out.
 *
 * @param mentions Jobs whose text has none of these words are not read, of which a site may have very many.
 * @default {all are read}
 * @returns One for each job or task, or for all tasks of an array that have not begun; `undefined` when there
 * is none, and it is not said that there is none.
 */
export function parseJobs(text: string, mentions?: readonly string[]): JobDetail[] | undefined {
  const blocks = text.trimEnd().split(/(?:^|\n)(?=JobId=\d+ )/).filter((block) => block.startsWith("JobId="));
  const details = blocks
    .filter((block) => mentions === undefined || mentions.some((word) => block.includes(word)))
    .flatMap((block) => parseBlock(block) ?? []);
  if (details.length > 0 || /^No jobs in the system/m.test(text)) return details;
  return mentions !== undefined && blocks.some((block) => parseBlock(block)) ? [] : undefined;
}

function parseBlock(block: string): JobDetail | undefined {
  const head = HEAD.exec(block);
  if (!head) return undefined;
  const [start, ownId = "", arrayId, task, name = "", uid] = head;
  const rest = ` ${block.slice(start.length)}`;
  const field = (key: string): string | undefined => {
    // Paths may have spaces: a value goes on up to the next key.
    const value = new RegExp(` ${key}=(.*?)(?= [A-Z][A-Za-z0-9/:*&_]*=|\\s*$|\\n)`, "s").exec(rest)?.[1];
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
    startTime: field("StartTime"),
    runTime: field("RunTime"),
    timeLimit: field("TimeLimit"),
    suspendTime: field("SuspendTime"),
    runBeforeSuspend: field("SecsPreSuspend"),
    nodes: field("NodeList"),
  };
  return {
    ownId,
    jobId: arrayId ?? ownId,
    ...(task === undefined
      ? {}
      : /^\d+$/.test(task)
      ? { index: Number(task) }
      : { rest: arrayIndices(task) ?? "unclear" }),
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
