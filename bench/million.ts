import { configure } from "@furu/furu";
import { resolveConfig } from "../lib/core/config.ts";
import { makePlan } from "../lib/plan/graph.ts";
import { systemRuntime } from "../lib/run/default_runtime.ts";
import { storeStatus } from "../lib/schedule/status_source.ts";
import { type Bench, count, type Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { medianMs } from "./measure.ts";
import { tiny } from "./pipeline.ts";
import { storeAll } from "./store_all.ts";

const ASKED = 10;

/** A plan of a few artifacts of a task that has very many: it must not list what is not asked for. */
export const millionBench: Bench = {
  name: "million",
  description: "a plan of 10 artifacts of a task with 1,000,000 stored ones",
  async run({ quick }): Promise<Row[]> {
    const size = quick ? 20_000 : 1_000_000;
    await using folder = new Folder();
    const root = folder.at("store");
    configure({ root });
    const roots = tiny(ASKED);
    await storeAll(root, roots);
    const alone = await planMs(root, roots);
    const dir = folder.at("store", "artifacts", "bench", "Tiny");
    let source = "";
    for (let i = 0; i < size; i++) {
      // A file has 65,000 names at most.
      if (i % 50_000 === 0) Deno.writeTextFileSync(source = folder.at("store", `source-${i}`), "{}");
      Deno.linkSync(source, `${dir}/${i.toString(16).padStart(32, "0")}.json`);
    }
    return [{
      what: `plan of ${ASKED} artifacts beside ${count(size)} stored ones of the same task`,
      furu: { value: await planMs(root, roots), unit: "ms" },
      reference: { value: alone, unit: "ms", tool: "furu, where there are no others" },
      aim: "no listing of what is not asked for",
    }];
  },
};

async function planMs(root: string, roots: ReturnType<typeof tiny>): Promise<number> {
  return await medianMs(async () => {
    const runtime = systemRuntime(resolveConfig({ root }));
    const { counts } = await makePlan(roots, storeStatus(runtime));
    if (counts.done !== ASKED) throw new Error(`Cannot measure: ${counts.done} of ${ASKED} are stored`);
  }, { rounds: 5 });
}
