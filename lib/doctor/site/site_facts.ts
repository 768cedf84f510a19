import { SlurmError } from "../../core/errors.ts";
import type { SlurmClient } from "../../slurm/client/client.ts";
import { limitMinutes, parseSettings } from "../../slurm/client/parse_config.ts";
import { type ProgramResult, type ProgramRunner, words } from "../../slurm/client/program.ts";
import { outcomeOf, type Outcomes } from "../machine/finding.ts";

/** A partition, as `scontrol show partition` tells. */
export interface SitePartition {
  /** Its name. */
  readonly name: string;
  /** Whether jobs go there that name none. */
  readonly isDefault: boolean;
  /** Its state, as `UP`. */
  readonly state: string;
  /** Minutes at most; nothing without a limit. */
  readonly maxMinutes?: number | undefined;
  /** Minutes of a job that asks for none. */
  readonly defaultMinutes?: number | undefined;
  /** Megabytes of a job that asks for none, for each core; nothing where it gets all of a node. */
  readonly memoryPerCpuMb?: number | undefined;
  /** The same for each node. */
  readonly memoryPerNodeMb?: number | undefined;
  /** The number of its nodes. */
  readonly nodes: number;
  /** The accounts that may use it; nothing where all may. */
  readonly accounts?: readonly string[] | undefined;
}

/** What the site has set for this user, or for a quality of service. */
export interface SiteLimits {
  /** Whose they are: `account physics`, `qos normal`. */
  readonly of: string;
  /** The account, where it is one's. */
  readonly account?: string | undefined;
  /** Jobs in the queue, pending or running. */
  readonly maxSubmit?: number | undefined;
  /** Jobs that run. */
  readonly maxJobs?: number | undefined;
  /** Minutes of a job. */
  readonly maxMinutes?: number | undefined;
}

/** The facts of a site with Slurm that need no job. */
export interface SiteFacts {
  /** Slurm's programs: paths, and those that are scripts of the site. */
  programs: { found: Record<string, string>; scripts: string[] };
  /** `scontrol show config`. */
  settings: ReadonlyMap<string, string>;
  /** The names of the clusters that jobs can be sent to. */
  clusters: string[];
  /** All partitions. */
  partitions: SitePartition[];
  /** Limits of the user. */
  limits: SiteLimits[];
  /** Milliseconds that squeue took. */
  squeue: { ms: number };
  /** Whether sacct answers. */
  accounting: { works: boolean };
}

/** The programs of Slurm that furu starts; without those of the first list it cannot work. */
export const SLURM_NEEDED: readonly string[] = ["sbatch", "squeue", "scancel", "scontrol", "sinfo"];
const SLURM_PROGRAMS = [...SLURM_NEEDED, "sacct"];

/** Options of {@link askSite}. */
export interface AskSite {
  /** Asks Slurm. */
  client: SlurmClient;
  /** Starts other programs. */
  run: ProgramRunner;
  /** The environment of this process. */
  env: Readonly<Record<string, string>>;
  /** Ends it with its reason. */
  signal: AbortSignal;
}

/** Asks Slurm how it is set up. Each question ends in time, as the client sees to it. */
export async function askSite({ client, run, env, signal }: AskSite): Promise<Outcomes<SiteFacts>> {
  const programs = await outcomeOf(() => findPrograms(run, env, signal));
  if (programs.ok && programs.value.found.scontrol === undefined) return { programs };
  const ask = async (program: string, ...args: string[]): Promise<string> => {
    const result = await client.ask(program, args, signal);
    if (result.code !== 0) throw new SlurmError(`${program}: ${words(result)}`);
    return result.stdout;
  };
  const [settings, clusters, partitions, limits, squeue, accounting] = await Promise.all([
    outcomeOf(async () => parseSettings(await ask("scontrol", "show", "config"))),
    outcomeOf(async () => await client.clusterNames(signal) ?? []),
    outcomeOf(async () => parseSitePartitions(await ask("scontrol", "show", "partition", "-a", "-o"))),
    outcomeOf(async () => {
      const user = env.USER ?? env.LOGNAME ?? "";
      const cluster = await client.cluster();
      const mine = [`user=${user}`, ...(cluster === undefined ? [] : [`cluster=${cluster}`])];
      return [
        ...parseAssociations(await ask("sacctmgr", "-nP", "show", "assoc", ...mine, ASSOCIATIONS)),
        ...parseQos(await ask("sacctmgr", "-nP", "show", "qos", QOS)),
      ];
    }),
    outcomeOf(async () => {
      const begun = client.clock.monotonic();
      // What a run asks, so that what answers it from a cache does so here.
      if (await client.listJobs({ mineAnd: [] }, { signal }) === undefined) {
        throw new SlurmError(`squeue: ${client.lastWords ?? "no answer"}`);
      }
      return { ms: client.clock.monotonic() - begun };
    }),
    outcomeOf(async () => ({ works: await client.hasAccounting() })),
  ]);
  signal.throwIfAborted();
  return { programs, settings, clusters, partitions, limits, squeue, accounting };
}

const ASSOCIATIONS = "format=Account,Partition,MaxSubmitJobs,MaxJobs,MaxWall";
const QOS = "format=Name,MaxSubmitJobsPU,MaxJobsPU,MaxWall";

async function findPrograms(
  run: ProgramRunner,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<SiteFacts["programs"]> {
  const script = 'for each; do path=$(command -v "$each") || continue; ' +
    `if [ "$(head -c 2 "$path" | tr -d '\\0')" = "#!" ]; then kind=script; else kind=program; fi; ` +
    'echo "$each $kind $path"; done';
  const command = ["/bin/sh", "-c", script, "sh", ...SLURM_PROGRAMS];
  const result: ProgramResult = await run(command, { env, timeoutMs: 10_000, signal });
  const rows = result.stdout.split("\n").map((line) => /^(\S+) (\S+) (.+)$/.exec(line)).filter((row) => row);
  return {
    found: Object.fromEntries(rows.map((row) => [row![1]!, row![3]!])),
    scripts: rows.filter((row) => row![2] === "script").map((row) => row![1]!),
  };
}

/** Reads what `scontrol show partition -o` printed. */
export function parseSitePartitions(text: string): SitePartition[] {
  return text.split("\n").flatMap((line) => {
    const fields = new Map(
      line.trim().split(/\s+/).map((word) => {
        const at = word.indexOf("=");
        return [word.slice(0, at), word.slice(at + 1)] as const;
      }),
    );
    const name = fields.get("PartitionName");
    if (name === undefined) return [];
    const limit = (key: string): number | undefined => {
      const value = fields.get(key) ?? "";
      return /^\d+$/.test(value) && value !== "0" ? Number(value) : undefined;
    };
    const accounts = fields.get("AllowAccounts") ?? "ALL";
    return [{
      name,
      isDefault: fields.get("Default") === "YES",
      state: fields.get("State") ?? "UNKNOWN",
      maxMinutes: limitMinutes(fields.get("MaxTime") ?? ""),
      defaultMinutes: limitMinutes(fields.get("DefaultTime") ?? ""),
      memoryPerCpuMb: limit("DefMemPerCPU"),
      memoryPerNodeMb: limit("DefMemPerNode"),
      nodes: limit("TotalNodes") ?? 0,
      ...(accounts === "ALL" ? {} : { accounts: accounts.split(",") }),
    }];
  });
}

/** Reads what `sacctmgr -nP show assoc` printed: account, partition, jobs, running jobs, time. */
export function parseAssociations(text: string): SiteLimits[] {
  return rowsOf(text, 5).map(([account = "", partition = "", ...limits]) => ({
    of: `account ${account}${partition === "" ? "" : ` in ${partition}`}`,
    account,
    ...limitsOf(limits),
  }));
}

/** Reads what `sacctmgr -nP show qos` printed: name, jobs, running jobs, time. */
export function parseQos(text: string): SiteLimits[] {
  return rowsOf(text, 4).map(([name = "", ...limits]) => ({ of: `qos ${name}`, ...limitsOf(limits) }));
}

function rowsOf(text: string, cells: number): string[][] {
  return text.split("\n").map((line) => line.trim().split("|")).filter((row) => row.length === cells);
}

function limitsOf([submit = "", jobs = "", wall = ""]: readonly string[]): Omit<SiteLimits, "of"> {
  const number = (cell: string): number | undefined => /^\d+$/.test(cell) ? Number(cell) : undefined;
  return { maxSubmit: number(submit), maxJobs: number(jobs), maxMinutes: limitMinutes(wall) };
}
