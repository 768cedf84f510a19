import { delay } from "@std/async/delay";
import type { Cluster, ClusterOptions } from "../cluster.ts";
import {
  bannered,
  blindSqueue,
  cachedSqueue,
  cancelledAtOnce,
  deadRows,
  down,
  failsFirst,
  heldFirst,
  lateSbatch,
  limited,
  type Mood,
  nodesCannotSubmit,
  nodesWithoutSlurm,
  noisySqueue,
  refusing,
  renaming,
  silentSbatch,
  slow,
} from "./moods.ts";
import type { Mode } from "./pipelines.ts";
import type { Site } from "./site.ts";

/** What goes on at a site beside the programs. */
export interface Chaos {
  cluster: Cluster;
  site: Site;
  signal: AbortSignal;
}

/** A site: what its programs do, how it is set up, and what its users allow for. */
export interface SiteCase {
  name: string;
  moods: readonly Mood[];
  /** The cluster, where the usual one does not do. */
  cluster?: ClusterOptions;
  /** `slurm` of the configuration. */
  slurm?: Readonly<Record<string, unknown>>;
  env?: Readonly<Record<string, string>>;
  flags?: readonly string[];
  /** Seconds that things take longer here. @default {0} */
  slackSec?: number;
  /** How many times more a task may begin, as the site takes jobs away. @default {0} */
  lostStarts?: number;
  chaos?(chaos: Chaos): Promise<void>;
  /** What somebody is told in the course of a run. @default {nothing of note} */
  says?(mode: Mode): readonly RegExp[];
}

const INACTIVE = "Batch job submission failed: Required partition not available (inactive or drain)";

/** Suspends each job that runs for two seconds, again and again. */
async function suspending({ cluster, site, signal }: Chaos): Promise<void> {
  const done = new Set<string>();
  while (!signal.aborted) {
    const running = (await cluster.run("squeue", "-h", "-r", "-t", "running", "-o", "%F %A").catch(() => ""))
      .split("\n");
    const ours = new Set(site.taken().map(({ jobId }) => jobId));
    const [row] = running.filter((row) => ours.has(row.split(" ")[0]!) && !done.has(row));
    if (row !== undefined) {
      done.add(row);
      const id = row.split(" ")[1]!;
      await cluster.run("scontrol", "suspend", id).catch(() => {});
      await delay(12_000, { signal }).catch(() => {});
      await cluster.run("scontrol", "resume", id).catch(() => {});
    }
    await delay(500, { signal }).catch(() => {});
  }
}

/** Releases jobs that were held, after a while, as an administrator does. */
async function releasing({ cluster, site, signal }: Chaos): Promise<void> {
  while (!signal.aborted) {
    for (const { jobId } of site.taken()) {
      const rows = await cluster.run("squeue", "-h", "-j", `${jobId},999999999`, "-o", "%r").catch(() => "");
      if (!/held/i.test(rows)) continue;
      await delay(3000, { signal }).catch(() => {});
      await cluster.run("scontrol", "release", jobId).catch(() => {});
    }
    await delay(500, { signal }).catch(() => {});
  }
}

/** The sites. What they do is composed of moods; the first mood is what furu meets first. */
export const SITES: readonly SiteCase[] = [
  { name: "well-behaved", moods: [] },
  { name: "squeue cached 60 s", moods: [cachedSqueue(60)] },
  { name: "squeue one cache 60 s", moods: [cachedSqueue(60, { shared: true })], slackSec: 70 },
  { name: "squeue slow 8 s", moods: [slow("squeue", 8)], slackSec: 90 },
  { name: "squeue slow 25 s", moods: [slow("squeue", 25)], slackSec: 240 },
  { name: "squeue down 20 s", moods: [down("squeue", { forSec: 20 })], slackSec: 40 },
  { name: "squeue down", moods: [down("squeue")], slackSec: 60 },
  { name: "squeue noisy", moods: [noisySqueue] },
  { name: "squeue dead rows", moods: [deadRows("COMPLETED")] },
  { name: "squeue node-fail rows", moods: [deadRows("NODE_FAIL")] },
  { name: "squeue blind", moods: [blindSqueue], slackSec: 60 },
  { name: "sbatch slow 3 s", moods: [slow("sbatch", 3)], slackSec: 60 },
  { name: "sbatch late 5 s", moods: [lateSbatch(5)], slackSec: 60 },
  { name: "sbatch silent", moods: [silentSbatch()], slackSec: 60 },
  { name: "sbatch refuses 15 s", moods: [refusing(15, INACTIVE)], slackSec: 60 },
  { name: "sbatch limit 2", moods: [limited(2)], slackSec: 60 },
  { name: "sbatch limit 1", moods: [limited(1)], slackSec: 90 },
  { name: "sbatch slow, limit 2", moods: [slow("sbatch", 3), limited(2)], slackSec: 120 },
  { name: "one spec refused 30 s", moods: [refusing(30, INACTIVE, "--partition=gpu")], slackSec: 60 },
  { name: "names rewritten", moods: [renaming], says: () => [/names? .*site-/] },
  { name: "sbatch bannered", moods: [bannered] },
  {
    name: "banners everywhere",
    moods: [bannered, noisySqueue, renaming, cachedSqueue(10, { shared: true })],
    slackSec: 60,
    says: () => [/names? .*site-/],
  },
  {
    name: "scontrol fails once",
    moods: [failsFirst("scontrol", "show job"), failsFirst("scontrol", "show config")],
  },
  { name: "show config fails 3 times", moods: [failsFirst("scontrol", "show config", 3)], slackSec: 30 },
  { name: "nodes cannot submit", moods: [nodesCannotSubmit], slackSec: 60 },
  { name: "nodes without slurm", moods: [nodesWithoutSlurm], slackSec: 60 },
  { name: "first 2 cancelled", moods: [cancelledAtOnce(2)], slackSec: 60, lostStarts: 2 },
  { name: "first 2 held", moods: [heldFirst(2)], slackSec: 60, chaos: releasing },
  { name: "suspension", moods: [], chaos: suspending, slackSec: 90 },
  { name: "no arrays", moods: [], cluster: { settings: { MaxArraySize: "1" } } },
  { name: "arrays of 2", moods: [], cluster: { settings: { MaxArraySize: "2" } } },
];
