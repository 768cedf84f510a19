import { fromFileUrl } from "@std/path/from-file-url";
import type { Bench, Row } from "./bench.ts";
import { denoCommand } from "./furu.ts";
import { runProcess } from "./process.ts";
import type { TracesReport } from "./traces_process.ts";

/** What a tiny task pays for the next one to see no trace of it. */
export const tracesBench: Bench = {
  name: "traces",
  description: "a worker's look at what a task left behind, for one that did nothing",
  async run({ quick }): Promise<Row[]> {
    const script = fromFileUrl(new URL("./traces_process.ts", import.meta.url));
    const rows: Row[] = [];
    for (
      const [where, aim, ...modules] of [
        ["", "at most 0.04 ms"],
        [", where node's modules are loaded", "at most 0.08 ms", "node:fs", "node:child_process"],
      ] as const
    ) {
      const text = await runProcess(denoCommand(script, quick ? "5" : "25", ...modules));
      const { medianMs, firstMs } = JSON.parse(text) as TracesReport;
      const what = `traces of a task${where}`;
      rows.push(
        { what, furu: { value: medianMs, unit: "ms each" }, aim },
        { what: `the same, the first 200 tasks of a worker`, furu: { value: firstMs, unit: "ms each" } },
      );
    }
    return rows;
  },
};
