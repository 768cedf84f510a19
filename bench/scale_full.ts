import { fromFileUrl } from "@std/path/from-file-url";
import { FURU_VERSION } from "../lib/core/version.ts";
import { queuePaths } from "../lib/queue/layout.ts";
import { makeQueue } from "../lib/queue/queue.ts";
import { poolNodes } from "../lib/remote/run_nodes.ts";
import { writeRun } from "../lib/remote/run_record.ts";
import { writePayloads } from "../lib/worker/protocol/payload_files.ts";
import { count, type Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { denoCommand } from "./furu.ts";
import { runProcess } from "./process.ts";
import { countedRuntime, type ProcessCost, Tiny } from "./scale_process.ts";

const PROCESS = fromFileUrl(new URL("scale_process.ts", import.meta.url));
const RUN_ID = "bench-scale";

/** How large a run is. */
export interface FullSize {
  /** Workers in all. */
  readonly workers: number;
  /** Processes that they are spread over. */
  readonly processes: number;
  /** Tasks that take no time, none of which needs another one. */
  readonly tasks: number;
}

/** Real workers and a real controller over the real filesystem, in a few processes. */
export async function fullRows(
  { workers, processes, tasks }: FullSize,
  note: (text: string) => void,
): Promise<Row[]> {
  await using folder = new Folder();
  const root = folder.at("store");
  await prepare(root, workers, tasks);
  const each = Math.ceil(workers / processes);
  const run = async (...args: string[]): Promise<ProcessCost> =>
    JSON.parse((await runProcess(denoCommand(PROCESS, root, RUN_ID, ...args))).trim().split("\n").at(-1)!);
  const groups = Array.from({ length: processes }, (_, n) => n * each).filter((first) => first < workers);
  const [control, ...others] = await Promise.all([
    run("control", "0", `${workers}`),
    ...groups.map((first) => run("work", `${first}`, `${Math.min(each, workers - first)}`)),
  ]);
  const all = (cost: ProcessCost): number =>
    Object.values(cost.operations).reduce((sum, one) => sum + one, 0);
  const sum = (of: (cost: ProcessCost) => number): number => others.reduce((all, cost) => all + of(cost), 0);
  const what = `pool of ${count(workers)} real workers in ${groups.length} processes, ${
    count(tasks)
  } tiny tasks`;
  note(
    `scale: the run took ${(control!.ms / 1000).toFixed()} s; operations of its controller: ${
      text(control!)
    }`,
  );
  note(`scale: operations of one process of ${each} workers: ${text(others[0]!)}`);
  return [
    { what: `${what}, each`, furu: { value: control!.ms / tasks, unit: "ms" } },
    {
      what: `${what}, processor time of the controller`,
      furu: { value: control!.cpuSec * 1000 / tasks, unit: "ms each" },
    },
    {
      what: `${what}, of all workers`,
      furu: { value: sum(({ cpuSec }) => cpuSec) * 1000 / tasks, unit: "ms each" },
    },
    { what: `${what}, memory of the controller`, furu: { value: control!.memoryMb, unit: "MB" } },
    {
      what: `${what}, memory of a process of ${each} workers`,
      furu: { value: Math.max(...others.map(({ memoryMb }) => memoryMb)), unit: "MB" },
    },
    { what: `${what}, operations of the controller`, furu: { value: all(control!) / tasks, unit: "each" } },
    { what: `${what}, operations of all workers`, furu: { value: sum(all) / tasks, unit: "each" } },
  ];
}

/** Writes what whoever begins the run writes. */
async function prepare(root: string, maxWorkers: number, tasks: number): Promise<void> {
  const runtime = countedRuntime(root);
  const paths = queuePaths(root, RUN_ID);
  const artifacts = Array.from({ length: tasks }, (_, n) => Tiny({ n }));
  await makeQueue(runtime.store, paths, ["default"]);
  await writePayloads(runtime, paths.run, artifacts);
  await writeRun(runtime, paths, {
    schema: 1,
    runId: RUN_ID,
    mode: "pool",
    createdAt: new Date().toISOString(),
    submitter: runtime.machine.self,
    versions: { furu: FURU_VERSION, deno: Deno.version.deno },
    entry: "file:///none.ts",
    roots: artifacts.map(({ hash }) => hash),
    specs: { default: {} },
    config: runtime.config,
    force: [],
    git: null,
    detached: false,
    options: { maxWorkers, window: "bfs", idleTimeoutSec: 600, keepGoing: false, tasksPerWorker: 1 },
    counts: { nodes: tasks, cached: 0 },
    invalid: [],
    nodes: poolNodes(artifacts),
  });
}

function text({ operations }: ProcessCost): string {
  return Object.entries(operations).sort(([, one], [, other]) => other - one)
    .map(([kind, times]) => `${kind} ${count(times)}`).join(", ");
}
