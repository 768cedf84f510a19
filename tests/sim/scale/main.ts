/**
 * `deno task sim:scale`: plays a large run over files in memory, and counts what is done with them.
 *
 *     deno task sim:scale [--workers 4000] [--tasks 1000000] [--stored 0] [--chain 10] [--task-sec 10]
 */
import { parseArgs } from "@std/cli/parse-args";
import type { Counts } from "./counts.ts";
import { playScale, type ScalePart } from "./scale_run.ts";

const args = parseArgs(Deno.args, {
  string: ["workers", "tasks", "stored", "chain", "task-sec"],
  unknown: (arg) => usage(`Unknown argument ${arg}`),
});

function usage(message: string): never {
  console.error(`${message}. Allowed: --workers, --tasks, --stored, --chain, --task-sec`);
  Deno.exit(2);
}

function count(name: "workers" | "tasks" | "stored" | "chain" | "task-sec", otherwise: number): number {
  const value = Number(args[name] ?? otherwise);
  if (!Number.isSafeInteger(value) || value < 0) usage(`--${name} must be a whole number: ${args[name]}`);
  return value;
}

function line({ tasks, seconds, wallMs, readAfterMs, controller, workers }: ScalePart): string {
  return [
    `${tasks} tasks in ${seconds.toFixed()} s (real: ${(wallMs / 1000).toFixed(1)} s, ` +
    `${(wallMs * 1000 / tasks).toFixed()} us a task)`,
    `results read after ${readAfterMs.toFixed()} ms`,
    `operations a task: controller ${(controller.sum() / tasks).toFixed(2)}, workers ${
      (workers.sum() / tasks).toFixed(2)
    }`,
    `names listed a task: controller ${(controller.names / tasks).toFixed()}, workers ${
      (workers.names / tasks).toFixed()
    }`,
    `memory ${(Deno.memoryUsage().rss / 2 ** 30).toFixed(2)} GB`,
  ].join("; ");
}

const workers = count("workers", 4000);
const begun = performance.now();
const report = await playScale({
  workers,
  tasks: count("tasks", 1_000_000),
  stored: count("stored", 0),
  chain: count("chain", 10),
  taskSec: count("task-sec", 10),
  onPart: (part) => console.log(line(part)),
});
const { whole, busySec, mostWorkers, readMs: [all, head], firstMs } = report;
const background = (counts: Counts): number =>
  counts.sum((kind, place) => kind !== "handle" && (place === "orders" || place === "stop"));
const beats = whole.workers.sum((kind) => kind === "beat");
console.log([
  `All: ${line(whole)}`,
  `At most ${mostWorkers} workers, ${busySec.toFixed()} s of computing; real time ${
    ((performance.now() - begun) / 1000).toFixed()
  } s`,
  `run's record: ${all.toFixed()} ms for a controller, ${head.toFixed(1)} ms for a worker; the first result ${
    (firstMs / 1000).toFixed(1)
  } s after that`,
  `a worker-minute: ${
    (background(whole.workers) * 60 / (whole.seconds * workers)).toFixed(1)
  } looks for orders, ` +
  `${(beats * 60 / (whole.seconds * workers)).toFixed(1)} heartbeats`,
  `a controller's second: ${(whole.controller.sum() / whole.seconds).toFixed(1)} operations: ` +
  whole.controller.text(whole.seconds, 0.05),
  `controller, a task: ${whole.controller.text(whole.tasks)}`,
  `workers, a task: ${whole.workers.text(whole.tasks)}`,
].join("\n"));
