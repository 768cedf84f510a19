import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { RunEvent } from "../../../lib/core/event.ts";
import type { ControllerContext } from "../../../lib/pool/controller/context.ts";
import { WorkerReports } from "../../../lib/pool/controller/monitor_workers.ts";
import { workerFiles } from "../../../lib/queue/layout.ts";
import { artifact, PoolRig } from "../rig.ts";

describe("WorkerReports", () => {
  it("tells of attempts that workers say they make, once a second at most", async () => {
    await using rig = new PoolRig();
    const only = artifact(() => 1);
    await rig.begin([only]);
    const runtime = rig.process();
    let time = 0;
    const events: RunEvent[] = [];
    const clock = { ...runtime.machine.clock, monotonic: () => time };
    const state = {
      runtime: { ...runtime, store: runtime.store, machine: { ...runtime.machine, clock } },
      paths: rig.paths,
      onEvent: (event: RunEvent) => events.push(event),
      tasks: { get: () => ({ state: { at: "done" } }) },
    } as unknown as ControllerContext;
    const reports = new WorkerReports(state);
    const say = async (...tasks: { fraction?: number }[]): Promise<string[]> => {
      const list = tasks.map((task) => ({
        hash: only.hash,
        name: only.name,
        attempt: 2,
        since: 5,
        log: "a.log",
        ...task,
      }));
      await Deno.writeTextFile(workerFiles(rig.paths, "w").now, JSON.stringify({ schema: 1, tasks: list }));
      await reports.look([{ id: "w" }]);
      return events.splice(0).map((event) =>
        [
          event.type,
          ..."fraction" in event ? [event.fraction] : [],
          ..."outcome" in event ? [event.outcome] : [],
        ].join(" ")
      );
    };
    assertEquals(await say({}), ["attempt_started"]);
    assertEquals(await say({ fraction: 0.5 }), [], "too early");
    time += 1000;
    assertEquals(await say({ fraction: 0.5 }), ["attempt_progress 0.5"]);
    time += 1000;
    assertEquals(await say({ fraction: 0.5 }), [], "nothing new");
    time += 1000;
    assertEquals(await say(), ["attempt_ended success"]);
    time += 1000;
    assertEquals(await say({}), ["attempt_started"]);
    time += 1000;
    await reports.look([]);
    assertEquals(events.map(({ type }) => type), ["attempt_ended"], "the worker is gone");
  });
});
