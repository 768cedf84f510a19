import { resolveConfig } from "../../core/config.ts";
import { environmentVariables } from "../../core/environment.ts";
import { furuErrorName } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import { scale } from "../../pool/fleet/scale.ts";
import { checkSpecs, checkTimeLimits, type LimitedNode } from "../../slurm/run/check_specs.ts";
import {
  askPartitions,
  checkClusters,
  checkOneCluster,
  type PartitionsOf,
} from "../../slurm/run/spec_clusters.ts";
import { dagLimitFaults } from "../../slurm/run/check_limits.ts";
import { limitFaults } from "../../plan/limits.ts";
import type { LimitUnits } from "../../core/settings/limits.ts";
import { growSpecs } from "../../slurm/run/grown_specs.ts";
import { specsOn } from "../../task/ladder.ts";
import { quote } from "../../slurm/client/script.ts";
import { type ParsedSpec, sbatchOptions, slurmSpecSchema } from "../../slurm/client/spec.ts";
import type { SlurmClient } from "../../slurm/client/client.ts";
import { systemClient } from "../../slurm/jobs/system_client.ts";
import { chosenCluster } from "../../slurm/client/environment.ts";
import { table } from "../../ui/table.ts";
import { plural } from "../../ui/text.ts";
import { inOrder, type PlanView } from "./plan_view.ts";

/** The jobs that a run would submit for one spec. */
export interface PlannedJobs {
  /** The spec's name. */
  readonly spec: string;
  /** The cluster that they are sent to, where the spec, the run or the shell names one. */
  readonly cluster?: string;
  /**
   * The number of missing artifacts that need it. Only a pool has it: in DAG mode there is a job for each.
   */
  readonly tasks?: number;
  /** The number of jobs, or of a pool's first workers. */
  readonly jobs: number;
  /**
   * The options of sbatch for it, besides names, logs and dependencies; `undefined` for a spec that cannot be
   * used.
   */
  readonly options: readonly string[] | undefined;
}

/** The submission that `furu run --slurm` would make. */
export interface SlurmPlan {
  /** Workers that take one task after another, or one job for each artifact. */
  readonly mode: "pool" | "dag";
  /** The jobs, by spec. */
  readonly specs: readonly PlannedJobs[];
  /** The run whose controller died that it would take up instead of beginning one, if there is any. */
  readonly adopts?: string;
  /** Why it would be refused, or would fail at once; empty when it would not. */
  readonly problems: readonly string[];
}

/** Options of {@link planSlurm}. */
export interface PlanSlurmOptions {
  /** Workers, or one job for each artifact. */
  mode: "pool" | "dag";
  /**
   * The time limits of attempts, where there are any.
   *
   * @default {without limits}
   */
  nodes?: readonly LimitedNode[];
  /**
   * The limits that a run would have.
   *
   * @default {none}
   */
  limits?: LimitUnits;
  /**
   * The run that would be taken up.
   *
   * @default {none}
   */
  adopts?: string | undefined;
  /**
   * The specs, unchecked.
   *
   * @default {`slurm.specs` in furu.json}
   */
  specs?: unknown;
  /**
   * The cluster of specs that name none.
   *
   * @default {the one that the shell chooses, else the machine's own}
   */
  cluster?: string | undefined;
  /**
   * The partitions of a cluster that is named, or of the run's.
   *
   * @default {what Slurm says}
   * @throws {SlurmError} If Slurm does not answer.
   */
  partitions?: PartitionsOf;
  /**
   * The name of the cluster of specs that name none, if Slurm tells.
   *
   * @default {what Slurm says}
   */
  here?: () => Promise<string | undefined>;
}

/** Most workers of a run that was not told how many. */
const MAX_WORKERS = 50;

/**
 * The submission that a run of a plan would make, and all that can be said against it now. It changes
 * nothing.
 *
 * @throws {ConfigError} If the configuration cannot be read.
 */
export async function planSlurm(plan: PlanView, options: PlanSlurmOptions): Promise<SlurmPlan> {
  const {
    mode,
    nodes = [],
    limits = {},
    adopts,
    specs = resolveConfig().slurm?.specs ?? {},
    cluster: given,
  } = options;
  const { partitionsOf, here } = slurmOf(options);
  const jobs = new Map<string, number>(), tasks = new Map<string, string[]>();
  const missing = new Set<string>();
  const problems: string[] = [];
  for (const { name, hash, status, spec, specs, state } of plan.nodes.values()) {
    if (status === "FAILED") {
      const why = `failed before and failures are not retried: ${state?.error ?? ""}`;
      problems.push(`${artifactLabel(name, hash)} ${why}`);
    }
    if (mode === "dag" && status === "IN_PROGRESS" && state?.outside) {
      problems.push(`${artifactLabel(name, hash)} is computed outside of Slurm by ${state.owner}`);
    }
    if (status !== "TODO") continue;
    missing.add(hash);
    jobs.set(spec, (jobs.get(spec) ?? 0) + 1);
    for (const each of mode === "dag" ? [spec] : specsOn({ ...specs, spec })) {
      const names = tasks.get(each) ?? [];
      if (!names.includes(name)) tasks.set(each, [...names, name]);
    }
  }
  const usable = usableSpecs(specs, [...tasks.keys()]);
  if (jobs.size > 0) {
    problems.push(...await problemsOf(() => void checkSpecs(specs, tasks)));
    const limited = mode === "dag" ? [] : nodes.filter(({ hash }) => missing.has(hash));
    problems.push(...await problemsOf(() => checkTimeLimits(limited, usable)));
    if (Object.keys(usable).length > 0) {
      problems.push(...await problemsOf(async () => await checkClusters(usable, partitionsOf)));
    }
    if (mode === "dag") problems.push(...await problemsOf(() => checkPlaces(plan, usable, here)));
  }
  const open = [...plan.nodes.values()].filter(({ status }) => status !== "DONE");
  problems.push(
    ...mode === "dag"
      ? dagLimitFaults(open, usable).map((fault) => `${fault}, which no job of DAG mode counts`)
      : limitFaults(open, limits),
  );
  const workers = firstWorkers(plan, limits);
  const chosen = chosenCluster(environmentVariables(), false);
  return {
    mode,
    specs: [...jobs].map(([spec, count]) => {
      const parsed = usable[spec];
      const cluster = parsed?.cluster ?? given ?? chosen;
      const options = parsed && [
        ...(cluster === undefined ? [] : [`--clusters=${cluster}`]),
        ...sbatchOptions(parsed),
      ];
      const common = { spec, ...(cluster === undefined ? {} : { cluster }), options };
      if (mode === "dag") return { ...common, jobs: count };
      return { ...common, tasks: count, jobs: workers.get(spec) ?? 0 };
    }),
    ...(adopts === undefined ? {} : { adopts }),
    problems,
  };
}

/** Asks the Slurm of this machine what nobody gave. A shell that chooses several clusters is refused. */
function slurmOf({ cluster, partitions, here }: PlanSlurmOptions) {
  const client = (): SlurmClient => systemClient(undefined, { cluster, submits: true });
  return {
    partitionsOf: partitions ?? (async (name: string | undefined) => await askPartitions(client())(name)),
    here: here ?? (async () => await client().cluster()),
  };
}

/** Refuses jobs that would wait for jobs of another cluster. */
async function checkPlaces(
  { nodes }: PlanView,
  specs: Readonly<Record<string, ParsedSpec>>,
  here: () => Promise<string | undefined>,
): Promise<string[]> {
  if (Object.values(specs).every(({ cluster }) => cluster === undefined)) return [];
  const missing = [...nodes.values()].filter(({ status }) => status === "TODO");
  checkOneCluster(missing, { cluster: await here(), specs });
  return [];
}

/** The number of workers of each spec that a pool submits at first: for the tasks that can begin at once. */
function firstWorkers(plan: PlanView, limits: LimitUnits): Map<string, number> {
  const { nodes } = plan;
  const ready = new Map<string, number>();
  const left = new Map(Object.entries(limits));
  for (const { status, spec, dependencies, limits: takes = {} } of inOrder(plan)) {
    if (status !== "TODO") continue;
    const isReady = dependencies.every((hash) => (nodes.get(hash)?.status ?? "DONE") === "DONE");
    const needs = Object.entries(takes);
    if (!isReady || needs.some(([name, units]) => (left.get(name) ?? 0) < units)) continue;
    for (const [name, units] of needs) left.set(name, left.get(name)! - units);
    ready.set(spec, (ready.get(spec) ?? 0) + 1);
  }
  const loads = [...ready].map(([spec, tasks]) => ({ spec, tasks, alive: 0, leaving: 0, pending: 0 }));
  const { submit } = scale(loads, { maxWorkers: MAX_WORKERS, tasksPerWorker: 1 });
  return new Map(submit.map(({ spec, count }) => [spec, count]));
}

/** The submission as text below a plan. */
export function slurmPlanText({ mode, specs, adopts, problems }: SlurmPlan): string {
  const count = specs.reduce((sum, { jobs }) => sum + jobs, 0);
  const what = mode === "dag" ? plural(count, "job") : `${plural(count, "worker")} at first`;
  const lines = [
    `--slurm ${mode} would submit ${count === 0 ? "nothing" : what}${specs.length > 0 ? ":" : ""}`,
  ];
  if (adopts !== undefined) {
    lines.unshift(`--slurm pool would take up run ${adopts}, whose controller is gone`);
  }
  const rows = specs.map(({ spec, tasks, jobs, options }) => [
    spec,
    ...(mode === "dag" ? [] : [`${tasks}`]),
    `${jobs}`,
    // Whole, however narrow the terminal is: it is there to be compared and copied.
    options?.map(quote).join(" ") ?? "(cannot be used)",
  ]);
  const head = mode === "dag" ? ["SPEC", "JOBS", "SBATCH"] : ["SPEC", "TASKS", "WORKERS", "SBATCH"];
  if (rows.length > 0) lines.push(...table(rows, { head, right: mode === "dag" ? [1] : [1, 2] }));
  if (problems.length > 0) {
    lines.push(
      "",
      mode === "dag" ? "and would be refused:" : "and would be refused, or fail:",
      ...problems.map((text) => `  ${text.replaceAll("\n", "\n  ")}`),
    );
  }
  return `${["", ...lines].join("\n")}\n`;
}

/** Those of some specs that are there and right. */
function usableSpecs(specs: unknown, names: readonly string[]): Record<string, ParsedSpec> {
  if (typeof specs !== "object" || specs === null) return {};
  const sizes = growSpecs(specs as Record<string, unknown>).specs;
  return Object.fromEntries(names.flatMap((name) => {
    const given = Object.hasOwn(sizes, name) ? sizes[name] : undefined;
    const parsed = slurmSpecSchema.safeParse(given);
    return parsed.success ? [[name, parsed.data]] : [];
  }));
}

/** The problems that a check finds: those that it returns, or the error by which furu refuses. */
async function problemsOf(check: () => void | Promise<string[]>): Promise<string[]> {
  try {
    return await check() ?? [];
  } catch (error) {
    if (furuErrorName(error) !== undefined) return [(error as Error).message];
    throw error;
  }
}
