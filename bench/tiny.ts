import { type Bench, type BenchContext, count, type Row } from "./bench.ts";
import { Folder, folderInMemory } from "./folder.ts";
import { PIPELINE, runFuru } from "./furu.ts";
import { medianMs } from "./measure.ts";
import { firstRuns, type PeerTime } from "./peer_runs.ts";

const UNIT = "ms each";

/** Runs of many tiny artifacts as whole processes, beside other tools making as many tiny files. */
export const tinyBench: Bench = {
  name: "tiny",
  description: "furu run over 1,000 and 10,000 tiny artifacts, 2 workers, whole process",
  async run(context): Promise<Row[]> {
    const sizes = context.quick ? [200, 1000] : [1000, 10_000];
    const rows = await rowsAt(context, sizes, undefined);
    const memory = folderInMemory();
    if (memory === undefined) context.note("tiny: no folder in memory (/dev/shm) can be written: left out");
    else rows.push(...await rowsAt(context, sizes.slice(-1), memory));
    context.note(
      "tiny: each figure is a whole process from nothing, two at a time, divided by its targets; furu also syncs " +
        "each record to the disk, which no other tool here does. 'without starting' leaves out what a run of one takes.",
    );
    return rows;
  },
};

/** @param dir Where the files are; by default in the system's folder for temporary files. */
async function rowsAt(context: BenchContext, sizes: number[], dir: string | undefined): Promise<Row[]> {
  const rows: Row[] = [];
  const where = dir === undefined ? "" : ", in memory";
  const aim = dir === undefined ? "at most 1.0x of make" : "at most 0.5x of make";
  const start = await furuMs(context, 1, dir);
  const disk = {
    value: await filesMs(context, dir),
    unit: UNIT,
    tool: "its file operations by hand, one process",
  };
  let times: PeerTime[] = [];
  for (const size of sizes) {
    const ms = await furuMs(context, size, dir);
    const what = `furu run, ${count(size)} tiny artifacts${where}`;
    const furu = { value: ms / size, unit: UNIT };
    times = await firstRuns(context, size, times, dir);
    for (const { tool, ms, targets } of times) {
      const over = targets === size ? {} : { over: `${count(targets)} targets` };
      rows.push({ what, furu, reference: { value: ms / targets, unit: UNIT, tool, ...over }, aim });
    }
    if (times.length === 0) rows.push({ what, furu, aim });
    rows.push({
      what: `the same, without starting (${start.toFixed(0)} ms)`,
      furu: { value: (ms - start) / (size - 1), unit: UNIT },
      reference: disk,
    }, { what: "the same as throughput", furu: { value: size * 1000 / ms, unit: "artifacts/s" } });
  }
  return rows;
}

/**
 * The calls that the protocol makes for one artifact, in a row: what the disk takes, whatever the program.
 */
async function filesMs({ quick }: BenchContext, dir: string | undefined): Promise<number> {
  await using folder = new Folder(dir);
  const artifacts = quick ? 200 : 1000;
  const owner = folder.at("s", "owner");
  const commit = (i: number): void => {
    const record = folder.at("s", `${i}.json`), claim = folder.at("s", `${i}.claim`);
    const at = (name: string): string => folder.at("s", `${name}-${i}`);
    Deno.linkSync(owner, claim);
    Deno.writeTextFileSync(at("tmp"), "x".repeat(900));
    using file = Deno.openSync(at("tmp"));
    file.syncDataSync();
    Deno.linkSync(at("tmp"), record);
    Deno.removeSync(at("tmp"));
    Deno.renameSync(claim, at("trash"));
    Deno.removeSync(at("trash"));
  };
  const ms = await medianMs(() => {
    for (let i = 0; i < artifacts; i++) commit(i);
  }, {
    rounds: 3,
    before: async () => {
      await folder.clear("s");
      Deno.writeTextFileSync(owner, "x".repeat(300));
    },
  });
  return ms / artifacts;
}

async function furuMs(
  { quick }: BenchContext,
  size: number,
  dir: string | undefined,
): Promise<number> {
  await using folder = new Folder(dir);
  const run = () =>
    runFuru(folder.at("store"), "run", `${PIPELINE}#tiny_${size}`, "--workers", "2", "--quiet");
  return await medianMs(run, {
    rounds: quick ? 1 : 3,
    before: () => folder.remove("store"),
  });
}
