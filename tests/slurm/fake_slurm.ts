import type { Clock } from "../../lib/core/system/clock.ts";
import type { ProgramResult, ProgramRunner } from "../../lib/slurm/client/program.ts";

/** A row as squeue prints it for furu. */
export function queueRow(job: {
  jobId: number | string;
  name: string;
  state: string;
  index?: number;
  restarts?: number;
  reason?: string;
  uid?: number;
  comment?: string;
}): string {
  const cells: [string, number][] = [
    [`${job.jobId}`, 12],
    [`${job.index ?? "N/A"}`, 12],
    [job.state, 20],
    [`${job.restarts ?? 0}`, 8],
    [`${job.uid ?? Deno.uid()}`, 12],
    [job.comment ?? "(null)", 128],
    [job.name, 128],
    [job.reason ?? "None", 64],
  ];
  return cells.map(([text, width]) => text.padEnd(width)).join("");
}

/** A line as `scontrol show job -o` prints it for furu. */
export function jobLine(job: {
  jobId: number | string;
  name: string;
  state: string;
  index?: number | string;
  restarts?: number;
  reason?: string;
  uid?: number;
  comment?: string;
  command?: string;
  nodes?: string;
}): string {
  const array = job.index === undefined ? "" : ` ArrayJobId=${job.jobId} ArrayTaskId=${job.index}`;
  return [
    `JobId=${job.jobId}${array} JobName=${job.name}`,
    `UserId=me(${job.uid ?? Deno.uid()}) GroupId=me(0)`,
    `JobState=${job.state} Reason=${job.reason ?? "None"} Restarts=${job.restarts ?? 0}`,
    `ExitCode=0:0 NodeList=${job.nodes ?? "(null)"} Command=${job.command ?? "(null)"}`,
    `Comment=${job.comment ?? "(null)"}\n`,
  ].join(" ");
}

/** Answers to programs, by the program's name; each call is kept. */
export class FakeSlurm {
  readonly calls: string[][] = [];
  readonly environments: Record<string, string>[] = [];
  /** What a program answers: the next of a list, whose last one stays, or what a function says. */
  readonly answers: Record<string, Answer | Answer[] | ((args: string[]) => Answer)> = {};

  readonly run: ProgramRunner = ([program = "", ...args], { env }) => {
    this.calls.push([program, ...args]);
    this.environments.push({ ...env });
    const source = this.answers[program] ?? "";
    const answer = typeof source === "function"
      ? source(args)
      : Array.isArray(source)
      ? (source.length > 1 ? source.shift()! : source[0]!)
      : source;
    const result = typeof answer === "string" ? { code: 0, stdout: answer } : answer;
    return Promise.resolve({ stdout: "", stderr: "", timedOut: false, ...result });
  };

  count(program: string): number {
    return this.calls.filter(([name]) => name === program).length;
  }
}

/** Text on stdout with exit code 0, or more. */
export type Answer = string | Partial<ProgramResult>;

/** A clock that stands still but for sleeps, which take no time. */
export class FakeClock implements Clock {
  ms = 0;
  readonly sleeps: number[] = [];
  now(): number {
    return this.ms;
  }
  monotonic(): number {
    return this.ms;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    this.sleeps.push(ms);
    this.ms += ms;
    return Promise.resolve();
  }
}
