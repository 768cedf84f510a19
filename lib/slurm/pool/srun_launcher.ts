import { join } from "@std/path/posix/join";
import { SlurmError } from "../../core/errors.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type {
  JobsAnswer,
  SubmitAnswer,
  WorkerJobState,
  WorkerLauncher,
  WorkerRequest,
} from "../../pool/launcher.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Runtime } from "../../run/runtime.ts";
import { Tail } from "../../run/output/tail.ts";
import { stepEnvironment } from "../client/environment.ts";
import { poolWorkerCommand } from "../client/job_command.ts";
import { probeCommand } from "../../worker/command.ts";
import { batchScript } from "../client/script.ts";
import { type ProgramStarter, type RunningProgram, startProgram } from "../client/program.ts";
import type { ParsedSpec } from "../client/spec.ts";
import { WORKER_MARK } from "../client/job_log.ts";

/** What a {@link SrunLauncher} works with. */
export interface SrunLauncherOptions {
  /** The environment of this process, which runs in a Slurm job. */
  env: Readonly<Record<string, string>>;
  /** Where everything of the run is. */
  paths: QueuePaths;
  /** The run. */
  run: Pick<PoolRun, "runId" | "entry" | "code" | "config">;
  /** The resources of each spec, out of those that the job has. */
  specs: Readonly<Record<string, ParsedSpec>>;
  /**
   * Starts srun.
   *
   * @default {the machine's own}
   */
  start?: ProgramStarter | undefined;
}

interface Step {
  readonly key: string;
  readonly spec: string;
  readonly order: number;
  readonly log: string;
  readonly process: RunningProgram;
  readonly words: Tail;
  readonly over: Promise<void>;
  state: WorkerJobState;
}

/** Starts the workers of a run as steps of the Slurm job that this process runs in. */
export class SrunLauncher implements WorkerLauncher {
  readonly #runtime: Runtime;
  readonly #options: SrunLauncherOptions;
  readonly #steps: Step[] = [];
  #cancelled = false;

  /** The number of workers that were told to leave with all others. */
  cancelled = 0;

  /**
   * Starts nothing yet.
   *
   * @throws {SlurmError} outside of a Slurm job.
   */
  constructor(runtime: Runtime, options: SrunLauncherOptions) {
    checkInJob(options.env);
    this.#runtime = runtime;
    this.#options = options;
  }

  async submit({ spec, count, exclude }: WorkerRequest): Promise<SubmitAnswer> {
    for (let taken = 0; taken < count; taken++) {
      try {
        await this.#start(spec, exclude);
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        return { taken, refusal: { kind: "refused", error } };
      }
    }
    return { taken: count };
  }

  async jobs(): Promise<JobsAnswer> {
    for (const step of this.#steps) {
      if (step.state.status !== "pending" || !await this.#hasBegun(step)) continue;
      step.state = { status: "running", text: "its step runs" };
    }
    return {
      jobs: this.#steps.map(({ key, spec, order, log, state }) => ({
        key,
        id: key,
        spec,
        order,
        log,
        state,
      })),
    };
  }

  async cancelPending(keys: readonly string[]): Promise<void> {
    for (const step of this.#steps) {
      if (!keys.includes(step.key) || step.state.status !== "pending" || await this.#hasBegun(step)) continue;
      step.process.kill("SIGTERM");
    }
  }

  // srun hands this signal on to its step; at SIGTERM it would end the step at once.
  cancelAll(): Promise<void> {
    this.#cancelled = true;
    for (const { process, state } of this.#steps) {
      if (state.status === "dead") continue;
      this.cancelled++;
      process.kill(state.status === "pending" ? "SIGTERM" : "SIGUSR1");
    }
    return Promise.resolve();
  }

  /** Ends what is left of the steps, which have had their time to leave. */
  async close(): Promise<void> {
    const left = this.#steps.filter(({ state }) => state.status !== "dead");
    if (!this.#cancelled) {
      // They were told that the run has ended, and leave at once.
      const grace = new AbortController();
      const limit = this.#runtime.machine.clock.sleep(5000, grace.signal).catch(() => {/* all have left */});
      await Promise.race([Promise.all(left.map(({ over }) => over)), limit]);
      grace.abort();
    }
    for (const { process, state } of left) if (state.status !== "dead") process.kill("SIGTERM");
    await Promise.all(left.map(({ over }) => over));
  }

  async #start(spec: string, exclude: readonly string[]): Promise<void> {
    const { env, paths, run, specs, start = startProgram } = this.#options;
    const { machine, store } = this.#runtime;
    const parsed = specs[spec];
    if (!parsed) throw new SlurmError(`Cannot start a worker as there is no spec '${spec}'`);
    const folder = join(run.config.slurmRoot, "workers", spec, run.runId);
    await store.makeDir(folder);
    const key = `step-${machine.randomId()}`;
    const log = join(folder, `${key}.log`);
    const script = join(folder, `${key}.sh`);
    const command = poolWorkerCommand(run, { run: paths.run, spec, job: key });
    const title = `furu: a worker of run ${run.runId}, spec ${spec}`;
    await machine.files.write(
      script,
      batchScript({ title, setup: parsed.setup, command, probe: probeCommand() }),
    );
    const output = `--output=${log.replaceAll("%", "%%")}`;
    const process = start(["srun", ...stepOptions(parsed, exclude), output, "bash", script], {
      env: stepEnvironment(env),
    });
    const words = new Tail();
    const step: Step = {
      key,
      spec,
      order: this.#steps.length,
      log,
      process,
      words,
      state: { status: "pending", text: "srun waits for room in the job" },
      over: this.#watch(process, words, () => step),
    };
    this.#steps.push(step);
  }

  async #watch(process: RunningProgram, words: Tail, step: () => Step): Promise<void> {
    const reading = (async () => {
      for await (const chunk of process.stderr) words.push(chunk);
    })().catch(() => {/* what was read is kept */});
    const { code, signal } = await process.ended;
    await reading;
    const how = signal === null ? `srun ended with exit code ${code}` : `srun was ended by ${signal}`;
    const said = words.lines().at(-1);
    const text = code === 0 || said === undefined ? how : `${how}: ${said}`;
    step().state = { status: "dead", text, ...(this.#cancelled ? { loss: "cancelled" as const } : {}) };
  }

  async #hasBegun({ log }: Step): Promise<boolean> {
    return (await this.#runtime.store.read(log) ?? "").includes(WORKER_MARK);
  }
}

/**
 * Refuses to start steps where there is no job.
 *
 * @throws {SlurmError}
 */
export function checkInJob(env: Readonly<Record<string, string>>): void {
  if (env.SLURM_JOB_ID !== undefined) return;
  throw new SlurmError(
    `Cannot use launcher "srun" outside of a Slurm job as there is no SLURM_JOB_ID: begin one with salloc or sbatch, or use ` +
      `launcher "sbatch"`,
  );
}

/** One process on one node, beside the others: what of the job a step does not ask for is left to them. */
function stepOptions({ cpus, gpus, memGb }: ParsedSpec, exclude: readonly string[]): string[] {
  return [
    "--nodes=1",
    "--ntasks=1",
    `--cpus-per-task=${cpus}`,
    "--exact",
    // 0 is all that the job has, shared with other steps.
    `--mem=${memGb === undefined ? "0" : `${Math.ceil(memGb * 1024)}M`}`,
    ...(gpus > 0 ? [`--gres=gpu:${gpus}`] : []),
    ...(exclude.length > 0 ? [`--exclude=${exclude.join(",")}`] : []),
    "--export=ALL",
    "--input=none",
  ];
}
