import { jobState } from "./job_state.ts";
import type { JobEntry } from "./parse.ts";

/** All that `scontrol show job` says of a job which matters here. */
export interface JobDetail extends JobEntry {
  /** The id of this very task; of an array's last one it is the array's. */
  ownId: string;
  /** Its exit code, and the signal that ended it. */
  exitCode?: { code: number; signal: number };
  /** What it still waits for, as `afterok:12(unfulfilled)`. */
  dependency?: string;
  /** Where its output goes. */
  output?: string;
  /** When it has to end, as local time: `2026-11-20T20:19:10`. */
  endTime?: string;
  /** Its nodes, as `cpu[1-2]`. */
  nodes?: string;
}

// Only ids come before the name, and only the end of the name is followed by this user and group.
const HEAD =
  /^JobId=(\d+) (?:ArrayJobId=(\d+) ArrayTaskId=(\S+) (?:ArrayTaskThrottle=\d+ )?)?(?:Het\S+ )*JobName=(.*?) UserId=\S*\(\d+\) GroupId=\S*\(\d+\) /s;

/**
 * Reads what `scontrol show job -o` printed.
 *
 * @returns One for each job or task (a pending rest of an array is one without an index); `undefined` when the text is
 * something else.
 */
export function parseJobs(text: string): JobDetail[] | undefined {
  const blocks = text.trimEnd().split(/\n(?=JobId=\d+ )/).filter((block) => block.trim() !== "");
  const details = blocks.map(parseBlock);
  return details.every((detail) => detail !== undefined) ? details : undefined;
}

function parseBlock(block: string): JobDetail | undefined {
  const head = HEAD.exec(block);
  if (!head) return undefined;
  const [start, ownId = "", arrayId, task, name = ""] = head;
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
    endTime: field("EndTime"),
    nodes: field("NodeList"),
  };
  return {
    ownId,
    jobId: arrayId ?? ownId,
    ...(task !== undefined && /^\d+$/.test(task) ? { index: Number(task) } : {}),
    name,
    restarts: Number(field("Restarts") ?? 0),
    state: jobState(state, field("Reason")),
    ...(exit ? { exitCode: { code: Number(exit[1]), signal: Number(exit[2]) } } : {}),
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
  };
}
