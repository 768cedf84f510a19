import type { Machine } from "../../lib/core/system/machine.ts";
import type { ProgramResult, ProgramRunner } from "../../lib/slurm/client/program.ts";
import type { SiteMoods } from "./sim_site.ts";
import type { SimJob, SimSlurm } from "./sim_slurm.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** Who runs the run; another one's jobs stand beside it. */
export const SIM_UID = 1000;
/** Milliseconds for which Slurm remembers a job that has ended (MinJobAge). */
const REMEMBERED_MS = 300_000;

/** A job of somebody else, or of the same user for something else: nothing may ever touch it. */
interface Innocent {
  id: string;
  name: string;
  uid: number;
}

/** How a job is known to the programs, beside what the simulated Slurm knows of it. */
interface Listed {
  job: SimJob;
  id: string;
  index?: number | undefined;
  /** As the site has it. */
  name: string;
  comment: string;
  script: string;
  /** Whether scancel was told to end it before it began: that is sure, whenever a list shows it. */
  cancelled?: true;
}

type Answer = Partial<ProgramResult>;

/** Slurm's programs over a simulated Slurm, as a site has them: squeue, sbatch, scancel, scontrol and sacct. */
export class SimPrograms {
  /** What somebody did that nobody may do. */
  violation: string | undefined;
  /** How often each program was called. */
  readonly calls: Record<string, number> = {};
  readonly #slurm: SimSlurm;
  readonly #world: World;
  readonly #moods: SiteMoods;
  readonly #listed: Listed[] = [];
  readonly #innocent: Innocent[] = [];
  readonly #refusesUntil = new Map<string, number>();
  readonly #mostWorkers: number;
  #nextId: number;
  #cache: { at: number; rows: Row[] } | undefined;

  /** @param mostWorkers More workers than these are never asked for. */
  constructor(slurm: SimSlurm, world: World, moods: SiteMoods, mostWorkers: number) {
    this.#slurm = slurm;
    this.#world = world;
    this.#moods = moods;
    this.#mostWorkers = mostWorkers;
    this.#nextId = 10 + world.random.int(100);
    for (const uid of [SIM_UID, SIM_UID + 1]) {
      this.#innocent.push({ id: `${this.#nextId++}`, name: `furu-beside-${uid}`, uid });
    }
  }

  /** How a process calls the programs. */
  runner(machine: Machine): ProgramRunner {
    return async ([program = "", ...args], { timeoutMs, signal }) => {
      this.calls[program] = (this.calls[program] ?? 0) + 1;
      const { random } = this.#world;
      const isSlow = this.#chance("slow");
      const tookMs = isSlow ? random.scale(1000, this.#moods.longestMs) : random.scale(5, 100);
      // It may happen at the beginning or at the end of what takes long.
      const beforeMs = random.chance(0.5) ? tookMs : 0;
      await machine.clock.sleep(Math.min(beforeMs, timeoutMs), signal);
      const answer = beforeMs < timeoutMs ? this.#call(program, args) : {};
      await machine.clock.sleep(Math.max(0, Math.min(tookMs, timeoutMs) - beforeMs), signal);
      if (tookMs >= timeoutMs) return { stdout: "", stderr: "", timedOut: true };
      return { code: 0, stdout: "", stderr: "", timedOut: false, ...this.#noisy(answer) };
    };
  }

  /** The job that a process is in, as it knows it itself. */
  slurmJobOf(key: string): { jobId: string; name: string; restarts: number; cluster: string } {
    const found = this.#listed.find(({ job }) => job.key === key)!;
    const jobId = found.index === undefined ? found.id : `${found.id}_${found.index}`;
    return { jobId, name: key, restarts: this.#restarts(found.job), cluster: "sim" };
  }

  #chance(mood: "slow" | "down" | "deadRows" | "hidesJobs" | "noise" | "refuses" | "answerLost" | "cancels") {
    return this.#world.random.chance(this.#moods[mood]);
  }

  #noisy(answer: Answer): Answer {
    if (!this.#chance("noise") || (answer.code ?? 0) !== 0) return answer;
    const { stdout = "", stderr = "" } = answer;
    return {
      ...answer,
      stdout: `*** maintenance on Monday ***\n${stdout}\n*** see the wiki: error 7 ***\n`,
      stderr: `${stderr}slurm: error: plugin x: version 12 is old\n`,
    };
  }

  #call(program: string, args: readonly string[]): Answer {
    if (program === "sacct") return { code: 1, stderr: "Slurm accounting storage is disabled\n" };
    if (this.#chance("down")) {
      return { code: 1, stderr: `${program}: error: Unable to contact slurm controller (connect failure)\n` };
    }
    switch (program) {
      case "squeue":
        return this.#squeue(args);
      case "sbatch":
        return this.#sbatch(args);
      case "scancel":
        return this.#scancel(args);
      case "scontrol":
        return this.#scontrol(args);
      default:
        throw new Violation(`${program} is none of Slurm's programs here`);
    }
  }

  #squeue(args: readonly string[]): Answer {
    const now = this.#world.time;
    if (!this.#cache || now - this.#cache.at >= this.#moods.cacheMs) {
      this.#cache = { at: now, rows: this.#rows() };
    }
    const ids = option(args, "--jobs")?.split(",");
    const names = option(args, "--name")?.split(",");
    const format = option(args, "-O") ?? args[args.indexOf("-O") + 1] ?? "";
    const rows = this.#cache.rows.filter((row) =>
      (ids === undefined || ids.some((id) => id === row.ArrayJobID || id === idOf(row))) &&
      (names === undefined || names.includes(row.Name))
    );
    if (ids?.length === 1 && rows.length === 0) {
      return { code: 1, stderr: "slurm_load_jobs error: Invalid job id specified\n" };
    }
    const cells = format.split(",").map((cell) => cell.split(":"));
    const text = rows.map((row) =>
      cells.map(([field = "", width = "20"]) => {
        const value = row[field as keyof Row];
        if (value === undefined) throw new Violation(`squeue has no field ${field} here`);
        return value.slice(0, Number(width)).padEnd(Number(width));
      }).join("")
    );
    return { stdout: text.map((line) => `${line}\n`).join("") };
  }

  #rows(): Row[] {
    const rows = this.#listed.filter((listed) => this.#remembers(listed)).flatMap((listed): Row[] => {
      const { job, id, index, name, comment } = listed;
      if (this.#slurm.isAlive(job) && this.#chance("hidesJobs")) return [];
      const [State, Reason] = this.#chance("deadRows") ? ["CANCELLED", "None"] as const : this.#state(job);
      return [{
        ArrayJobID: id,
        ArrayTaskID: index === undefined ? "N/A" : `${index}`,
        JobID: id,
        State,
        Reason,
        RestartCnt: `${this.#restarts(job)}`,
        UserID: `${SIM_UID}`,
        UserName: "sim",
        Comment: comment,
        Name: name,
      }];
    });
    const others = this.#innocent.map(({ id, name, uid }): Row => ({
      ArrayJobID: id,
      ArrayTaskID: "N/A",
      JobID: id,
      State: "RUNNING",
      Reason: "None",
      RestartCnt: "0",
      UserID: `${uid}`,
      UserName: "sim",
      Comment: "(null)",
      Name: name,
    }));
    return [...rows, ...others];
  }

  /** The words of squeue and scontrol for a state. */
  #state(job: SimJob): readonly [state: string, reason: string] {
    const state = this.#slurm.stateOf(job);
    if (state === undefined || state.status === "pending") {
      return job.after === undefined ? ["PENDING", "Priority"] : ["PENDING", "Dependency"];
    }
    if (state.status !== "dead") return [state.text, "None"];
    const words = {
      "preempted": "PREEMPTED",
      "node-failure": "NODE_FAIL",
      "boot-failure": "BOOT_FAIL",
      "timeout": "TIMEOUT",
      "deadline": "DEADLINE",
      "cancelled": "CANCELLED",
    };
    return [state.loss === undefined ? state.text : words[state.loss], "None"];
  }

  #restarts({ history }: SimJob): number {
    return history.filter(({ state }) => state.text.includes("requeued")).length;
  }

  #remembers({ job }: Listed): boolean {
    const last = job.history.at(-1);
    return last?.state.status !== "dead" || this.#world.time - last.at < REMEMBERED_MS;
  }

  #sbatch(args: readonly string[]): Answer {
    const name = option(args, "--job-name") ?? "sbatch";
    const script = args.at(-1) ?? "";
    const spec = /\/(?:workers|nodes)\/([^/]+)\//.exec(script)?.[1] ?? "default";
    const array = option(args, "--array");
    const dependency = option(args, "--dependency");
    const exclude = option(args, "--exclude")?.split(",") ?? [];
    const { random, time } = this.#world;
    if (this.#slurm.nodes.every((node) => exclude.includes(node))) {
      return { code: 1, stderr: "sbatch: error: Requested node configuration is not available\n" };
    }
    const count = array === undefined ? 1 : Number(array.split("-")[1]) + 1;
    if (array !== undefined && count > this.#moods.arraySize) {
      return {
        code: 1,
        stderr: "sbatch: error: Batch job submission failed: Invalid job array specification\n",
      };
    }
    if (this.#chance("refuses") && !this.#refusesUntil.has(spec)) {
      this.#refusesUntil.set(spec, time + random.scale(1000, this.#moods.refusalMs));
    }
    if (time < (this.#refusesUntil.get(spec) ?? 0)) {
      const words = "Batch job submission failed: Required partition not available (inactive or drain)";
      return { code: 1, stderr: `sbatch: error: ${words}\n` };
    }
    const alive = this.#listed.filter(({ job }) => job.spec === spec && this.#slurm.isAlive(job)).length;
    if (alive + count > this.#moods.limit) {
      const words = "Batch job submission failed: Job violates accounting/QOS policy";
      return { code: 1, stderr: `sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: ${words}\n` };
    }
    const [kind, ...waitsFor] = dependency?.split(":") ?? [];
    const ends = kind === undefined ? undefined : waitsFor;
    if (ends === undefined) this.#checkCount(count);
    const id = `${this.#nextId++}`;
    const after = ends?.flatMap((end) =>
      this.#listed.filter((each) => each.id === end || `${each.id}_${each.index}` === end).map(({ job }) =>
        job.key
      )
    );
    for (let index = 0; index < count; index++) {
      const task = array === undefined ? undefined : index;
      const key = task === undefined ? name : `${name}_${task}`;
      const job = this.#slurm.submit(spec, exclude, { after, key, needsSuccess: kind === "afterok" });
      this.#listed.push({
        job,
        id,
        index: task,
        name: this.#moods.renames ? `site-${id}` : name,
        comment: option(args, "--comment") ?? "(null)",
        script,
      });
      if (this.#chance("cancels")) this.#slurm.cancel(job);
    }
    if (this.#chance("answerLost")) {
      return { code: 1, stderr: "sbatch: error: Socket timed out on send/recv operation\n" };
    }
    return { stdout: `${id}\n` };
  }

  #checkCount(more: number): void {
    const pending =
      this.#listed.filter(({ job, cancelled }) =>
        !cancelled && job.after === undefined && this.#slurm.stateOf(job)?.status === "pending"
      ).length;
    if (pending + more > this.#mostWorkers) {
      this.violation ??=
        `${more} jobs beside ${pending} that are pending: at most ${this.#mostWorkers} are wanted`;
    }
  }

  #scancel(args: readonly string[]): Answer {
    const pendingOnly = args.some((arg) => /^--state=PENDING$/i.test(arg));
    for (const id of args.filter((arg) => /^\d+(_\d+)?$/.test(arg))) {
      if (this.#innocent.some((each) => each.id === id.split("_")[0])) {
        this.violation ??= `scancel of job ${id}, which is somebody else's`;
      }
      for (const each of this.#listed) {
        if (each.id !== id && `${each.id}_${each.index}` !== id) continue;
        const isPending = this.#slurm.stateOf(each.job)?.status === "pending";
        if (isPending) each.cancelled = true;
        if (pendingOnly && !isPending) continue;
        this.#slurm.cancel(each.job);
      }
    }
    return {};
  }

  #scontrol(args: readonly string[]): Answer {
    const [verb, what] = args;
    if (verb === "show" && what === "config") {
      return {
        stdout:
          "Configuration data as of now\nAccountingStorageType   = (null)\nClusterName             = sim\n" +
          "KillWait                = 30 sec\nMaxArraySize            = 1001\nMinJobAge               = 300 sec\n" +
          "SLURM_VERSION           = 22.05.8\n",
      };
    }
    const id = args.find((arg) => /^(JobId=)?\d+(_\d+)?$/.test(arg))?.replace("JobId=", "");
    const found = this.#listed.filter((each) =>
      (id === undefined || each.id === id || `${each.id}_${each.index}` === id) && this.#remembers(each)
    );
    const other = this.#innocent.find((each) => each.id === id);
    if (found.length === 0 && !other) {
      if (id === undefined) return { stdout: "No jobs in the system\n" };
      return { code: 1, stderr: "slurm_load_jobs error: Invalid job id specified\n" };
    }
    if (verb === "show") {
      const text = found.map((each) => this.#detail(each)).join("");
      return {
        stdout: other
          ? `JobId=${other.id} JobName=${other.name} UserId=sim(${other.uid}) GroupId=sim(1000) MCS_label=N/A JobState=RUNNING Reason=None Restarts=0\n`
          : text,
      };
    }
    if (other) this.violation ??= `scontrol ${args.join(" ")} is about somebody else's job`;
    const ends = args.find((arg) => arg.startsWith("Dependency="))?.replace("Dependency=afterany:", "").split(
      ":",
    );
    if (verb === "update" && ends) {
      for (const { job } of found) {
        if (job.after === undefined) return { code: 1, stderr: "Job is no longer pending execution\n" };
        job.after = this.#listed.filter((each) =>
          ends.includes(each.id) || ends.includes(`${each.id}_${each.index}`)
        )
          .map((each) => each.job.key);
      }
      this.#slurm.inherit();
    }
    return {};
  }

  #detail({ job, id, index, name, comment, script }: Listed): string {
    const [state, reason] = this.#state(job);
    const array = index === undefined ? "" : ` ArrayJobId=${id} ArrayTaskId=${index}`;
    const told = comment === "(null)" ? "" : ` Comment=${comment}`;
    return `JobId=${id}${array} JobName=${name} UserId=sim(${SIM_UID}) GroupId=sim(1000) MCS_label=N/A ` +
      `JobState=${state} Reason=${reason} Dependency=(null) Restarts=${this.#restarts(job)} ExitCode=0:0 ` +
      `NodeList=${job.node ?? "(null)"} Command=${script}${told} StdOut=/log\n`;
  }
}

/** A row of squeue, by its names of fields. */
interface Row {
  ArrayJobID: string;
  ArrayTaskID: string;
  JobID: string;
  State: string;
  Reason: string;
  RestartCnt: string;
  UserID: string;
  UserName: string;
  Comment: string;
  Name: string;
}

function idOf({ ArrayJobID, ArrayTaskID }: Row): string {
  return ArrayTaskID === "N/A" ? ArrayJobID : `${ArrayJobID}_${ArrayTaskID}`;
}

function option(args: readonly string[], name: string): string | undefined {
  return args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);
}
