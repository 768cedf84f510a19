import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { TimeIsUp } from "../../../lib/core/system/stop_time.ts";
import type { DagNode } from "../../../lib/remote/run_record.ts";
import { recordEnd } from "../../../lib/run/attempt_end.ts";
import { countPlanned, hopelessText } from "../../../lib/slurm/dag/whole_job.ts";
import { readEnds } from "../../../lib/store/results/ends.ts";
import { tryClaim } from "../../../lib/store/claims/claim.ts";
import { attemptPaths } from "../../../lib/store/layout.ts";
import { testRuntime } from "../../rig.ts";
import { Leaf, SubmitRig } from "./submit_rig.ts";

const LENGTH_MS = 600_000;
const timeIsUp = new TimeIsUp("the time of its job is up");

/** A job whose attempt began `restMs` after it, ran for 200 ms and more, and was cut off as its time was up. */
async function cutOff({ planned = true, checkpoint = false, restMs = 0, reason = timeIsUp as unknown } = {}) {
  await using rig = new SubmitRig();
  const leaf = Leaf({ id: "a" });
  const { context: { run } } = await rig.submit([leaf]);
  const node = run.nodes[0] as DagNode;
  const runtime = testRuntime(rig.root);
  const { store, machine: { clock } } = runtime;
  const paths = store.paths(node);
  const claimed = await tryClaim(store, paths, { backend: "slurm-dag", run: run.runId });
  assert(claimed.kind === "claimed");
  const began = clock.monotonic();
  await clock.sleep(200);
  if (checkpoint) {
    const folder = attemptPaths(paths, claimed.claim.attempt).checkpoint;
    Deno.mkdirSync(folder, { recursive: true });
    Deno.writeTextFileSync(join(folder, "step"), "7");
  }
  await recordEnd(runtime, claimed.claim, {
    outcome: "preempted",
    reason: "its time is up",
    ...(planned ? { planned } : {}),
  }, { artifact: leaf });
  const end = (await readEnds(store, paths)).at(-1)!;
  // Looked at in the moment when it ended, however long this machine took since.
  const now = began + Date.parse(end.endedAt) - Date.parse(end.startedAt);
  const then = testRuntime(rig.root, { machine: { clock: { ...clock, monotonic: () => now } } });
  const beganAt = began - restMs;
  const span = { beganAt, endsAt: beganAt + LENGTH_MS };
  const text = await hopelessText(then, { run, node, span, reason });
  const count = await countPlanned(runtime, run, node);
  return { text, count };
}

describe("hopelessText()", () => {
  it("tells of a task that had its whole job and saved nothing what to do", async () => {
    const { text, count } = await cutOff();
    assertStringIncludes(text ?? "", "in a job of 10 minutes and had saved no checkpoint");
    assertStringIncludes(text ?? "", "raise timeMin of spec 'default'");
    assertEquals(count, 1);
  });

  const cases: [string, Parameters<typeof cutOff>[0], number][] = [
    ["saved a checkpoint", { checkpoint: true }, 1],
    ["had only the rest of its job", { restMs: 60_000 }, 1],
    ["was preempted, which was not planned", { planned: false }, 0],
    ["is ended for another reason than its time", { reason: new Error("scancel") }, 1],
  ];
  for (const [title, given, planned] of cases) {
    it(`says nothing of a task that ${title}`, async () => {
      assertEquals(await cutOff(given), { text: undefined, count: planned });
    });
  }
});
