import { fromFileUrl } from "@std/path/from-file-url";
import { systemMachine } from "../lib/core/system/system_machine.ts";
import { compile } from "../lib/pack/compile.ts";
import { pack } from "../lib/pack/pack.ts";
import { workerCommand } from "../lib/worker/command.ts";
import { WorkerListener } from "../lib/worker/listener.ts";
import { WorkerProcess } from "../lib/worker/subprocess.ts";
import type { Bench, Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { denoCommand, furuCommand, PIPELINE, runFuru } from "./furu.ts";
import { medianMs } from "./measure.ts";
import { runProcess } from "./process.ts";

/** The option with which Deno reads what a command needs, and no more. */
const LAZY = "--unstable-lazy-dynamic-imports";

/**
 * What it takes to start: the program, a worker until it can take a task, a run; beside an empty script. Where
 * `DENORT_BIN` names Deno's runtime image, or it can be downloaded, a compiled program is measured as well.
 */
export const startupBench: Bench = {
  name: "startup",
  description: "starting furu --help, a worker and a run of one artifact, beside an empty script",
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
    const times = (factor: number): string => `${Math.round(factor * reference.value)} ms (${factor}x)`;
    const row = async (what: string, work: () => unknown, aim?: string): Promise<Row> => ({
      what,
      furu: { value: await measured(work), unit },
      reference,
      ...(aim === undefined ? {} : { aim }),
    });
    let stores = 0;
    const one = (store: string) => runFuru(folder.at(store), "run", `${PIPELINE}#tiny_1`, "--quiet");
    const help = async (...options: string[]): Promise<void> => {
      const [program, run, ...rest] = furuCommand("--help");
      await runProcess([program!, run!, ...options, ...rest], { env: { FURU_PATH: folder.at("store") } });
    };
    return [
      await row("furu --help", () => help(), times(2)),
      await row(`furu --help, with ${LAZY}`, () => help(LAZY), times(2)),
      ...await filesRows(folder, row),
      {
        what: "a worker, until it can take a task",
        furu: { value: await workerMs(measured), unit },
        reference,
        aim: times(3),
      },
      await row("furu run of one artifact", () => one(`store-${stores++}`), times(7)),
      await row("the same, where it is stored", () => one("store")),
    ];
  },
};

/** The same for programs of one file, which is unpacked already. */
async function filesRows(
  folder: Folder,
  row: (what: string, work: () => unknown) => Promise<Row>,
): Promise<Row[]> {
  const packed = folder.at("packed/furu");
  await pack({ output: packed });
  const compiled = folder.at("compiled/furu");
  const how = await compile({ output: compiled, say: (line) => console.error(line) });
  // The furu that it imports is that of the file.
  const pipeline = folder.at("one.ts");
  folder.write(
    "one.ts",
    `import { defineTask, z } from "@furu/furu";
const One = defineTask({ name: "One", params: z.object({}), create: (): number => 1 });
export default One({});
`,
  );
  const rows: Row[] = [];
  for (const [name, file] of [["packed", packed], ["compiled", compiled]] as const) {
    if (name === "compiled" && how !== "compiled") continue;
    const run = (...args: string[]) =>
      runProcess([file, ...args], {
        env: { FURU_PATH: folder.at(`store-${name}`), FURU_CACHE_DIR: folder.at("cache") },
      });
    rows.push(
      await row(`furu --help, ${name}`, () => run("--help")),
      await row(`furu run where it is stored, ${name}`, () => run("run", pipeline, "--quiet")),
    );
  }
  return rows;
}

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
