import { plural } from "../../ui/text.ts";
import {
  delayText,
  type DoctorFinding,
  type FindingParts,
  type FoundSetting,
  type Judgement,
} from "../machine/finding.ts";
import type { SiteLimits, SitePartition } from "./site_facts.ts";

/** How jobs are submitted here already. */
export interface SiteContext {
  /** The name of the spec in question. */
  specName: string;
  /** That spec, as `furu.json` has it; nothing where there is none. */
  spec?: Readonly<Record<string, unknown>> | undefined;
  /** Seconds between two lists, as configured. */
  squeueIntervalSec: number;
  /**
   * Whether sbatch refused a job only because it did not say how much memory it needs; nothing where that is
   * not known.
   */
  mustAskMemory?: boolean | undefined;
  /** The partition that the user's shell chooses. */
  partition?: string | undefined;
}

/** A worker of one core has at least so much, in megabytes. */
const WORKER_MB = 1024;
const SPEC_MINUTES = 60;

/**
 * The partition that a job of the spec goes to; where it names none, and the cluster has none for such jobs,
 * the first one that is up.
 */
export function partitionOf(
  partitions: readonly SitePartition[],
  context: SiteContext,
): SitePartition | undefined {
  const asked = askedPartition(context)?.split(",")[0];
  if (asked !== undefined) return partitions.find(({ name }) => name === asked);
  return partitions.find(({ isDefault }) => isDefault) ?? partitions.find(({ state }) => state === "UP");
}

/** Whether jobs that name no partition are refused. */
export function mustAskPartition(partitions: readonly SitePartition[], context: SiteContext): boolean {
  return askedPartition(context) === undefined && !partitions.some(({ isDefault }) => isDefault);
}

/** The partition that jobs are sent to by name. */
export function askedPartition({ spec, partition }: SiteContext): string | undefined {
  return typeof spec?.partition === "string" ? spec.partition : partition;
}

/** Judges the partition. */
export function judgePartition(partitions: readonly SitePartition[], context: SiteContext): Judgement {
  const used = partitionOf(partitions, context);
  const names = partitions.map(({ name }) => name);
  const values = { partitions: names, used: used?.name };
  const mustAsk = mustAskPartition(partitions, context);
  if (used && used.state === "UP" && !mustAsk) {
    const found = `${used.name}${used.isDefault ? " (the cluster's own)" : ""}, ${
      plural(used.nodes, "node")
    }`;
    return { level: "fine", found: `${found}; there are ${names.join(", ")}`, values };
  }
  if (used && !mustAsk) {
    return {
      level: "warning",
      found: `${used.name} is ${used.state}`,
      values,
      effect: "jobs wait there, or are refused",
      fix: `set "partition" of the spec to one that is up: ${
        upOnes(partitions).join(", ") || "there is none"
      }`,
    };
  }
  const asked = askedPartition(context);
  const [first] = upOnes(partitions);
  if (asked !== undefined) {
    return {
      level: "wrong",
      found: `there is no '${asked}': there are ${names.join(", ")}`,
      values,
      effect: "sbatch refuses the jobs",
      fix: 'correct "partition" of the spec',
    };
  }
  return {
    level: "warning",
    found: `the cluster has none for jobs that name none: there are ${names.join(", ")}`,
    values,
    effect: "sbatch refuses jobs of a spec without a partition",
    fix: 'set "partition" of the spec',
    settings: first === undefined ? [] : [ofSpec(context, "partition", first)],
  };
}

function upOnes(partitions: readonly SitePartition[]): string[] {
  return partitions.filter(({ state }) => state === "UP").map(({ name }) => name);
}

/** Judges how long jobs may take. */
export function judgeTime(
  partition: SitePartition | undefined,
  limits: readonly SiteLimits[],
  context: SiteContext,
): Judgement {
  const { spec } = context;
  // A quality of service may be one that is for others.
  const own = limits.filter(({ account }) => account !== undefined);
  const most = Math.min(
    partition?.maxMinutes ?? Infinity,
    ...own.map(({ maxMinutes = Infinity }) => maxMinutes),
  );
  const asked = typeof spec?.timeMin === "number" ? spec.timeMin : undefined;
  const shown = (minutes: number): string => delayText(minutes * 60_000);
  const values = {
    maxMinutes: most === Infinity ? null : most,
    defaultMinutes: partition?.defaultMinutes ?? null,
  };
  const found = most === Infinity ? "not limited" : `${shown(most)} at most`;
  const timeMin = Math.max(1, Math.floor(Math.min(asked ?? SPEC_MINUTES, most)));
  if (asked !== undefined && asked > (partition?.maxMinutes ?? Infinity)) {
    return {
      level: "wrong",
      found: `${found}, the spec's timeMin is ${asked}`,
      values,
      effect: "its jobs are refused, or wait for ever",
      fix: `set timeMin of the spec to ${timeMin} at most`,
    };
  }
  if (asked !== undefined) {
    return { level: "fine", found: `${found}, the spec asks for ${shown(asked)}`, values };
  }
  // A run on Slurm needs a spec; this one says the same as none would.
  return {
    level: most < SPEC_MINUTES ? "warning" : "fine",
    found: `${found}, a spec that says none asks for ${shown(SPEC_MINUTES)}`,
    values,
    ...(most < SPEC_MINUTES
      ? { effect: "jobs are refused, or wait for ever", fix: `set timeMin of the spec to ${timeMin}` }
      : {}),
    settings: spec === undefined || most < SPEC_MINUTES ? [ofSpec(context, "timeMin", timeMin)] : [],
  };
}

/** Judges whether jobs have to say how much memory they need. */
export function judgeMemory(
  partition: SitePartition | undefined,
  settings: ReadonlyMap<string, string>,
  isCounted: boolean,
  context: SiteContext,
): Judgement {
  const { spec, mustAskMemory } = context;
  const number = (name: string): number | undefined => {
    const text = settings.get(name) ?? "";
    return /^\d+$/.test(text) && text !== "0" ? Number(text) : undefined;
  };
  const perCpu = partition?.memoryPerCpuMb ?? number("DefMemPerCPU");
  const perNode = partition?.memoryPerNodeMb ?? number("DefMemPerNode");
  const extra = spec?.extra as Record<string, unknown> | undefined;
  const asks = spec?.memGb !== undefined || extra?.mem !== undefined || extra?.["mem-per-cpu"] !== undefined;
  const usual = perCpu ?? perNode;
  const values = { counted: isCounted, defaultMb: usual ?? null, mustAsk: mustAskMemory ?? null };
  const memory = (memGb: number): Partial<FindingParts> => ({
    fix: `set memGb of each spec, as ${memGb}`,
    settings: [ofSpec(context, "memGb", memGb)],
  });
  if (asks) return { level: "fine", found: "the spec says how much", values };
  if (mustAskMemory) {
    return {
      level: "warning",
      found: "must be asked for",
      values,
      effect: "sbatch refuses jobs that do not",
      ...memory(2),
    };
  }
  if (isCounted && usual === undefined) {
    const effect = "a worker has all memory of a node, and no other job fits beside it";
    return {
      level: "warning",
      found: "a job that asks for none gets all of a node",
      values,
      effect,
      ...memory(2),
    };
  }
  if (isCounted && usual! < WORKER_MB) {
    const found = `a job that asks for none gets ${usual} MB${perCpu === undefined ? "" : " for each core"}`;
    return {
      level: "warning",
      found,
      values,
      effect: "a worker may be killed for taking more",
      ...memory(2),
    };
  }
  const found = !isCounted
    ? "is not counted: a job may use what is there"
    : `a job that asks for none gets ${usual} MB${perCpu === undefined ? "" : " for each core"}`;
  return { level: "fine", found, values };
}

/** Judges whether the partition takes jobs of the account. */
export function accountFinding(
  partitions: readonly SitePartition[],
  limits: readonly SiteLimits[],
  context: SiteContext,
): DoctorFinding[] {
  const accounts = [...new Set(limits.flatMap(({ account }) => account ?? []))];
  const allowed = partitionOf(partitions, context)?.accounts;
  const asked = context.spec?.account;
  const common = { id: "slurm.account", what: "account" };
  if (accounts.length === 0 && allowed === undefined) return [];
  const usable = allowed === undefined ? accounts : accounts.filter((each) => allowed.includes(each));
  if (typeof asked === "string" || usable.length === accounts.length) {
    const found = `${asked ?? accounts[0]}${accounts.length > 1 ? `; there are ${accounts.join(", ")}` : ""}`;
    return [{ ...common, level: "fine", found, values: { accounts } }];
  }
  const [first] = usable;
  return [{
    ...common,
    level: "warning",
    found: `the partition is for ${allowed?.join(", ")}; yours are ${accounts.join(", ") || "not known"}`,
    effect: "jobs of another account are refused there",
    fix: first === undefined ? "use another partition" : `set "account" of the spec to ${first}`,
    values: { accounts, allowed },
    ...(first === undefined ? {} : { settings: [ofSpec(context, "account", first)] }),
  }];
}

function ofSpec({ specName }: SiteContext, name: string, value: string | number): FoundSetting {
  return { path: ["slurm", "specs", specName, name], value };
}
