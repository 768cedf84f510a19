import { fromFileUrl } from "@std/path/from-file-url";
import { systemMachine } from "../lib/core/system/system_machine.ts";
import { workerCommand } from "../lib/worker/command.ts";
import { WorkerListener } from "../lib/worker/listener.ts";
import { WorkerProcess } from "../lib/worker/subprocess.ts";
import type { Bench, Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { denoCommand, runFuru } from "./furu.ts";
import { medianMs } from "./measure.ts";
import { runProcess } from "./process.ts";

/** What it takes to start: the program, and a worker until it can take a task; beside an empty script. */
export const startupBench: Bench = {
  name: "startup",
  description: "starting furu --help and a worker, beside an empty script",
  async run({ quick }): Promise<Row[]> {
    await using folder = new Folder();
    folder.write("empty.ts", "");
    const rounds = quick ? 3 : 15;
    const measured = (work: () => unknown) => medianMs(work, { rounds, warmUp: 2 });
    const unit = "ms";
    const reference = {
      value: await measured(() => runProcess(denoCommand(folder.at("empty.ts")))),
      unit,
      tool: "deno run of an empty file",
    };
    const help = await measured(() => runFuru(folder.at("store"), "--help"));
    const worker = await workerMs(measured);
    return [
      { what: "furu --help", furu: { value: help, unit }, reference },
      { what: "a worker, until it can take a task", furu: { value: worker, unit }, reference, aim: "60 ms" },
    ];
  },
};

async function workerMs(measured: (work: () => unknown) => Promise<number>): Promise<number> {
  await using listener = WorkerListener.open();
  const { files, clock } = systemMachine();
  const command = workerCommand({ module: fromFileUrl(new URL("pipeline.ts", import.meta.url)) });
  const started: WorkerProcess[] = [];
  try {
    return await measured(async () => {
      started.push(await WorkerProcess.start({ command, listener, files, clock }));
    });
  } finally {
    await Promise.all(started.map((worker) => worker.stop("KILL")));
  }
}
