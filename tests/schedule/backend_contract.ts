import { assert, assertEquals, assertObjectMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Runtime } from "../../lib/run/runtime.ts";
import type { Backend, BackendEvent } from "../../lib/schedule/backend.ts";
import { readRecord } from "../../lib/store/read_record.ts";
import { declareDead } from "../../lib/store/claims/attempt_end.ts";
import { type Claim, tryClaim } from "../../lib/store/claims/claim.ts";
import { readClaim } from "../../lib/store/claims/read_claim.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { artifactOf, getFrom } from "../run/rig.ts";
import { until } from "../rig.ts";

/** A backend with what a test needs of it. */
export interface BackendRig extends AsyncDisposable {
  /** What is tested. */
  backend: Backend;
  /** What it has reported. */
  events: BackendEvent[];
  /** A process that has nothing to do with the run, over the same store. */
  stranger: Runtime;
}

/** Makes a backend that can compute the artifacts. */
export type MakeBackend = (artifacts: readonly Artifact[]) => Promise<BackendRig>;

/** What every backend promises the scheduler. */
export function backendContract(name: string, make: MakeBackend): void {
  const start = async ({ backend, events }: BackendRig, artifact: Artifact): Promise<BackendEvent> => {
    const before = events.length;
    backend.start(artifact, "default");
    await until(() => events.length > before, `${artifact} is reported`);
    return events.at(-1)!;
  };
  const claim = async ({ stranger: { store } }: BackendRig, artifact: Artifact): Promise<Claim> => {
    const result = await tryClaim(store, store.paths(artifact), { backend: "get" });
    assert(result.kind === "claimed");
    return result.claim;
  };

  describe(`${name} as a backend`, () => {
    it("reports what it computed as done, when its record is there", async () => {
      const artifact = artifactOf({ create: () => 7 });
      await using rig = await make([artifact]);
      assertEquals(await start(rig, artifact), { type: "done", hash: artifact.hash, computed: true });
      const { store } = rig.stranger;
      assertEquals((await readRecord(store, store.paths(artifact)))?.value, 7);
    });

    it("reports what somebody else had stored as done, and does not compute it", async () => {
      let creates = 0;
      const artifact = artifactOf({ create: () => ++creates });
      await using rig = await make([artifact]);
      await getFrom(rig.stranger, artifact);
      assertEquals(await start(rig, artifact), { type: "done", hash: artifact.hash, computed: false });
      assertEquals(creates, 1);
    });

    it("reports each failure with how many there were so far, and begins again when it is told to", async () => {
      let creates = 0;
      const artifact = artifactOf({
        create: () => {
          if (++creates < 3) throw new Error(`no ${creates}`);
          return creates;
        },
      });
      await using rig = await make([artifact]);
      for (const times of [1, 2]) {
        const event = await start(rig, artifact);
        assert(event.type === "failed");
        const end = { outcome: "failed", blame: "compute", error: `no ${times}` };
        assertObjectMatch(event, { end, failedEnds: times, lostEnds: 0 });
      }
      assertEquals((await start(rig, artifact)).type, "done");
      assertEquals(creates, 3);
    });

    it("reports as busy what a living stranger computes, and computes it when he is gone", async () => {
      const artifact = artifactOf({ create: () => 1 });
      await using rig = await make([artifact]);
      const { paths, record } = await claim(rig, artifact);
      const event = await start(rig, artifact);
      assert(event.type === "busy");
      assertEquals(event.owner.includes(`pid ${record.owner.pid} `), true, event.owner);
      await declareDead(rig.stranger.store, paths, record, "made up");
      assertEquals((await start(rig, artifact)).type, "done");
    });

    it("reports each of many nodes once", async () => {
      const artifacts = Array.from({ length: 30 }, (_, i) => artifactOf({ create: () => i }));
      await using rig = await make(artifacts);
      for (const artifact of artifacts) rig.backend.start(artifact, "default");
      await until(() => rig.events.length >= artifacts.length, "all are reported");
      await rig.backend.stop("drain");
      assertEquals(
        rig.events.map((event) => `${event.type} ${event.hash}`).toSorted(),
        artifacts.map(({ hash }) => `done ${hash}`).toSorted(),
      );
    });

    it("ends what runs when it is stopped, and lets go of the artifact", async () => {
      let begun = false;
      const artifact = artifactOf({
        create: ({ signal }) => {
          begun = true;
          return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        },
      });
      await using rig = await make([artifact]);
      rig.backend.start(artifact, "default");
      await until(() => begun, "it runs");
      await rig.backend.stop("stop");
      const { store } = rig.stranger;
      assertEquals(await readClaim(store, store.paths(artifact)), undefined);
      assertEquals(rig.events.filter(({ type }) => type === "done" || type === "busy"), []);
      // The driver drains it in the end, whatever happened before.
      await rig.backend.stop("drain");
    });
  });
}
