import type { Clock } from "../../lib/core/system/clock.ts";
import { parseQueue } from "../../lib/slurm/client/parse_jobs.ts";
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

/** A job for {@link jobLine}. */
interface JobLine {
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
}

/** A line as `scontrol show job -o` prints it for furu. */
export function jobLine(job: JobLine): string {
  const array = job.index === undefined ? "" : ` ArrayJobId=${job.jobId} ArrayTaskId=${job.index}`;
  return [
    `JobId=${job.jobId}${array} JobName=${job.name}`,
    `UserId=me(${job.uid ?? Deno.uid()}) GroupId=me(0)`,
    `JobState=${job.state} Reason=${job.reason ?? "None"} Restarts=${job.restarts ?? 0}`,
    `ExitCode=0:0 NodeList=${job.nodes ?? "(null)"} Command=${job.command ?? "(null)"}`,
    `Comment=${job.comment ?? "(null)"}\n`,
  ].join(" ");
}

/** What a Slurm says that is asked about its set-up, unless a test says more. */
const CONFIG = "AccountingStorageType = (null)\nClusterName = fake\n";

/** Answers to programs, by the program's name; each call is kept. */
export class FakeSlurm {
  readonly calls: string[][] = [];
  readonly environments: Record<string, string>[] = [];
  /**
   * What a program answers: the next of a list, whose last one stays, or what a function says. Where nothing is said of
   * scontrol, it knows the jobs that squeue lists.
   */
  readonly answers: Record<string, Answer | Answer[] | ((args: string[]) => Answer)> = {};

  /** By program: what its answers wait for. */
  readonly holds: Record<string, Promise<unknown>> = {};

  readonly run: ProgramRunner = async ([program = "", ...args], { env }) => {
    this.calls.push([program, ...args]);
    this.environments.push({ ...env });
    await this.holds[program];
    const answer = this.#answer(program, args);
    return program === "scontrol" ? this.#controller(args, answer) : answer;
  };

  #answer(program: string, args: string[], isPeek = false): ProgramResult {
    const source = this.answers[program] ?? "";
    const answer = typeof source === "function"
      ? source(args)
      : Array.isArray(source)
      ? (source.length > 1 && !isPeek ? source.shift()! : source[0]!)
      : source;
    const result = typeof answer === "string" ? { code: 0, stdout: answer } : answer;
    return { stdout: "", stderr: "", timedOut: false, ...result };
  }

  /** What the controller says of jobs of which the test says nothing is what squeue lists. */
  #controller(args: string[], answer: ProgramResult): ProgramResult {
    const [show, what] = args[0] === "-M" ? args.slice(2) : args;
    if (show !== "show" || answer.code !== 0) return answer;
    if (what === "config") {
      if (answer.stdout === "") return { ...answer, stdout: CONFIG };
      const isNamed = answer.stdout.includes("ClusterName") ||
        !answer.stdout.includes("AccountingStorageType");
      return isNamed ? answer : { ...answer, stdout: `${answer.stdout}ClusterName = fake\n` };
    }
    if (what !== "job" || answer.stdout.includes("JobId=")) return answer;
    const id = args.at(-1) === "-o" ? undefined : args.at(-1)!;
    const cluster = args[0] === "-M" ? args.slice(0, 2) : [];
    const filter = id === undefined ? ["-h"] : ["-h", `--jobs=${id}`];
    const listed = this.#answer("squeue", [...cluster, ...filter], id !== undefined);
    if (listed.code !== 0) return listed;
    const jobs = parseQueue(listed.stdout).filter(({ jobId }) => id === undefined || jobId === id);
    if (jobs.length === 0 && id !== undefined) {
      return { ...listed, code: 1, stdout: "", stderr: "slurm_load_jobs error: Invalid job id specified\n" };
    }
    const lines = jobs.map(({ state, ...job }) => {
      const { 1: word = "", 2: reason } = /^([A-Z_]+)(?: \((.*)\))?$/s.exec(state.text) ?? [];
      return jobLine({ ...job, state: word, ...(reason === undefined ? {} : { reason }) } as JobLine);
    });
    return { ...listed, stdout: jobs.length === 0 ? "No jobs in the system\n" : lines.join("") };
  }

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
