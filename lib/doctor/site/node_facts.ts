import type { ClockOffset, Sight } from "./exchange.ts";

/** What was found on a node by a job. */
export interface NodeFacts {
  /** Its name. */
  readonly name: string;
  /** What the agent told: `libc`, `tmpFreeKb`, ... */
  readonly info: ReadonlyMap<string, string>;
  /** Its clock against this machine's. */
  readonly clock?: ClockOffset | undefined;
  /** How furu's program began there. */
  readonly begin?: { readonly code: number; readonly text: string } | undefined;
  /** How submitting from there went. */
  readonly submit?: SubmitTry | undefined;
}

/** How submitting a job from a node went. */
export interface SubmitTry {
  /** Exit codes by program; a program that was not started has none. */
  readonly codes: ReadonlyMap<string, number>;
  /** The job's id. */
  readonly jobId?: string | undefined;
  /** What the programs said. */
  readonly text: string;
}

/** What the jobs told. */
export interface JobFacts {
  /** The words of sbatch that refused them. */
  refused?: string | undefined;
  /** Whether only the missing memory was refused. */
  mustAskMemory?: boolean | undefined;
  /** Milliseconds until sbatch answered. */
  submitMs?: number | undefined;
  /** Jobs that did not begin in time, or ended before they told anything. */
  silent: {
    jobId: string;
    state: string;
    ended: boolean;
    waitedSec: number;
    /** The words of its log about a line of setup that failed. */
    fault?: string | undefined;
  }[];
  /** Why there is no second node. */
  alone?: string | undefined;
  /** The nodes. */
  nodes: NodeFacts[];
  /** How soon machines see what others do. */
  sights: Sight[];
  /** Seconds that each had to see it. */
  sightLimitSec: number;
  /** Seconds until squeue showed that a job had come, and that it had ended; `null` if not in time. */
  queue: { seenSec?: number | null; goneSec?: number | null };
  /** Seconds until sacct told that a job had ended; `null` if not in time. */
  sacctSec?: number | null;
  /** Why not everything could be tried. */
  trouble?: string | undefined;
  /** What could not be taken away. */
  left: string[];
}

/** Reads the `name=value` lines of an agent. */
export function parseInfo(text: string): Map<string, string> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const at = line.indexOf("=");
      return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1).trim()] as const];
    }),
  );
}

/** Reads what a script printed that ends with `code=N`. */
export function parseCode(text: string): { code: number; text: string } {
  const match = /^code=(\d+)\s*$/m.exec(text);
  return { code: Number(match?.[1] ?? NaN), text: text.replace(/^code=\d+\s*$/m, "").trim() };
}

/** Reads what the script that tries to submit printed. */
export function parseSubmitTry(text: string): SubmitTry {
  const codes = new Map<string, number>();
  const rest: string[] = [];
  let jobId: string | undefined;
  for (const line of text.split("\n")) {
    const match = /^(sbatch|squeue|scontrol|scancel|id|code)=(\d+)$/.exec(line.trim());
    if (!match) rest.push(line);
    else if (match[1] === "id") jobId = match[2];
    else codes.set(match[1]!, Number(match[2]));
  }
  return { codes, jobId, text: rest.join("\n").trim() };
}
