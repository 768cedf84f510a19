import { deadline } from "@std/async/deadline";
import { join } from "@std/path/posix/join";
import { environmentVariables } from "../core/environment.ts";
import { ConfigError, errorText } from "../core/errors.ts";
import { didYouMean } from "../core/nearest.ts";
import { systemClock } from "../core/system/clock.ts";
import { SlurmClient } from "../slurm/client/client.ts";
import { chosenCluster } from "../slurm/client/environment.ts";
import { runProgram } from "../slurm/client/program.ts";
import type { ParsedSpec } from "../slurm/client/spec.ts";
import { checkSpecs, type SlurmSpecs } from "../slurm/run/check_specs.ts";
import { type AskedFacts, askFacts, isRemoved } from "./machine/ask_facts.ts";
import type { DoctorFinding, Outcomes } from "./machine/finding.ts";
import { machineFindings, ownPermissions, permissionFindings } from "./machine/machine_findings.ts";
import { TRIAL_PREFIX } from "./machine/store_facts.ts";
import { storeFindings } from "./machine/store_findings.ts";
import type { FactsOrder, ProjectSettings } from "./machine/tell_facts.ts";
import type { JobFacts } from "./site/node_facts.ts";
import { nodeFindings } from "./site/node_findings.ts";
import { probeJobs } from "./site/probe_jobs.ts";
import { askSite, type SiteFacts } from "./site/site_facts.ts";
import { siteFindings } from "./site/site_findings.ts";
import { mustAskPartition, partitionOf, type SiteContext } from "./site/spec_findings.ts";

/** Options of {@link examine}. */
export interface ExamineOptions {
  /** The command of the process that looks at machine and store. */
  command: (order: FactsOrder) => readonly string[];
  /** URL of the module that the program was started with. */
  entry: string;
  /** Whether Slurm is looked at, too: by jobs. */
  slurm: boolean;
  /** The spec of the jobs. */
  specName: string;
  /** Seconds for which jobs may wait to begin. */
  waitSec: number;
  /** Seconds that each fact of machine and store may take. */
  deadlineSec: number;
  /** Seconds for which machines wait to see what others do. */
  sightLimitSec: number;
  /** Takes findings as soon as there are some: `this machine`, `store`, `Slurm`, `jobs`. */
  onFindings: (about: string, findings: readonly DoctorFinding[]) => void;
  /** Tells people how far it is. */
  progress: (text: string) => void;
  /** Ends it with its reason. */
  signal: AbortSignal;
}

/** What {@link examine} has found. */
export interface Examination {
  /** How furu is set up here; nothing where that could not be found out. */
  readonly settings: ProjectSettings | undefined;
  /** All findings. */
  readonly findings: readonly DoctorFinding[];
}

/** Seconds that each of Slurm's programs may take. */
const PROGRAM_SEC = 20;
/** Milliseconds that a folder or a file may take to be made. */
const FOLDER_MS = 20_000;
/** Seconds for which an sbatch that gave no answer is cleared up. */
const UNCLEAR_SEC = 30;

/**
 * Looks at all that furu needs of a machine, a store and a site. Ends in bounded time, and removes what it
 * made.
 *
 * @throws {ConfigError} If the configuration cannot be used.
 * @throws The signal's reason when it aborts.
 */
export async function examine(options: ExamineOptions): Promise<Examination> {
  const { command, slurm, deadlineSec, signal, onFindings } = options;
  const findings: DoctorFinding[] = [];
  const add = (about: string, some: readonly DoctorFinding[]): void => {
    findings.push(...some);
    if (some.length > 0) onFindings(about, some);
  };
  const name = `${TRIAL_PREFIX}${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
  const permissions = permissionFindings(ownPermissions());
  const order = { name, entry: options.entry };
  const facts = await askFacts({ order, command: command(order), deadlineMs: deadlineSec * 1000, signal });
  const { settings } = facts;
  // What cannot be meant is told before anything else.
  const spec = settings && slurm ? specOf(settings, options.specName) : undefined;
  add("this machine", [...permissions, ...machineFindings(facts.machine, settings?.maxHeapMb)]);
  if (settings === undefined) {
    add("store", [hungSettings(facts)]);
    return { settings, findings };
  }
  add("store", [...storeFindings(facts.store, { ...settings, slurm }), ...leftFindings(facts.left)]);
  if (spec) await examineSite(options, { spec, settings, facts, name, add });
  return { settings, findings };
}

function hungSettings({ hung }: AskedFacts): DoctorFinding {
  return {
    id: "store.place",
    what: "store",
    level: "wrong",
    found: `finding out where it is did not end within ${hung?.sec ?? 0} s (${hung?.fact ?? "settings"})`,
    effect: "nothing can be stored or read",
    fix:
      "see whether the folders of the project and of the store answer (ls); ask whoever runs the file server",
  };
}

function leftFindings(left: string | undefined): DoctorFinding[] {
  if (left === undefined) return [];
  const fix = `rm -r ${left}`;
  return [{ id: "doctor.left", what: "left behind", level: "warning", found: left, fix }];
}

async function examineSite(
  options: ExamineOptions,
  { spec, settings, facts, name, add }: {
    spec: ParsedSpec;
    settings: ProjectSettings;
    facts: AskedFacts;
    name: string;
    add: (about: string, findings: readonly DoctorFinding[]) => void;
  },
): Promise<void> {
  const { specName, signal } = options;
  // What is still under way when it was stopped is nobody's business.
  const progress = (text: string): void => signal.aborted ? undefined : options.progress(text);
  if (Deno.permissions.querySync({ name: "run" }).state !== "granted") {
    const found = "not looked at: Deno may start no programs (--allow-run)";
    return add("Slurm", [{ id: "slurm.programs", what: "Slurm", level: "unknown", found }]);
  }
  const env = environmentVariables();
  const cluster = spec.cluster ?? chosenCluster(env, true);
  const client = new SlurmClient({
    env,
    clock: systemClock,
    cluster,
    timeoutSec: PROGRAM_SEC,
    limitSec: 0,
    unclearSec: UNCLEAR_SEC,
  });
  progress("asking Slurm how it is set up");
  const site = await askSite({ client, run: runProgram, env, signal });
  const { squeueIntervalSec = 10, nodesSubmit = true, specs = {} } = settings.slurm;
  const context: SiteContext = {
    specName,
    spec: specs[specName] as Record<string, unknown> | undefined,
    squeueIntervalSec,
    partition: env.SBATCH_PARTITION,
  };
  const place = facts.store.place?.ok ? facts.store.place.value : undefined;
  const isWritable = facts.store.write?.ok ?? false;
  let jobs: JobFacts | undefined;
  if (site.settings?.ok && place !== undefined && isWritable) {
    const folder = join(place.base, `${name}-jobs`);
    jobs = await withFolder(folder, async () =>
      await probeJobs({
        client,
        clock: systemClock,
        env,
        folder,
        name: name.slice(1),
        ...jobsOf(site, context, spec),
        waitSec: options.waitSec,
        sightLimitSec: options.sightLimitSec,
        progress,
        signal,
      })).catch((error) => {
        signal.throwIfAborted();
        return noJobs(errorText(error));
      });
  }
  add("Slurm", siteFindings(site, { ...context, mustAskMemory: jobs?.mustAskMemory }));
  if (jobs) {
    add("jobs", nodeFindings(jobs, { ...settings, nodesSubmit, squeueIntervalSec, deno: Deno.version.deno }));
  } else if (site.settings?.ok) {
    add("jobs", [{
      id: "slurm.jobs",
      what: "jobs",
      level: "unknown",
      found: "not tried: the store cannot be written",
    }]);
  }
}

/** What jobs told that there could be none of. */
function noJobs(trouble: string): JobFacts {
  return { silent: [], nodes: [], sights: [], sightLimitSec: 0, queue: {}, left: [], trouble };
}

/** Makes a folder for the time of some work. What cannot be removed is among what the work has left. */
async function withFolder(
  folder: string,
  work: () => Promise<JobFacts>,
): Promise<JobFacts> {
  await deadline(Deno.mkdir(folder), FOLDER_MS);
  let facts: JobFacts | undefined;
  try {
    return facts = await work();
  } finally {
    if (!await isRemoved(folder)) facts?.left.push(folder);
  }
}

/** What can be asked for there. */
function jobsOf(
  site: Outcomes<SiteFacts>,
  context: SiteContext,
  spec: ParsedSpec,
): { spec: ParsedSpec; hasOthers: boolean; maxMinutes: number } {
  const partitions = site.partitions?.ok ? site.partitions.value : [];
  const used = partitionOf(partitions, context);
  const named = used && mustAskPartition(partitions, context) ? { partition: used.name } : {};
  return {
    spec: { ...spec, ...named },
    hasOthers: (used?.nodes ?? 2) > 1,
    maxMinutes: used?.maxMinutes ?? Infinity,
  };
}

/** The spec, for jobs that are as small as can be. */
function specOf({ slurm: { specs = {} } }: ProjectSettings, name: string): ParsedSpec {
  const names = ["default", ...Object.keys(specs).filter((each) => each !== "default")];
  if (!names.includes(name)) {
    throw new ConfigError(
      `Cannot use --spec ${name} as there is no such spec${didYouMean(name, names)}: there are ${
        names.join(", ")
      }`,
    );
  }
  const spec = checkSpecs({ ...specs, default: specs.default ?? {} } as SlurmSpecs)[name]!;
  const memory = spec.memGb === undefined ? {} : { memGb: Math.min(1, spec.memGb || 1) };
  return { ...spec, cpus: 1, nodes: 1, gpus: Math.min(1, spec.gpus), ...memory };
}
