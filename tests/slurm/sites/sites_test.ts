import { assert } from "@std/assert";
import { describeOnSlurm } from "../suite.ts";
import { checkCell } from "./check_cell.ts";
import { type Mode, PIPELINES } from "./pipelines.ts";
import { SITES } from "./table.ts";

/** The cells of the table that tell most, for each way of running: `deno task sites` plays all of them. */
const CELLS: readonly (readonly [site: string, pipeline: string, mode: Mode])[] = [
  ["banners everywhere", "detached", "pool"],
  ["banners everywhere", "taken up", "dag"],
  ["squeue dead rows", "taken up", "pool"],
  ["squeue one cache 60 s", "cancelled", "dag"],
  ["squeue down", "failing", "pool"],
  ["sbatch slow, limit 2", "sweep", "pool"],
  ["sbatch refuses 15 s", "chain", "dag"],
  ["one spec refused 30 s", "mixed", "pool"],
  ["first 2 cancelled", "sweep", "pool"],
  ["suspension", "diamond", "dag"],
  ["no arrays", "sweep", "pool"],
];

const byCluster = Map.groupBy(CELLS, ([name]) => SITES.find((site) => site.name === name)?.cluster);
for (const [options, cells] of byCluster) {
  describeOnSlurm(
    `what real sites do${options ? `, with ${JSON.stringify(options.settings)}` : ""}`,
    (suite) => {
      for (const [name, pipeline, mode] of cells) {
        suite.it(`${name}: ${pipeline} (${mode})`, async () => {
          const site = SITES.find((each) => each.name === name);
          const played = PIPELINES.find((each) => each.name === pipeline);
          assert(site && played, "they are in the tables");
          await checkCell(suite.cluster, site, played, mode);
        });
      }
    },
    options,
  );
}
