import type { Hash } from "../lib/core/hash.ts";
import { makePlan, type Plan } from "../lib/plan/graph.ts";
import { createScheduler } from "../lib/schedule/scheduler.ts";
import type { Window } from "../lib/schedule/check_run.ts";
import { FakeSource, layeredGraph } from "../tests/plan/fake_graph.ts";
import { type Bench, count, type Row } from "./bench.ts";
import { medianMs } from "./measure.ts";

const retry = { retryFailed: true, maxComputeRetries: 3, maxPreemptRetries: 5 };

/** The scheduler alone: a whole run over layered graphs, each node reported done at once. */
export const scheduleBench: Bench = {
  name: "schedule",
  description: "the scheduler alone: a whole run in which every node is done at once",
  async run({ quick }): Promise<Row[]> {
    const rows: Row[] = [];
    for (const nodes of quick ? [10_000] : [10_000, 100_000]) {
      const made = await makePlan(layeredGraph(nodes).roots, new FakeSource());
      for (const window of ["dfs", 8, "bfs"] satisfies Window[]) {
        const ms = await medianMs(() => schedule(made, window), { rounds: quick ? 2 : 5 });
        rows.push({
          what: `schedule ${count(nodes)} nodes, window ${window}`,
          furu: { value: ms * 1000 / made.nodes.size, unit: "µs a node" },
          aim: "linear",
        });
      }
    }
    return rows;
  },
};

function schedule(made: Plan, window: Window): void {
  const scheduler = createScheduler(made, { window, retry, maxRunning: 8 });
  const running: Hash[] = [];
  let actions = scheduler.step({ type: "begin" });
  for (let ended = false; !ended;) {
    for (const action of actions) {
      if (action.type === "start") running.push(action.hash);
      if (action.type === "finished") ended = true;
    }
    if (!ended) actions = scheduler.step({ type: "done", hash: running.shift()!, computed: true });
  }
}
