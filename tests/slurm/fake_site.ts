import type { ProgramResult } from "../../lib/slurm/client/program.ts";
import { SlurmClient } from "../../lib/slurm/client/client.ts";
import { FakeClock, FakeSlurm, jobLine, queueRow } from "./fake_slurm.ts";

/** A job of a {@link FakeSite}. */
export interface SiteJob {
  jobId: number | string;
  name: string;
  state: string;
  index?: number;
  restarts?: number;
  reason?: string;
  uid?: number;
  comment?: string;
  command?: string;
}

const DOWN = { code: 1, stderr: "slurm_load_jobs error: Unable to contact slurm controller\n" };
const UNKNOWN = { code: 1, stderr: "slurm_load_jobs error: Invalid job id specified\n" };

/** A Slurm with jobs, whose squeue has a mood. */
export class FakeSite {
  readonly slurm = new FakeSlurm();
  readonly clock = new FakeClock();
  readonly client: SlurmClient;
  /** What the controller knows. */
  jobs: SiteJob[] = [];
  /** What the accounting knows. `undefined`: there is none. */
  accounted: SiteJob[] | undefined;
  /** For so long squeue answers what it answered before. */
  cacheMs = 0;
  /** Programs that do not answer. */
  readonly down = new Set<string>();
  /** Whether jobs of other users are shown. */
  showsOthers = true;
  /** Replaces squeue's answer. */
  squeueSays: string | undefined;
  readonly notices: string[] = [];
  #cached: { at: number; jobs: SiteJob[] } | undefined;

  constructor(readonly uid = Deno.uid()!) {
    this.client = new SlurmClient({ env: {}, clock: this.clock, run: this.slurm.run, intervalSec: 10 });
    this.client.notice = (text) => this.notices.push(text);
    this.slurm.answers.squeue = (args) => this.#squeue(args);
    this.slurm.answers.scontrol = (args) => this.#scontrol(args);
    this.slurm.answers.sacct = (args) => this.#sacct(args);
  }

  /** How often a program was started with these words among its arguments. */
  count(program: string, ...words: string[]): number {
    return this.slurm.calls.filter(([name, ...args]) =>
      name === program && words.every((word) => args.includes(word))
    ).length;
  }

  #seen(jobs: readonly SiteJob[]): SiteJob[] {
    return jobs.filter(({ uid = this.uid }) => this.showsOthers || uid === this.uid);
  }

  #squeue(args: string[]): string | Partial<ProgramResult> {
    if (this.down.has("squeue")) return DOWN;
    if (this.squeueSays !== undefined) return this.squeueSays;
    if (!this.#cached || this.clock.ms - this.#cached.at >= this.cacheMs) {
      this.#cached = { at: this.clock.ms, jobs: this.jobs.map((job) => ({ ...job })) };
    }
    const value = (option: string) =>
      args.find((arg) => arg.startsWith(`--${option}=`))?.split("=")[1]?.split(",");
    const users = args.includes("--me") ? [`${this.uid}`] : value("user");
    const ids = value("jobs");
    const rows = this.#seen(this.#cached.jobs).filter(({ jobId, uid = this.uid }) =>
      (!users || users.includes(`${uid}`)) && (!ids || ids.includes(`${jobId}`))
    );
    if (ids?.length === 1 && rows.length === 0) return UNKNOWN;
    return rows.map((job) => `${queueRow({ uid: this.uid, ...job })}\n`).join("");
  }

  #scontrol(args: string[]): string | Partial<ProgramResult> {
    if (args.includes("config")) {
      const storage = this.accounted ? "accounting_storage/slurmdbd" : "(null)";
      return `AccountingStorageType = ${storage}\nClusterName = here\n`;
    }
    if (this.down.has("scontrol")) return DOWN;
    const id = args.at(-1)!;
    const jobs = this.#seen(this.jobs).filter(({ jobId }) => id === "-o" || `${jobId}` === id);
    if (jobs.length === 0) return id === "-o" ? "No jobs in the system\n" : UNKNOWN;
    return jobs.map((job) => jobLine({ uid: this.uid, ...job })).join("");
  }

  #sacct(args: string[]): string {
    const ids = args.at(-1)!.split(",");
    return (this.accounted ?? []).filter(({ jobId }) => ids.includes(`${jobId}`)).map((job) =>
      `${job.jobId}|${job.state}|${job.uid ?? this.uid}|${job.name}\n`
    ).join("");
  }
}
