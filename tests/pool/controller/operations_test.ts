import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { ControllerContext } from "../../../lib/pool/controller/context.ts";
import { POOL_TIMING } from "../../../lib/pool/controller/context.ts";
import { WorkerMonitor } from "../../../lib/pool/controller/monitor_workers.ts";
import { ControlRequests } from "../../../lib/pool/worker/control_requests.ts";
import { fenceWorker } from "../../../lib/queue/fence.ts";
import { enterQueue } from "../../../lib/queue/worker_dir.ts";
import type { Runtime } from "../../../lib/run/runtime.ts";
import { artifact, PoolRig } from "../rig.ts";

/** Counts the operations on files, by kind, with a clock that the test turns. */
function counted(runtime: Runtime): { time: { ms: number }; counts: Map<string, number>; all(): number } {
  const time = { ms: 0 };
  const counts = new Map<string, number>();
  const { files, clock } = runtime.machine;
  for (const kind of ["open", "list", "readText", "readBytes", "stat", "write", "rename", "link"] as const) {
    const real = files[kind] as (...args: unknown[]) => unknown;
    const wrapped = (...args: unknown[]): unknown => {
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      return real.apply(files, args);
    };
    Object.assign(files, { [kind]: wrapped });
  }
  Object.assign(clock, { monotonic: () => time.ms });
  return { time, counts, all: () => [...counts.values()].reduce((sum, each) => sum + each, 0) };
}

describe("operations on files", () => {
  it("of a worker that computes: one every few seconds beside its heartbeat", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const runtime = rig.process();
    const { time, counts, all } = counted(runtime);
    const requests = new ControlRequests(runtime, rig.paths, "w1");
    await requests.look(false);
    counts.clear();
    for (let each = 0; each < 600; each++) {
      time.ms += 100;
      await requests.look(false);
    }
    assert(all() <= 20, `${all()} in a minute: ${JSON.stringify([...counts])}`);
  });

  it("of a controller: by listings and leases, not by workers and seconds", async () => {
    await using rig = new PoolRig({ leaseSec: 120 });
    await rig.begin([artifact(() => 1)]);
    const workers = 40;
    const folders = [];
    for (let each = 0; each < workers; each++) {
      const init = { spec: "default", node: `n${each}`, slots: 1 };
      folders.push(await enterQueue(rig.process().store, rig.paths, init));
    }
    const runtime = rig.process();
    const { time, counts } = counted(runtime);
    const warnings: string[] = [];
    const monitor = new WorkerMonitor(
      {
        runtime,
        paths: rig.paths,
        timing: POOL_TIMING,
        leadership: { check: () => Promise.resolve() },
        log: { warn: (text: string) => warnings.push(text) },
      } as unknown as ControllerContext,
      () => {},
    );
    await monitor.round(new Map());
    assertEquals(monitor.size, workers);
    counts.clear();
    for (let second = 0; second < 60; second++) {
      time.ms += 1000;
      await monitor.round(new Map());
    }
    const opens = counts.get("open") ?? 0;
    assert(opens >= workers && opens <= workers * 4, `${opens} opens in a minute`);
    assertEquals(counts.get("readText") ?? 0, 0, "nothing is opened that is not there");
    assert((counts.get("list") ?? 0) <= 60 * 3, `${counts.get("list")} listings in a minute`);
    // One that somebody judged is seen to by the next round, whoever's turn it is.
    const [{ id }] = folders as [typeof folders[number]];
    await fenceWorker(rig.process().store, rig.paths, { spec: "default", id }, {
      kind: "lost",
      why: "a test",
    });
    await monitor.round(new Map());
    assertEquals(monitor.size, workers - 1);
    for (const folder of folders) await folder.leave();
  });
});
