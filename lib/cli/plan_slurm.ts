import { resolveConfig } from "../core/config.ts";
import { FuruError } from "../core/errors.ts";
import { artifactLabel } from "../core/hash.ts";
import { checkPartitions } from "../slurm/check_partitions.ts";
import { checkSpecs } from "../slurm/check_specs.ts";
import type { Partition } from "../slurm/parse_partitions.ts";
import { quote } from "../slurm/script.ts";
import { type ParsedSpec, sbatchOptions, slurmSpecSchema } from "../slurm/spec.ts";
import { systemClient } from "../slurm/system_client.ts";
import { table } from "../ui/table.ts";
import { plural } from "../ui/text.ts";
import type { PlanView } from "./plan_view.ts";

/** The jobs that a run would submit for one spec. */
export interface PlannedJobs {
  /** The spec's name. */
  readonly spec: string;
  /** How many jobs. */
  readonly jobs: number;
  /** What sbatch would be given for it, besides names, logs and dependencies; `undefined` for a spec that cannot be used. */
  readonly options: readonly string[] | undefined;
}

/** What `furu run --slurm` would submit. */
export interface SlurmPlan {
  /** How jobs are made of artifacts. */
  readonly mode: "dag";
  /** The jobs, by spec. */
  readonly specs: readonly PlannedJobs[];
  /** Why it would be refused; empty when it would not. */
  readonly problems: readonly string[];
}

/** What {@link planSlurm} asks of this machine. */
export interface PlanSlurmOptions {
  /** The specs, unchecked. @default `slurm.specs` in furu.json */
  specs?: unknown;
  /** The cluster's partitions. @default what Slurm says. @throws {SlurmError} when it does not answer */
  partitions?: () => Promise<readonly Partition[]>;
}

/**
 * What a run of a plan would submit in DAG mode, and all that can be said now against it. Changes nothing.
 *
 * @throws {ConfigError} for a configuration that cannot be read.
 */
export async function planSlurm(plan: PlanView, options: PlanSlurmOptions = {}): Promise<SlurmPlan> {
  const { specs = resolveConfig().slurm?.specs ?? {}, partitions = () => systemClient().partitions() } =
    options;
  const jobs = new Map<string, number>(), tasks = new Map<string, string[]>();
  const problems: string[] = [];
  for (const { name, hash, status, spec, state } of plan.nodes.values()) {
    if (status === "FAILED") {
      const why = `failed before and failures are not retried: ${state?.error ?? ""}`;
      problems.push(`${artifactLabel(name, hash)} ${why}`);
    }
    if (status === "IN_PROGRESS" && state?.outside) {
      problems.push(`${artifactLabel(name, hash)} is computed outside of Slurm by ${state.owner}`);
    }
    if (status !== "TODO") continue;
    jobs.set(spec, (jobs.get(spec) ?? 0) + 1);
    const names = tasks.get(spec) ?? [];
    if (!names.includes(name)) tasks.set(spec, [...names, name]);
  }
  const usable = usableSpecs(specs, [...jobs.keys()]);
  if (jobs.size > 0) {
    problems.push(...await problemsOf(() => void checkSpecs(specs, tasks)));
    if (Object.keys(usable).length > 0) {
      problems.push(...await problemsOf(async () => checkPartitions(usable, await partitions())));
    }
  }
  return {
    mode: "dag",
    specs: [...jobs].map(([spec, count]) => {
      const parsed = usable[spec];
      return { spec, jobs: count, options: parsed && sbatchOptions(parsed) };
    }),
    problems,
  };
}

/** What would be submitted, as text below a plan. */
export function slurmPlanText({ mode, specs, problems }: SlurmPlan): string {
  const count = specs.reduce((sum, { jobs }) => sum + jobs, 0);
  const lines = [`--slurm ${mode} would submit ${count === 0 ? "nothing" : `${plural(count, "job")}:`}`];
  const rows = specs.map(({ spec, jobs, options }) => [
    spec,
    `${jobs}`,
    // Whole, however narrow the terminal is: it is there to be compared and copied.
    options?.map(quote).join(" ") ?? "(cannot be used)",
  ]);
  if (rows.length > 0) lines.push(...table(rows, { head: ["SPEC", "JOBS", "SBATCH"], right: [1] }));
  if (problems.length > 0) {
    lines.push(
      "",
      "and would be refused:",
      ...problems.map((text) => `  ${text.replaceAll("\n", "\n  ")}`),
    );
  }
  return `${["", ...lines].join("\n")}\n`;
}

/** Those of some specs that are there and right. */
function usableSpecs(specs: unknown, names: readonly string[]): Record<string, ParsedSpec> {
  if (typeof specs !== "object" || specs === null) return {};
  return Object.fromEntries(names.flatMap((name) => {
    const given = Object.hasOwn(specs, name) ? (specs as Record<string, unknown>)[name] : undefined;
    const parsed = slurmSpecSchema.safeParse(given);
    return parsed.success ? [[name, parsed.data]] : [];
  }));
}

/** What some check says against it: what it returns, or the error by which furu refuses. */
async function problemsOf(check: () => void | Promise<string[]>): Promise<string[]> {
  try {
    return await check() ?? [];
  } catch (error) {
    if (error instanceof FuruError) return [error.message];
    throw error;
  }
}
