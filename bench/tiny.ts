import { type Bench, type BenchContext, count, type Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { PIPELINE, runFuru } from "./furu.ts";
import { medianMs } from "./measure.ts";
import { firstRuns, type PeerTime } from "./peer_runs.ts";

const UNIT = "ms each";

/** Runs of many tiny artifacts as whole processes, beside other tools making as many tiny files. */
export const tinyBench: Bench = {
  name: "tiny",
  description: "furu run over 1,000 and 10,000 tiny artifacts, 2 workers, whole process",
  async run(context): Promise<Row[]> {
    const rows: Row[] = [];
    const start = await furuMs(context, 1);
    const disk = {
      value: await filesMs(context),
      unit: UNIT,
      tool: "its file operations by hand, one process",
    };
    let times: PeerTime[] = [];
    for (const size of context.quick ? [200, 1000] : [1000, 10_000]) {
      const ms = await furuMs(context, size);
      const what = `furu run, ${count(size)} tiny artifacts`;
      const furu = { value: ms / size, unit: UNIT };
      const aim = "below 0.4 ms each, linear";
      times = await firstRuns(context, size, times);
      for (const { tool, ms, targets } of times) {
        const over = targets === size ? {} : { over: `${count(targets)} targets` };
        rows.push({ what, furu, reference: { value: ms / targets, unit: UNIT, tool, ...over }, aim });
      }
      if (times.length === 0) rows.push({ what, furu, aim });
      rows.push({
        what: `the same, without starting (${start.toFixed(0)} ms)`,
        furu: { value: (ms - start) / (size - 1), unit: UNIT },
        reference: disk,
        aim,
      }, { what: "the same as throughput", furu: { value: size * 1000 / ms, unit: "artifacts/s" } });
    }
    context.note(
      "tiny: each figure is a whole process from nothing, two at a time, divided by its targets; furu also syncs " +
        "each record to the disk, which no other tool here does. 'without starting' leaves out what a run of one takes.",
    );
    return rows;
  },
};

/**
 * The calls that the protocol makes for one artifact, in a row: what the disk takes, whatever the program.
 */
async function filesMs({ quick }: BenchContext): Promise<number> {
  await using folder = new Folder();
  const artifacts = quick ? 200 : 1000;
  const commit = (i: number): void => {
    const home = folder.at(`s`, `${i}`), record = `${home}.json`;
    const at = (name: string): string => `${home}/${name}`;
    Deno.mkdirSync(home);
    Deno.writeTextFileSync(at("claim.tmp"), "x".repeat(300));
    Deno.linkSync(at("claim.tmp"), at("running"));
    Deno.writeTextFileSync(at("record.tmp"), "x".repeat(900));
    using file = Deno.openSync(at("record.tmp"));
    file.syncSync();
    Deno.linkSync(at("record.tmp"), record);
    Deno.removeSync(at("record.tmp"));
    Deno.removeSync(at("claim.tmp"));
    Deno.linkSync(record, at("end"));
    Deno.renameSync(at("running"), at("trash"));
    Deno.removeSync(at("trash"));
    Deno.removeSync(at("end"));
    Deno.removeSync(home);
  };
  const ms = await medianMs(() => {
    for (let i = 0; i < artifacts; i++) commit(i);
  }, { rounds: 3, before: () => folder.clear("s") });
  return ms / artifacts;
}

async function furuMs({ quick }: BenchContext, size: number): Promise<number> {
  await using folder = new Folder();
  const run = () =>
    runFuru(folder.at("store"), "run", `${PIPELINE}#tiny_${size}`, "--workers", "2", "--quiet");
  return await medianMs(run, {
    rounds: quick ? 1 : 3,
    before: () => folder.remove("store"),
  });
}
