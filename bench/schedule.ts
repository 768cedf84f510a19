/**
 * The scheduler alone: a whole run over layered graphs, each node reported done at once. Run:
 * `deno run -A bench/schedule.ts`. Times are the best of five, in µs a node.
 *
 * @module
 */
import type { Hash } from "../lib/core/hash.ts";
import { plan } from "../lib/plan/graph.ts";
import { createScheduler } from "../lib/schedule/scheduler.ts";
import type { Window } from "../lib/schedule/window.ts";
import { FakeSource, layeredGraph } from "../tests/plan/fake_graph.ts";

const retry = { retryFailed: true, maxComputeRetries: 3, preemptMax: 5 };

for (const count of [10_000, 100_000]) {
  const made = await plan(layeredGraph(count).roots, new FakeSource());
  for (const window of ["dfs", 8, "bfs"] satisfies Window[]) {
    let least = Infinity;
    for (let round = 0; round < 5; round++) {
      const begin = performance.now();
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
      least = Math.min(least, performance.now() - begin);
    }
    const each = (least * 1000 / made.nodes.size).toFixed(2);
    console.log(`${count.toLocaleString("en")} nodes, window ${window}: ${each} µs a node`);
  }
}
