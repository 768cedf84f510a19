import { assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import { join } from "@std/path/join";
import { textOf, until } from "../../rig.ts";
import { DagRig } from "./dag_rig.ts";
import { describeOnSlurm, type SlurmSuite } from "../suite.ts";

const DEADLINE_MS = 60_000;

/** Waits until no job is left, however it ends. */
async function allEnded({ cluster }: SlurmSuite): Promise<void> {
  const since = performance.now();
  for (let left = "?"; left !== ""; left = await cluster.run("squeue", "-h", "-o", "%i %T")) {
    if (performance.now() - since > 2 * DEADLINE_MS) throw new Error(`There are still jobs: ${left}`);
    await delay(50);
  }
}

/** What became of the jobs whose claims are left: CI keeps the end of what a test prints, so nothing else. */
async function aboutClaims(rig: DagRig, { cluster }: SlurmSuite): Promise<string> {
  const claims = rig.leftovers().filter((path) => path.endsWith(".claim"));
  const parts = claims.map(async (path) => {
    const text = textOf(join(rig.root, path));
    const { slurm } = JSON.parse(text);
    const logs = rig.tree().filter((each) => each.includes(slurm?.name) && each.endsWith(".log"));
    const said = logs.map((log) => `${log}:\n${textOf(join(rig.root, log))}`);
    const home = rig.tree().filter((each) => each.startsWith(path.replace(/claim$/, "")));
    const job = await cluster.run("scontrol", "show", "job", `${slurm?.jobId}`).catch(String);
    return [path, text, ...home, ...said, job].join("\n");
  });
  return (await Promise.all(parts)).join("\n\n");
}

// A job of a busy machine may take longer than 15 s to end, and what Slurm kills leaves its claim to others.
describeOnSlurm("Ctrl-C during a run in DAG mode, at its jobs' beginning,", (suite) => {
  // A job takes about this long from being submitted until it computes.
  const pauses = [0, 40, 80, 120, 160, 200, 250, 300, 400];

  suite.it("leaves nothing behind, at whatever moment it comes", async () => {
    await using rig = new DagRig(suite.cluster);
    const scripts = pauses.map((pause) => {
      const script = rig.start([{
        id: `b${pause}`,
        needs: [{ id: `a${pause}`, does: [`heed runs${pause}`] }],
      }]);
      return { pause, script };
    });
    await Promise.all(scripts.map(async ({ pause, script }) => {
      await until(() => /submitted 2 jobs/.test(script.stderr), "it is submitted", DEADLINE_MS);
      await delay(pause);
      script.kill("SIGINT");
      await until(() => !script.alive, "the run has ended", DEADLINE_MS);
      const { code, stderr } = await script.ended();
      assertEquals(code, 130, stderr);
      assertMatch(stderr, /was stopped: cancelled [012] of its jobs/);
    }));
    await allEnded(suite);
    assertEquals(rig.leftovers(), [], await aboutClaims(rig, suite));
    assertEquals(rig.created().filter((id) => id.startsWith("b")), []);
  });
}, { settings: { KillWait: "60" } });

describeOnSlurm("Ctrl-C during a run in DAG mode", (suite) => {
  suite.it("ends the attempt of a task that does not heed it before Slurm kills the job", async () => {
    await using rig = new DagRig(suite.cluster);
    const script = rig.start([{ id: "a", does: ["ignore runs"] }]);
    await rig.jobOf("runs");
    script.kill("SIGINT");
    await until(() => !script.alive, "the run has ended", DEADLINE_MS);
    await allEnded(suite);
    assertEquals(rig.leftovers(), []);
    const [end, ...others] = rig.tree().filter((path) => /\/end-\w+\.json$/.test(path));
    assertEquals(others, []);
    const { kind, error } = JSON.parse(textOf(join(rig.root, end ?? "")));
    assertEquals(kind, "preempted");
    assertMatch(error, /told to end \(SIGTERM\)/);
  });
});
