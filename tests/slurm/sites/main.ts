import { startCluster } from "../cluster.ts";
import { checkCell } from "./check_cell.ts";
import { type Mode, PIPELINES } from "./pipelines.ts";
import { SITES } from "./table.ts";

/**
 * Plays every pipeline on every site, in both modes, and prints a table of it: `deno task sites [part of a site's name]
 * [part of a pipeline's name] [pool|dag]`. Faults are printed as they are found.
 */
if (import.meta.main) {
  const [ofSite = "", ofPipeline = "", ofMode = ""] = Deno.args;
  const pipelines = PIPELINES.filter(({ name }) => name.includes(ofPipeline));
  const columns = (["pool", "dag"] as Mode[]).filter((mode) => mode.includes(ofMode))
    .flatMap((mode) => pipelines.map((pipeline) => ({ mode, pipeline, title: `${mode} ${pipeline.name}` })));
  const table: string[][] = [["site", ...columns.map(({ title }) => title)]];
  let failed = 0;
  for (const site of SITES.filter(({ name }) => name.includes(ofSite))) {
    await using cluster = await startCluster(site.cluster);
    const row = [site.name];
    for (const { mode, pipeline, title } of columns) {
      const began = performance.now();
      try {
        await checkCell(cluster, site, pipeline, mode);
        row.push(`${((performance.now() - began) / 1000).toFixed(0)} s`);
      } catch (error) {
        failed++;
        row.push("FAILED");
        console.log(`\n=== ${site.name}, ${title}: ${error instanceof Error ? error.message : error}`);
      }
      console.log(`${site.name}, ${title}: ${row.at(-1)}`);
    }
    table.push(row);
  }
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  console.log(`\n${table.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ")).join("\n")}`);
  console.log(`\n${failed} of ${(table.length - 1) * columns.length} failed`);
  if (failed > 0) Deno.exit(1);
}
