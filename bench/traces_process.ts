/**
 * The check of what a task left behind in its worker, around tasks that did nothing.
 *
 *     deno run -A bench/traces_process.ts ROUNDS [MODULE]...
 *
 * @module
 */
import { WorkerTraces } from "../lib/worker/child/traces.ts";
import { catchUnhandled } from "../lib/worker/child/unhandled.ts";

/** What it prints, as JSON. */
export interface TracesReport {
  /** Milliseconds of one check, the median of many rounds. */
  medianMs: number;
  /** The same of the first tasks of a worker, whose code has not been compiled yet. */
  firstMs: number;
}

/** Tasks of a round: a worker of tiny tasks computes about a thousand. */
const TASKS = 200;

if (import.meta.main) {
  const [rounds, ...modules] = Deno.args;
  const owner = catchUnhandled<object>((error) => {
    throw error;
  });
  const traces = new WorkerTraces(() => {});
  for (const module of modules) await import(module);
  traces.loaded();
  const task = async (): Promise<void> => {
    const it = {};
    traces.begin();
    await traces.around(() => owner.within(it, () => 1));
    traces.end(owner.leftBy(it));
  };
  const times: number[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    const begun = performance.now();
    for (let i = 0; i < TASKS; i++) await task();
    times.push((performance.now() - begun) / TASKS);
  }
  const firstMs = times[0]!;
  times.sort((a, b) => a - b);
  if (traces.spoilt) throw new Error("Cannot measure: something was left behind");
  console.log(JSON.stringify({ medianMs: times[times.length >> 1]!, firstMs } satisfies TracesReport));
  Deno.exit(0);
}
