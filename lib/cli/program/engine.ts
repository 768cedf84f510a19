import type { ConfigOptions } from "../../core/config.ts";
import type { RunSummary } from "../../core/event.ts";
import type { LimitUnits } from "../../core/settings/limits.ts";
import type { PoolJobOptions } from "../../slurm/pool/pool_job.ts";
import type { CancelledRun } from "../../slurm/run/find_run.ts";
import type { RunPoolOptions, SubmittedRun } from "../../slurm/run/run_slurm_options.ts";
import type { ArtifactKey } from "../../store/layout.ts";
import type { Artifact, TaskDefinition } from "../../task/artifact/artifact.ts";
import type { Task } from "../../task/artifact/task.ts";
import type { PlanSlurmOptions } from "../view/plan_slurm.ts";
import type { PlanView } from "../view/plan_view.ts";

/** The options of a run that `furu run` sets. */
export interface RunOptions {
  /** URL of the module that the run was started with. */
  entry: string;
  /** Most tasks at a time, in all or for each spec. */
  maxWorkers?: number | Record<string, number>;
  /** The number of roots that are worked on at a time. */
  window?: "dfs" | "bfs" | number;
  /** Go on after a failure with what does not depend on it. */
  keepGoing: boolean;
  /** Names of tasks to compute again, or all. */
  force?: "ALL" | string[];
  /** Whether what depends on them is computed again, too. */
  forceDependents?: boolean;
  /** Whether tasks run in worker processes or in this one. */
  isolation?: "process" | "inline";
  /** The way in which the run shows itself. */
  progress: "auto" | "plain" | "quiet" | "json";
  /** The number of times that a failed task is tried again. */
  maxComputeRetries?: number;
  /** Whether tasks that failed in an earlier run are tried again. */
  retryFailed?: boolean;
  /** Megabytes of V8's heap in each process that computes. */
  maxHeapMb?: number;
  /** After so many tasks such a process is replaced. */
  maxTasksPerWorker?: number;
  /** After a task that leaves it more megabytes it is replaced, too. */
  maxWorkerMb?: number;
  /** Units of limits by name. */
  limits?: Record<string, number>;
  /** Priorities of roots by the names of their tasks. */
  priority?: Record<string, number>;
  /** Who is told how it ends. */
  notify?: string | false;
}

/** The options that only a run on Slurm has. */
export type SlurmModeOptions =
  & {
    /** Whether to leave once the jobs are submitted. */
    detach: boolean;
    /**
     * Whether jobs run the code as it is now.
     *
     * @default {true}
     */
    snapshot?: boolean;
    /**
     * The cluster of specs that name none.
     *
     * @default {the one that the shell chooses, else the machine's own}
     */
    cluster?: string;
  }
  & (
    | { mode: "dag" }
    | { mode: "pool" }
      & Pick<
        RunPoolOptions,
        | "maxWorkers"
        | "window"
        | "keepGoing"
        | "limits"
        | "idleTimeoutSec"
        | "tasksPerWorker"
        | "launcher"
        | "takeOver"
      >
  );

/** The options of a run on Slurm that `furu run --slurm` sets. */
export type SlurmRunOptions =
  & Pick<
    RunOptions,
    | "entry"
    | "force"
    | "forceDependents"
    | "progress"
    | "maxComputeRetries"
    | "retryFailed"
    | "maxHeapMb"
    | "maxTasksPerWorker"
    | "maxWorkerMb"
    | "priority"
    | "notify"
  >
  & SlurmModeOptions;

/** A run on Slurm that goes on by itself. */
export type DetachedRun = Pick<SubmittedRun, "runId" | "runDir" | "jobIds" | "rootJobIds">;

/**
 * The rest of furu as commands use it. It is given in, so that commands can be tested by themselves. Each
 * part of the real one is loaded when it is used, which keeps `--help` fast.
 */
export interface Engine {
  /** Sets configuration from flags. */
  configure(options: ConfigOptions): Promise<void>;
  /** The store's folder, absolute. */
  root(): Promise<string>;
  /**
   * Runs all that is missing.
   *
   * @throws {RunFailedError} If tasks failed.
   */
  runLocal(roots: readonly Artifact[], options: RunOptions): Promise<RunSummary>;
  /**
   * Runs all that is missing as Slurm jobs.
   *
   * @returns The jobs that were submitted, or the summary of a run that was followed.
   */
  runSlurm(roots: readonly Artifact[], options: SlurmRunOptions): Promise<RunSummary | DetachedRun>;
  /**
   * Follows a run on Slurm that was submitted before.
   *
   * @throws {RunFailedError}
   */
  follow(runId: string, options: Pick<RunOptions, "progress">): Promise<RunSummary>;
  /**
   * Cancels the jobs of a run on Slurm.
   *
   * @returns What became of its jobs.
   * @throws {ExecutionError} If it is somebody else's, or another cluster's.
   */
  cancel(runId: string): Promise<CancelledRun>;
  /**
   * Works for a run until there is nothing more to do.
   *
   * @returns The exit code.
   */
  worker(options: Omit<PoolJobOptions, "env">): Promise<number>;
  /** The value of an artifact. */
  get(artifact: Artifact, options: { force: boolean }): Promise<unknown>;
  /**
   * The stored value of an artifact, which is not computed.
   *
   * @throws {StoreError} If it is not stored, or damaged.
   */
  storedValue(key: ArtifactKey): Promise<unknown>;
  /** The plan for the roots. */
  plan(
    roots: readonly Artifact[],
    options: Pick<RunOptions, "force" | "forceDependents" | "priority">,
  ): Promise<PlanView>;
  /** The limits that a run of these would have. */
  limits(limits: Readonly<Record<string, number>> | undefined): Promise<LimitUnits>;
  /**
   * The facts that a pool looks at besides the plan: the time limits of attempts, and the run that it would
   * take up.
   */
  poolPlan(
    roots: readonly Artifact[],
    options: Pick<RunOptions, "entry" | "force" | "forceDependents"> & { cluster?: string | undefined },
  ): Promise<Pick<PlanSlurmOptions, "nodes" | "adopts">>;
  /** The artifact of a task with parameters written as `key=value`. */
  setParams(task: TaskDefinition, assignments: readonly string[]): Promise<Artifact>;
  /** Names of the tasks defined so far. */
  taskNames(): Promise<string[]>;
  /** The task of that name. */
  findTask(name: string): Promise<TaskDefinition | undefined>;
}

/** The real one. */
export const systemEngine: Engine = {
  configure: async (options) => (await import("../../core/config.ts")).configure(options),
  root: async () => (await import("../../core/config.ts")).resolveConfig().root,
  async runLocal(roots, options) {
    const [{ runRootsLocally }, { slurmHints }] = await Promise.all([
      import("../../local/run_local.ts"),
      import("../../slurm/jobs/slurm_hints.ts"),
    ]);
    return await runRootsLocally([...roots], options, slurmHints());
  },
  runSlurm: async (roots, options) =>
    await (await import("../../slurm/run_slurm.ts")).runOnSlurm([...roots], options),
  follow: async (runId, options) =>
    await (await import("../../slurm/follow_run.ts")).followRun(runId, options),
  cancel: async (runId) => await (await import("../../slurm/cancel_run.ts")).cancelRun(runId),
  async worker(options) {
    // Every schema is used a few times here: compiling it takes longer. Before any is made, or it has no
    // effect.
    (await import("zod")).z.config({ jitless: true });
    const [{ runPoolJob }, { environmentVariables }] = await Promise.all([
      import("../../slurm/pool/pool_job.ts"),
      import("../../core/environment.ts"),
    ]);
    return await runPoolJob({ ...options, env: environmentVariables() });
  },
  async get(artifact, options) {
    const [{ getArtifact }, { slurmHints }] = await Promise.all([
      import("../../run/get/get.ts"),
      import("../../slurm/jobs/slurm_hints.ts"),
    ]);
    return await getArtifact(artifact, options, slurmHints());
  },
  async storedValue(key) {
    const [{ resolveConfig }, { systemRuntime }, { readStored }] = await Promise.all([
      import("../../core/config.ts"),
      import("../../run/default_runtime.ts"),
      import("../../catalog/read_stored.ts"),
    ]);
    return await readStored(systemRuntime(resolveConfig()), key);
  },
  async limits(limits) {
    const { resolveConfig } = await import("../../core/config.ts");
    return resolveConfig(limits === undefined ? {} : { limits: { ...limits } }).limits ?? {};
  },
  async plan(roots, options) {
    const [{ planRoots }, { slurmIsOver }] = await Promise.all([
      import("../../local/plan_roots.ts"),
      import("../../slurm/jobs/slurm_hints.ts"),
    ]);
    return await planRoots([...roots], options, slurmIsOver()) as PlanView;
  },
  async poolPlan(roots, options) {
    const [{ adoptableRun }, { poolNodes }, { growSpecs, withGrowth }, { resolveConfig }] = await Promise.all(
      [
        import("../../slurm/pool/adopt_run.ts"),
        import("../../remote/run_nodes.ts"),
        import("../../slurm/run/grown_specs.ts"),
        import("../../core/config.ts"),
      ],
    );
    const hashes = [...new Set(roots.map(({ hash }) => hash))];
    const growth = growSpecs(resolveConfig().slurm?.specs ?? {}).ladder;
    const nodes = poolNodes(roots).map((node) => ({ ...node, ...withGrowth(node, growth) }));
    const { forceDependents, ...rest } = options;
    const { dependentsOfForced } = await import("../../plan/forced.ts");
    const forcedDependents = forceDependents ? dependentsOfForced(roots, options.force ?? []) : [];
    return { nodes, adopts: await adoptableRun({ roots: hashes, nodes, ...rest, forcedDependents }) };
  },
  async setParams(definition, assignments) {
    const [
      { setParams },
      { parseWithInputs },
      { readInput },
      { makeArtifact },
      { parseParams },
    ] = await Promise.all([
      import("../../task/schema/set_params.ts"),
      import("../../task/schema/input_schema.ts"),
      import("../../run/get/read_input.ts"),
      import("../../task/artifact/make.ts"),
      import("../../task/schema/parse.ts"),
    ]);
    // Of a task that was found by its name only the definition is known.
    const apply = (params: unknown) => makeArtifact(definition, parseParams(definition, params));
    const task = Object.assign(apply, { definition }) as unknown as Task;
    return await parseWithInputs(readInput, () => setParams(task, assignments));
  },
  taskNames: async () => (await import("../../task/artifact/registry.ts")).taskNames(),
  findTask: async (name) => (await import("../../task/artifact/registry.ts")).findTask(name),
};
