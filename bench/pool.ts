import { delay } from "@std/async/delay";
import { fromFileUrl } from "@std/path/from-file-url";
import { type Cluster, slurmAvailable, startCluster } from "../tests/slurm/cluster.ts";
import { type Bench, type BenchContext, count, type Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { denoCommand } from "./furu.ts";
import { medianMs } from "./measure.ts";
import { claimsPerSecond } from "./pool_claims.ts";
import { runProcess } from "./process.ts";

const SCRIPT = fromFileUrl(new URL("slurm_run.ts", import.meta.url));
const WORKERS = "4 workers";

/** Runs on Slurm with a pool of workers, beside one job for each task on the same cluster. */
export const poolBench: Bench = {
  name: "pool",
  description: "tiny tasks and a chain through a pool of 4 workers, beside one Slurm job for each; claims",
  async run(context): Promise<Row[]> {
    const rows = await claimRows(context);
    if (slurmAvailable()) rows.unshift(...await clusterRows(context));
    else context.note("pool left out but for its claims: Slurm is not installed");
    return rows;
  },
};

async function clusterRows({ quick, note }: BenchContext): Promise<Row[]> {
  await using folder = new Folder();
  await using cluster = await startCluster();
  const env = { ...cluster.env, FURU_PATH: folder.at("store") };
  const rounds = quick ? 1 : 3;
  const before = async () => {
    await ended(cluster);
    await folder.remove("store");
  };
  const measured = (work: () => Promise<unknown>) => medianMs(work, { rounds, warmUp: 0, before });
  const run = (what: string, mode: "dag" | "pool") =>
    measured(() => runProcess(denoCommand(SCRIPT, what, mode), { env }));
  const told = async (what: string): Promise<{ cpu: number; span: number }> => {
    await before();
    return JSON.parse(await runProcess(denoCommand(SCRIPT, what, "pool"), { env }));
  };

  const [many, some] = quick ? [200, 20] : [1000, 100];
  const pool = await run(`tiny_${many}`, "pool");
  const dag = await run(`tiny_${some}`, "dag");
  const array = await measured(async () => {
    await cluster.run("sbatch", "--output=/dev/null", "--array=0-99", "--wrap=true");
    await ended(cluster);
  });
  const one = await run("chain_1", "pool");
  const steps = quick ? 5 : 20;
  // Of the whole processes a chain and a single task differ by less than their starts do: the results are
  // timed instead.
  const spans: number[] = [];
  for (let round = 0; round < rounds; round++) {
    spans.push((await told(`chain_${steps}`)).span);
  }
  const chain = spans.sort((a, b) => a - b)[Math.floor(rounds / 2)]!;
  const all = quick ? 500 : 10_000;
  const { cpu } = await told(`tiny_${all}`);

  const each = "ms each";
  const ours = {
    what: `Slurm pool, ${count(many)} tiny tasks, ${WORKERS}, whole process`,
    furu: { value: pool / many, unit: each },
  };
  note(
    `pool: the ${count(many)} tasks took ${
      (pool / 1000).toFixed(2)
    } s in all, with the workers' start; aim below 5 s`,
  );
  return [
    {
      ...ours,
      reference: { value: dag / some, unit: each, tool: "furu, one job for each", over: `${some} tasks` },
      aim: "below 0.1x",
    },
    {
      ...ours,
      reference: { value: array / 100, unit: each, tool: "sbatch --array --wrap true", over: "100 jobs" },
    },
    {
      what: `Slurm pool, a chain of ${steps}, each step`,
      furu: { value: chain / (steps - 1), unit: "ms" },
      aim: "below 100 ms",
    },
    { what: "Slurm pool, one task, whole process", furu: { value: one, unit: "ms" } },
    {
      what: `Slurm pool, ${count(all)} tiny tasks, processor time of the run's own process`,
      furu: { value: cpu / all, unit: each },
    },
  ];
}

async function claimRows({ quick }: BenchContext): Promise<Row[]> {
  const rows: Row[] = [];
  for (const processes of [1, 4, 16]) {
    const value = await claimsPerSecond(processes, quick ? 500 : 4000);
    const what = `claims from a pool's queue, ${processes} ${processes === 1 ? "process" : "processes"}`;
    rows.push({ what, furu: { value, unit: "claims/s" } });
  }
  return rows;
}

/** Waits until no job is left that waits or runs. */
async function ended(cluster: Cluster): Promise<void> {
  while (await cluster.run("squeue", "-h", "-t", "PENDING,RUNNING", "-o", "%i") !== "") await delay(20);
}
