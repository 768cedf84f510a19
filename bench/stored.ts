import { configure } from "@furu/furu";
import { type Bench, count, type Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { PIPELINE, runFuru } from "./furu.ts";
import { medianMs } from "./measure.ts";
import { secondRuns } from "./peer_runs.ts";
import { tiny } from "./pipeline.ts";
import { storeAll } from "./store_all.ts";

/** The second run over many tiny artifacts: nothing is to be done. Whole processes, beside other tools. */
export const storedBench: Bench = {
  name: "stored",
  description: "the second furu run over 10,000 stored artifacts, whole process",
  async run(context): Promise<Row[]> {
    const size = context.quick ? 1000 : 10_000;
    await using folder = new Folder();
    const root = folder.at("store");
    configure({ root });
    await storeAll(root, tiny(size));
    const run = () => runFuru(root, "run", `${PIPELINE}#tiny_${size}`, "--workers", "2", "--quiet");
    const furu = { value: await medianMs(run, { rounds: context.quick ? 2 : 5 }), unit: "ms" };
    const what = `second furu run, ${count(size)} stored artifacts`;
    const aim = size === 10_000 ? "below 300 ms" : "";
    const times = await secondRuns(context, size);
    if (times.length === 0) return [{ what, furu, aim }];
    return times.map(({ tool, ms }) => ({ what, furu, reference: { value: ms, unit: "ms", tool }, aim }));
  },
};
