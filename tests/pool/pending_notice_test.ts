import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { WorkerJob } from "../../lib/pool/launcher.ts";
import { PendingNotice } from "../../lib/pool/controller/pending_notice.ts";

function scene() {
  const told: string[] = [];
  let ms = 0;
  const clock = { now: () => ms, monotonic: () => ms, sleep: () => Promise.resolve() };
  const notice = new PendingNotice(clock, (text) => told.push(text));
  const look = (atSec: number, text: string, { alive = 0, inTurn = false, tasks = 3 } = {}): string[] => {
    ms = atSec * 1000;
    const state = { status: "pending", text, inTurn } as const;
    const jobs: WorkerJob[] = [1, 0].map((order) => ({ key: `job-${order}`, spec: "gpu", order, state }));
    notice.look([{ spec: "gpu", tasks, alive, leaving: 0, pending: 2 }], jobs);
    return told.splice(0);
  };
  return look;
}

describe("a spec without a worker", () => {
  it("says after a minute what its jobs wait for, and again only for another reason", () => {
    const look = scene();
    const why = "PENDING (AssocGrpGRES)";
    assertEquals([look(0, why), look(59, why)], [[], []]);
    assertEquals(look(60, why), [
      `no worker of spec 'gpu' has begun for 1m: 2 jobs pending, job-0 as ${why}`,
    ]);
    assertEquals(look(600, why), []);
    assertEquals(look(660, "PENDING (JobHeldUser)"), [
      "no worker of spec 'gpu' has begun for 11m: 2 jobs pending, job-0 as PENDING (JobHeldUser)",
    ]);
  });

  it("counts all that a job in turn waits for as one reason", () => {
    const look = scene();
    look(0, "PENDING (Priority)", { inTurn: true });
    assertEquals(look(61, "PENDING (Priority)", { inTurn: true }).length, 1);
    assertEquals(look(62, "PENDING (Resources)", { inTurn: true }), []);
  });

  it("says nothing while a worker lives or there is nothing to do, and waits a minute from then on", () => {
    const look = scene();
    look(0, "PENDING");
    assertEquals(look(61, "PENDING", { alive: 1 }), []);
    assertEquals(look(62, "PENDING"), []);
    assertEquals(look(130, "PENDING", { tasks: 0 }), []);
    assertEquals([look(131, "PENDING"), look(180, "PENDING")], [[], []]);
    assertEquals(look(192, "PENDING").length, 1);
  });
});
