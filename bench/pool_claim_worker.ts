/**
 * Claims tasks from the queue of the run whose store and id the arguments name, until none is left, and moves
 * each on as done, as a worker does whose tasks take no time. Waits for a line on stdin first.
 *
 * @module
 */
import { resolveConfig } from "../lib/core/config.ts";
import { systemMachine } from "../lib/core/system/system_machine.ts";
import { Candidates } from "../lib/pool/worker/candidates.ts";
import { enterQueue } from "../lib/queue/worker_dir.ts";
import { queuePaths } from "../lib/queue/layout.ts";
import { Store } from "../lib/store/store.ts";

if (import.meta.main) {
  const [root = "", runId = ""] = Deno.args;
  const machine = systemMachine();
  const store = new Store(machine, resolveConfig({ root }));
  const init = { spec: "default", node: "bench", slots: 1 };
  const folder = await enterQueue(store, queuePaths(root, runId), init);
  const picker = new Candidates(() => machine.randomId());
  console.log("ready");
  await Deno.stdin.read(new Uint8Array(1));
  let claimed = 0;
  for (;;) {
    const file = picker.next() ?? (picker.fill(await folder.listTodo()) ? picker.next() : undefined);
    if (file === undefined) break;
    const won = await folder.claim(file) === "claimed";
    picker.tried(won);
    if (!won) continue;
    claimed++;
    await folder.read(file);
    await folder.done(file);
  }
  await folder.leave();
  console.log(claimed);
}
