import {
  delayText,
  type DoctorFinding,
  findingOf,
  type Judgement,
  type Outcomes,
} from "../machine/finding.ts";
import { type SiteFacts, type SiteLimits, SLURM_NEEDED } from "./site_facts.ts";
import {
  accountFinding,
  askedPartition,
  judgeMemory,
  judgePartition,
  judgeTime,
  partitionOf,
  type SiteContext,
} from "./spec_findings.ts";

/** The number of workers of a pool, unless a run says another one. */
const USUAL_WORKERS = 50;
const MOST_SHOWN = 5;

/** Judges how Slurm is set up. */
export function siteFindings(facts: Outcomes<SiteFacts>, context: SiteContext): DoctorFinding[] {
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
  const about: DoctorFinding[] = [
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
    ...clustersFinding(facts.clusters?.ok ? facts.clusters.value : []),
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

/** One cluster is no news. */
function clustersFinding(names: readonly string[]): DoctorFinding[] {
  if (names.length < 2) return [];
  return [{
    id: "slurm.clusters",
    what: "clusters",
    level: "fine",
    found: `${names.join(", ")}: "cluster" of a spec sends its jobs to one`,
    values: { clusters: names },
  }];
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

function privacyFinding(settings: ReadonlyMap<string, string>): DoctorFinding[] {
  const hidden = settings.get("PrivateData") ?? "none";
  if (!hidden.split(",").includes("jobs")) return [];
  return [{
    id: "slurm.privacy",
    what: "jobs of others",
    level: "fine",
    found: "are hidden (PrivateData): whether a run of another user lives is told by its heartbeats only",
  }];
}
