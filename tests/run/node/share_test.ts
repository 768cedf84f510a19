import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  cpusOf,
  gpusOf,
  memGbOf,
  ownNode,
  type ShareFacts,
  threadVariables,
} from "../../../lib/run/node/share.ts";

const node = (
  variables: Record<string, string> = {},
  { cores = 8, gb = 16, gpus = [] as string[] } = {},
): ShareFacts => ({
  variable: (name) => variables[name],
  cores,
  memoryBytes: () => gb === 0 ? undefined : gb * 2 ** 30,
  gpuDevices: () => gpus,
});
const job = (variables: Record<string, string> = {}) => ({ SLURM_JOB_ID: "7", ...variables });

describe("what an attempt may use", () => {
  it("of cores: those of the job or the process, divided by the attempts, at least 1", () => {
    const rows: [ShareFacts, atOnce: number, cpus: number][] = [
      [node(), 1, 8],
      [node(), 3, 2],
      [node(), 8, 1],
      [node(), 20, 1],
      [node(job({ SLURM_CPUS_PER_TASK: "4", SLURM_CPUS_ON_NODE: "8" })), 1, 4],
      [node(job({ SLURM_CPUS_PER_TASK: "4" })), 2, 2],
      [node(job({ SLURM_CPUS_ON_NODE: "6" })), 1, 6],
      // A cgroup may allow less than Slurm says, and a job without these says nothing.
      [node(job({ SLURM_CPUS_PER_TASK: "4" }), { cores: 2 }), 1, 2],
      [node(job({ SLURM_CPUS_ON_NODE: "4(x2)" })), 1, 8],
      // Left over in the environment of a shell.
      [node({ SLURM_CPUS_PER_TASK: "4" }), 1, 8],
    ];
    assertEquals(rows.map(([facts, atOnce]) => cpusOf(facts, atOnce)), rows.map(([, , cpus]) => cpus));
  });

  it("of memory: the least that limits it, divided by the attempts", () => {
    const rows: [ShareFacts, atOnce: number, gb: number | undefined][] = [
      [node(), 1, 16],
      [node(), 3, 5.333],
      [node({}, { gb: 0 }), 1, undefined],
      [node(job({ SLURM_MEM_PER_NODE: "4096" })), 1, 4],
      [node(job({ SLURM_MEM_PER_CPU: "512", SLURM_CPUS_PER_TASK: "4" })), 1, 2],
      [node(job({ SLURM_MEM_PER_CPU: "512", SLURM_CPUS_PER_TASK: "4" })), 2, 1],
      // All that the node has.
      [node(job({ SLURM_MEM_PER_NODE: "0" })), 1, 16],
    ];
    assertEquals(rows.map(([facts, atOnce]) => memGbOf(facts, atOnce)), rows.map(([, , gb]) => gb));
  });

  it("of GPUs: what variables say that programs go by, then what Slurm gave, else what there are", () => {
    const has = { gpus: ["0", "1"] };
    const rows: [ShareFacts, string[]][] = [
      [node(), []],
      [node({}, has), ["0", "1"]],
      [node({ CUDA_VISIBLE_DEVICES: "1" }, has), ["1"]],
      [node({ CUDA_VISIBLE_DEVICES: "" }, has), []],
      [node({ CUDA_VISIBLE_DEVICES: "0,-1,2" }, has), ["0"]],
      [node({ CUDA_VISIBLE_DEVICES: "GPU-8f1a, MIG-2" }, has), ["GPU-8f1a", "MIG-2"]],
      [node(job({ SLURM_JOB_GPUS: "2-3,5" }), has), ["2", "3", "5"]],
      [node(job({ CUDA_VISIBLE_DEVICES: "0", SLURM_JOB_GPUS: "3" }), has), ["0"]],
      [node({ SLURM_JOB_GPUS: "3" }, has), ["0", "1"]],
      [node(job(), has), []],
    ];
    assertEquals(rows.map(([facts]) => gpusOf(facts)), rows.map(([, gpus]) => gpus));
  });

  it("is told to libraries, but for what the user has set", () => {
    const all = Object.keys(threadVariables(node(), 1));
    assertEquals(threadVariables(node(), 4).OMP_NUM_THREADS, "2");
    assert(all.includes("MKL_NUM_THREADS") && !all.includes("SRUN_CPUS_PER_TASK"), `${all}`);
    const set = (variables: Record<string, string>) => threadVariables(node(variables), 2);
    assertEquals(set({ OMP_NUM_THREADS: "3" }), { RAYON_NUM_THREADS: "4" });
    assertEquals({ ...set({ MKL_NUM_THREADS: "3" }), MKL_NUM_THREADS: "4" }, set({}));
    const inJob = job({ SLURM_CPUS_PER_TASK: "6" });
    assertEquals(set(inJob).SRUN_CPUS_PER_TASK, "3");
    assertEquals(set({ ...inJob, SRUN_CPUS_PER_TASK: "1" }).SRUN_CPUS_PER_TASK, undefined);
  });

  it("is known of this machine", () => {
    assert(cpusOf(ownNode, 1) >= 1);
    assert((memGbOf(ownNode, 1) ?? 1) > 0);
  });
});
