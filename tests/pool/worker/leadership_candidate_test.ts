import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { acquireLeadership, Leadership } from "../../../lib/pool/leadership.ts";
import type { Claim } from "../../../lib/store/claims/claim.ts";
import { askToStop } from "../../../lib/queue/requests.ts";
import { listWorkers } from "../../../lib/queue/worker_liveness.ts";
import { exists, until } from "../../rig.ts";
import { artifact, within } from "../rig.ts";
import { WorkerRig } from "../worker_rig.ts";

/** A controller that does nothing until it is told to hand over, or the test ends it. */
function controller(rig: WorkerRig) {
  const terms: number[] = [];
  const end = Promise.withResolvers<void>();
  let handedOver = 0;
  const control = async (claim: Claim, handOver: AbortSignal): Promise<void> => {
    const role = new Leadership(rig.process(), claim);
    terms.push(role.term);
    const told = new Promise<void>((resolve) => handOver.addEventListener("abort", () => resolve()));
    await Promise.race([told, end.promise]);
    if (handOver.aborted) handedOver++;
    await role.giveUp("a test");
  };
  return { control, terms, end: () => end.resolve(), handedOver: () => handedOver };
}

async function begin(rig: WorkerRig): Promise<void> {
  await rig.queued([artifact(() => 1)]);
  rig.run = { ...rig.run, detached: true };
}

describe("a worker of a detached run", () => {
  it("becomes its controller where it has none, computes all the same, and does not leave for idleness", async () => {
    await using rig = new WorkerRig();
    await begin(rig);
    const { control, terms, end } = controller(rig);
    const worker = rig.worker({ control });
    await until(() => terms.length === 1 && rig.files("done").length === 1, "it controls and has computed");
    const claim = JSON.parse(Deno.readTextFileSync(rig.paths.role.claim));
    const [id] = (await listWorkers(rig.process().store, rig.paths)).keys();
    assertEquals({ backend: claim.backend, worker: claim.worker }, { backend: "controller", worker: id });
    assertEquals(await acquireLeadership(rig.process(), rig.paths, { runId: rig.run.runId }), "held");
    await askToStop(rig.process().store, rig.paths, "drain", "it has ended");
    // A controller that ends a run waits until its workers are gone, this one too.
    await until(() => !exists(`${rig.paths.workers}/${id}.json`), "it has left the queue");
    end();
    assertEquals((await within(worker.ended, "it leaves")).computed, 1);
  });

  it("hands the role on when it is told to leave, to the next one", async () => {
    await using rig = new WorkerRig({ leaseSec: 0.4, heartbeatSec: 0.1 });
    await begin(rig);
    const { control, terms, handedOver } = controller(rig);
    const first = rig.worker({ control });
    await until(() => terms.length === 1, "the first one controls");
    const second = rig.worker({ control });
    first.leave.abort(new Error("SIGTERM"));
    await within(first.ended, "the first one leaves");
    assertEquals(handedOver(), 1);
    await until(() => terms.length === 2, "the second one controls");
    assert(terms[1]! > terms[0]!);
    second.leave.abort(new Error("SIGTERM"));
    await within(second.ended, "the second one leaves");
  });

  it("does not leave for idleness before it has seen whether the controller lives, and succeeds a dead one", async () => {
    await using rig = new WorkerRig({ leaseSec: 0.6, heartbeatSec: 0.1 });
    await rig.begin([artifact(() => 1)], { idleTimeoutSec: 0.05 });
    rig.run = { ...rig.run, detached: true };
    // Its heart does not beat, and nobody can tell that it is gone.
    await rig.role(rig.process());
    const { control, terms, end } = controller(rig);
    const worker = rig.worker({ control });
    await until(() => terms.length === 1, "it controls");
    assertEquals(terms, [2]);
    end();
    worker.leave.abort(new Error("the test is over"));
    await within(worker.ended, "it leaves");
  });

  it("leaves when the run has ended", async () => {
    await using rig = new WorkerRig();
    await begin(rig);
    const { control, terms } = controller(rig);
    const ended = {
      schema: 1,
      runId: rig.run.runId,
      term: 1,
      endedAt: "2026-01-01T00:00:00Z",
      interrupted: false,
    };
    Deno.writeTextFileSync(rig.paths.ended, JSON.stringify(ended));
    const { why } = await within(rig.worker({ control }).ended, "it leaves");
    assertEquals({ why, terms }, { why: "the run has ended", terms: [] });
  });
});
