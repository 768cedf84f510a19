/**
 * A run over many tiny artifacts, which tells how long each tenth of them took, and its memory.
 *
 *     deno run -A bench/many_process.ts COUNT
 *
 * @module
 */
import { runLocal } from "@furu/furu";
import { PIPELINE } from "./furu.ts";
import { tiny } from "./pipeline.ts";

/** What it prints, as JSON. */
export interface ManyReport {
  /** Milliseconds of each tenth of the artifacts. */
  tenthsMs: number[];
  /** Most megabytes of memory that this process had. */
  peakMb: number;
}

if (import.meta.main) {
  const size = Number(Deno.args[0]);
  const roots = tiny(size);
  const tenthsMs: number[] = [];
  let done = 0, since = performance.now();
  await runLocal(roots, {
    maxWorkers: 2,
    progress: "none",
    entry: `file://${PIPELINE}`,
    onEvent: ({ type }) => {
      if (type === "run_started") since = performance.now();
      if (type !== "node_done" || ++done % Math.ceil(size / 10) !== 0) return;
      const now = performance.now();
      tenthsMs.push(now - since);
      since = now;
    },
  });
  const peakKb = /^VmHWM:\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  console.log(JSON.stringify({ tenthsMs, peakMb: Number(peakKb) / 1024 } satisfies ManyReport));
}
