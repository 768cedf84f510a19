import { walk } from "@std/fs/walk";
import { systemMachine } from "../lib/core/system/system_machine.ts";
import { linkQueued } from "../lib/store/claims/queued.ts";
import { Store } from "../lib/store/store.ts";
import { readDagJob } from "../lib/remote/own_node.ts";
import type { Row } from "./bench.ts";
import type { Folder } from "./folder.ts";
import { denoCommand, PIPELINE } from "./furu.ts";
import { runProcess } from "./process.ts";

/** What a job is told by Slurm; it asks nothing of it then. */
const JOB = { SLURM_JOB_ID: "1", SLURM_JOB_START_TIME: "1000", SLURM_JOB_END_TIME: "4600" };

/**
 * The processor time of a job in DAG mode, all of its processes: the batch script of a run that has ended is
 * run again, as if its job began for the first time.
 *
 * @param folder Holds the run's store.
 * @param store The name of that.
 */
export async function jobRows(folder: Folder, store: string, rounds: number): Promise<Row[]> {
  const root = folder.at(store);
  const [script] = await Array.fromAsync(walk(`${root}/slurm/nodes`, { exts: [".sh"] }));
  if (!script) throw new Error(`Cannot measure a job: there is no batch script in ${root}`);
  const [, dir, hash] = /--run (\S+) --hash (\w+)/.exec(Deno.readTextFileSync(script.path))!;
  const { node, run } = await readDagJob(systemMachine(), dir!, hash!);
  const own = new Store(systemMachine(), { root, leaseSec: 120, heartbeatSec: 40 });
  const paths = own.paths(node!);
  const job = async () => {
    Deno.removeSync(paths.record);
    await linkQueued(own, paths, { name: node!.jobName, run: run.runId });
    return await cpuMs(["/bin/bash", script.path], JOB);
  };
  folder.write("empty.ts", "");
  const unit = "ms";
  const what = "Slurm, a job of one artifact, processor time of its processes";
  const furu = { value: await median(job, rounds), unit };
  const reference = async (tool: string, file: string) => ({
    value: await median(() => cpuMs(denoCommand(file)), rounds),
    unit,
    tool,
  });
  return [
    { what, furu, reference: await reference("deno run of an empty file", folder.at("empty.ts")) },
    { what, furu, reference: await reference("deno run of its pipeline", PIPELINE) },
  ];
}

/** The processor time of a program and all that it waits for, in milliseconds. */
async function cpuMs(command: readonly string[], env: Record<string, string> = {}): Promise<number> {
  const timed = 'TIMEFORMAT="%U %S"; { time "$@" >/dev/null 2>&1 || exit 1; } 2>&1';
  const text = await runProcess(["/bin/bash", "-c", timed, "bash", ...command], { env });
  const [user = NaN, system = NaN] = text.trim().split(" ").map(Number);
  return 1000 * (user + system);
}

async function median(measure: () => Promise<number>, rounds: number): Promise<number> {
  const each: number[] = [];
  for (let round = -1; round < rounds; round++) {
    const ms = await measure();
    if (round >= 0) each.push(ms);
  }
  return each.sort((a, b) => a - b)[Math.floor(rounds / 2)]!;
}
