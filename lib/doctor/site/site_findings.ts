import { plural } from "../../ui/text.ts";
import {
  delayText,
  type Finding,
  findingOf,
  type FindingParts,
  type FoundSetting,
  type Level,
  type Outcomes,
} from "../machine/finding.ts";
import { type SiteFacts, type SiteLimits, type SitePartition, SLURM_NEEDED } from "./site_facts.ts";

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

type Judgement = { level: Level } & FindingParts;

/** A worker of one core has at least so much, in megabytes. */
const WORKER_MB = 1024;
const SPEC_MINUTES = 60;
/** The number of workers of a pool, unless a run says another one. */
const USUAL_WORKERS = 50;
const MOST_SHOWN = 5;

/** Judges how Slurm is set up. */
export function siteFindings(facts: Outcomes<SiteFacts>, context: SiteContext): Finding[] {
  const programs = facts.programs?.ok ? facts.programs.value : undefined;
  const missing = SLURM_NEEDED.filter((name) => programs !== undefined && programs.found[name] === undefined);
  if (missing.length > 0) {
    const isAll = missing.length === SLURM_NEEDED.length;
    return [{
      id: "slurm.programs",
      what: "Slurm",
      level: "wrong",
      found: isAll ? "is not installed here" : `there is no ${missing.join(", ")} on PATH`,
      effect: "furu run --slurm does not work from here; runs on this machine do",
      fix: "go to a machine of the cluster, or have its programs on PATH",
    }];
  }
  const about: Finding[] = [
    ...findingOf(facts.programs, {
      id: "slurm.programs",
      what: "Slurm",
      judge: (found) => judgePrograms(found, facts.settings?.ok ? facts.settings.value : new Map()),
    }),
    ...findingOf(facts.settings, {
      id: "slurm.answers",
      what: "Slurm's controller",
      unanswered: ({ error }) => ({
        level: "wrong",
        found: error,
        effect: "nothing can be submitted",
        fix: "see whether 'scontrol ping' answers; ask the administrator",
      }),
      judge: (found) => ({
        level: "fine",
        found: `cluster ${found.get("ClusterName") ?? "without a name"}, ended jobs are known for ` +
          `${found.get("MinJobAge") ?? "?"}`,
        values: { cluster: found.get("ClusterName"), version: found.get("SLURM_VERSION") },
      }),
    }),
  ];
  // All else would only say the same.
  if (!facts.settings?.ok) return about;
  const settings = facts.settings.value;
  const partitions = facts.partitions?.ok ? facts.partitions.value : [];
  const limits = facts.limits?.ok ? facts.limits.value : [];
  // Of one that is not there nothing is known.
  const isKnown = askedPartition(context) === undefined || partitionOf(partitions, context) !== undefined;
  const isCounted = settings.get("SelectTypeParameters")?.includes("MEMORY") ?? false;
  return [
    ...about,
    ...findingOf(facts.partitions, {
      id: "slurm.partition",
      what: "partition",
      judge: (found) => judgePartition(found, context),
    }),
    ...findingOf(isKnown ? facts.partitions : undefined, {
      id: "slurm.time",
      what: "time of jobs",
      judge: (found) => judgeTime(partitionOf(found, context), limits, context),
    }),
    ...findingOf(isKnown ? facts.partitions : undefined, {
      id: "slurm.memory",
      what: "memory of jobs",
      judge: (found) => judgeMemory(partitionOf(found, context), settings, isCounted, context),
    }),
    ...findingOf(facts.settings, {
      id: "slurm.arrays",
      what: "job arrays",
      judge: (found) => {
        const most = Number(found.get("MaxArraySize") ?? 1001);
        const jobs = Number(found.get("MaxJobCount") ?? 10_000);
        const values = { maxArraySize: most, maxJobCount: jobs };
        const shown = `${most} tasks, ${jobs} jobs of all users`;
        if (most > 1) return { level: "fine", found: shown, values };
        return {
          level: "fine",
          found: `none (MaxArraySize ${most}): workers are submitted one by one`,
          values,
        };
      },
    }),
    ...findingOf(facts.limits, {
      id: "slurm.limits",
      what: "limits on jobs",
      unanswered: ({ error }) => {
        // Without a database there are none of a user's.
        const isNone = /not running a supported accounting_storage|not enabled|accounting_storage\/none/i
          .test(error);
        return isNone || settings.get("AccountingStorageType")?.includes("none")
          ? { level: "fine", found: "none of the user's (no accounting database)" }
          : { level: "unknown", found: error };
      },
      judge: judgeLimits,
    }),
    ...accountFinding(partitions, limits, context),
    ...findingOf(facts.squeue, {
      id: "slurm.squeue",
      what: "squeue",
      unanswered: ({ error }) => ({
        level: "wrong",
        found: error,
        effect: "how jobs get on is asked one by one, with scontrol",
        fix: "ask the administrator",
      }),
      judge: ({ ms }) => judgeSqueue(ms, context),
    }),
    ...findingOf(facts.accounting, {
      id: "slurm.accounting",
      what: "sacct",
      judge: ({ works }) => ({
        level: "fine",
        found: works ? "answers" : "there is none: how jobs ended is known as long as scontrol tells",
        values: { works },
      }),
    }),
    ...privacyFinding(settings),
  ];
}

function judgePrograms(
  { found, scripts }: SiteFacts["programs"],
  settings: ReadonlyMap<string, string>,
): Judgement {
  const version = settings.get("SLURM_VERSION");
  const text = version === undefined ? found.sbatch ?? "" : `${version} (${found.sbatch})`;
  const wrappers = scripts.length === 0
    ? ""
    : `; ${scripts.join(", ")} ${scripts.length === 1 ? "is a script" : "are scripts"} of the site`;
  return { level: "fine", found: `${text}${wrappers}`, values: { version, programs: found, scripts } };
}

/** The partition that a job of the spec `default` goes to. */
export function partitionOf(
  partitions: readonly SitePartition[],
  context: SiteContext,
): SitePartition | undefined {
  const first = askedPartition(context)?.split(",")[0];
  return partitions.find((each) => first === undefined ? each.isDefault : each.name === first);
}

function askedPartition({ spec, partition }: SiteContext): string | undefined {
  return typeof spec?.partition === "string" ? spec.partition : partition;
}

function judgePartition(partitions: readonly SitePartition[], context: SiteContext): Judgement {
  const used = partitionOf(partitions, context);
  const names = partitions.map(({ name }) => name);
  const values = { partitions: names, used: used?.name };
  if (used && used.state === "UP") {
    const found = `${used.name}${used.isDefault ? " (the cluster's own)" : ""}, ${
      plural(used.nodes, "node")
    }`;
    return { level: "fine", found: `${found}; there are ${names.join(", ")}`, values };
  }
  if (used) {
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

function judgeTime(
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

function judgeMemory(
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

function judgeLimits(limits: readonly SiteLimits[]): Judgement {
  const shown = limits.flatMap(({ of, maxSubmit, maxJobs }) => {
    const parts = [
      ...(maxSubmit === undefined ? [] : [`${maxSubmit} in the queue`]),
      ...(maxJobs === undefined ? [] : [`${maxJobs} running`]),
    ];
    return parts.length === 0 ? [] : [`${of}: ${parts.join(", ")}`];
  });
  // One's own counts surely; a quality of service may be another's.
  const own = limits.filter(({ account }) => account !== undefined)
    .map(({ maxSubmit = Infinity }) => maxSubmit);
  const most = Math.min(Infinity, ...own);
  const values = { limits };
  const found = shown.length === 0
    ? "none"
    : `${shown.slice(0, MOST_SHOWN).join("; ")}${shown.length > MOST_SHOWN ? "; ..." : ""}`;
  if (most >= USUAL_WORKERS) return { level: "fine", found, values };
  return {
    level: "fine",
    found: `${found}: a pool has at most ${most} workers at a time, and DAG mode waits for its turn ` +
      `(maxWorkers: ${most} asks for no more)`,
    values,
  };
}

function accountFinding(
  partitions: readonly SitePartition[],
  limits: readonly SiteLimits[],
  context: SiteContext,
): Finding[] {
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

function judgeSqueue(ms: number, { squeueIntervalSec }: SiteContext): Judgement {
  const found = `answers in ${delayText(ms)}`;
  const values = { ms: Math.round(ms) };
  // A tenth of the time is more than the controller should spend on one user.
  const needed = Math.ceil(ms / 1000 * 10 / 5) * 5;
  if (needed <= squeueIntervalSec * 2) return { level: "fine", found, values };
  return {
    level: "warning",
    found,
    values,
    effect: "asking is hard work for the controller, or for what answers in its place",
    fix: `set slurm.squeueIntervalSec to ${needed}`,
    settings: [{ path: ["slurm", "squeueIntervalSec"], value: needed }],
  };
}

function privacyFinding(settings: ReadonlyMap<string, string>): Finding[] {
  const hidden = settings.get("PrivateData") ?? "none";
  if (!hidden.split(",").includes("jobs")) return [];
  return [{
    id: "slurm.privacy",
    what: "jobs of others",
    level: "fine",
    found: "are hidden (PrivateData): whether a run of another user lives is told by its heartbeats only",
  }];
}

function ofSpec({ specName }: SiteContext, name: string, value: string | number): FoundSetting {
  return { path: ["slurm", "specs", specName, name], value };
}
