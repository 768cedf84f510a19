import { delay } from "@std/async/delay";
import { fromFileUrl } from "@std/path/from-file-url";
import { type Cluster, slurmAvailable, startCluster } from "../tests/slurm/cluster.ts";
import { type Bench, type BenchContext, count, type Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { jobRows } from "./dag_job.ts";
import { denoCommand } from "./furu.ts";
import { medianMs } from "./measure.ts";
import { runProcess } from "./process.ts";

const SCRIPT = fromFileUrl(new URL("slurm_run.ts", import.meta.url));

/**
 * The same shapes by hand, of jobs that run `$2`; in a chain each waits for the success of the one before.
 */
const BY_HAND = {
  tiny: 'for ((i = 0; i < $1; i++)); do sbatch --parsable --output=/dev/null --wrap "$2"; done',
  chain: "for ((i = 0; i < $1; i++)); do " +
    'id=$(sbatch --parsable --output=/dev/null ${id:+--dependency=afterok:$id} --wrap "$2"); done',
};

/** About as long as a job of furu's takes, without its work. */
const AS_LONG = "sleep 0.2";

/** Runs on Slurm, one job for each artifact, beside jobs that do nothing on the same cluster. */
export const slurmBench: Bench = {
  name: "slurm",
  description: "artifacts as Slurm jobs beside sbatch --wrap true, submitting them, what a job takes",
  async run({ quick, note }): Promise<Row[]> {
    if (!slurmAvailable()) {
      note("slurm left out: Slurm is not installed");
      return [];
    }
    await using folder = new Folder();
    await using cluster = await startCluster();
    const rows: Row[] = [];
    const shapes = [["tiny", quick ? 20 : 100, "independent jobs"], [
      "chain",
      quick ? 3 : 10,
      "jobs in a chain",
    ]] as const;
    for (const [shape, size, words] of shapes) {
      const env = { ...cluster.env, FURU_PATH: folder.at("store") };
      const before = async () => {
        await ended(cluster);
        await folder.remove("store");
      };
      const measured = async (work: () => Promise<unknown>) =>
        await medianMs(work, { rounds: quick ? 1 : 3, warmUp: 0, before }) / 1000;
      const byHand = (wrapped: string) =>
        measured(async () => {
          await runProcess(["bash", "-c", BY_HAND[shape], "bash", `${size}`, wrapped], { env });
          await ended(cluster);
        });
      const least = await byHand("true");
      const asLong = shape === "chain" ? await byHand(AS_LONG) : undefined;
      const furu = await measured(() => runProcess(denoCommand(SCRIPT, `${shape}_${size}`), { env }));
      const unit = "s";
      const what = `Slurm, ${size} ${words}, whole process`;
      const ours = { what, furu: { value: furu, unit } };
      rows.push({
        ...ours,
        reference: { value: least, unit, tool: "sbatch --wrap true" },
        aim: "below 1.5x",
      });
      if (asLong !== undefined) {
        rows.push({ ...ours, reference: { value: asLong, unit, tool: `sbatch --wrap '${AS_LONG}'` } });
      }
    }
    rows.push(...await jobRows(folder, "store", quick ? 3 : 9), await submissionRow(cluster, { quick }));
    note(
      "slurm: the test cluster's scheduler looks once a second, and a job that ends within milliseconds lets the next one " +
        "of a chain begin in the same look: any other job costs a second, which is why the chain stands beside jobs of " +
        `'${AS_LONG}' too; all its nodes share this machine's cores`,
    );
    return rows;
  },
};

/** Submitting alone: the partition is down meanwhile, so that no job takes the machine. */
async function submissionRow(cluster: Cluster, { quick }: Pick<BenchContext, "quick">): Promise<Row> {
  const size = quick ? 50 : 1000;
  await using folder = new Folder();
  const env = { ...cluster.env, FURU_PATH: folder.at("store") };
  const before = async () => {
    await cluster.run("scancel", "--partition=cpu");
    await ended(cluster);
    await folder.remove("store");
  };
  const seconds = async (command: readonly string[]) =>
    await medianMs(() => runProcess(command, { env }), { rounds: quick ? 1 : 3, warmUp: 0, before }) / 1000;
  await cluster.run("scontrol", "update", "PartitionName=cpu", "State=DOWN");
  try {
    const unit = "s";
    const byHand = await seconds(["bash", "-c", BY_HAND.tiny, "bash", `${size}`, "true"]);
    const furu = await seconds(denoCommand(SCRIPT, `tiny_${size}`, "detach"));
    return {
      what: `Slurm, submitting ${count(size)} jobs, whole process`,
      furu: { value: furu, unit },
      reference: { value: byHand, unit, tool: "a loop of sbatch" },
      aim: "not slower",
    };
  } finally {
    await before();
    await cluster.run("scontrol", "update", "PartitionName=cpu", "State=UP");
  }
}

/** Waits until no job is left that waits or runs. */
async function ended(cluster: Cluster): Promise<void> {
  while (await cluster.run("squeue", "-h", "-t", "PENDING,RUNNING", "-o", "%i") !== "") await delay(50);
}
