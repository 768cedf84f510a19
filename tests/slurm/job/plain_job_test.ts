import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Artifact } from "../../../lib/task/artifact/artifact.ts";
import { readEnds } from "../../../lib/store/results/ends.ts";
import { readRecord } from "../../../lib/store/read_record.ts";
import { loadedWith } from "../../loaded_modules.ts";
import { Leaf, Node, SubmitRig } from "../dag/submit_rig.ts";
import { Failing, Hungry } from "./failing.ts";

/** The jobs of a run that nobody begins but the test. */
class JobRig extends SubmitRig {
  #jobs: Awaited<ReturnType<SubmitRig["submit"]>> | undefined;

  async plan(root: Artifact): Promise<void> {
    this.#jobs = await this.submit([root]);
  }

  /** Runs the batch script of an artifact's job, as Slurm does. */
  async job(artifact: Artifact): Promise<{ code: number; text: string }> {
    const { jobId, name } = this.#jobs!.jobs.get(artifact.hash)!;
    const script = this.slurm.calls.findLast((call) => call.includes(`--job-name=${name}`))!.at(-1)!;
    const { code, stderr } = await new Deno.Command("/bin/bash", {
      args: [script],
      env: { SLURM_JOB_ID: jobId, SLURM_JOB_START_TIME: "1000", SLURM_JOB_END_TIME: "4600" },
      stdin: "null",
      stdout: "null",
    }).output();
    return { code, text: new TextDecoder().decode(stderr) };
  }

  get store() {
    return this.#jobs!.context.runtime.store;
  }

  /** What only processes at work, and jobs that wait, may have. */
  litter(): string[] {
    return this.tree().filter((path) => /\.claim$|queued|\.tmp-|\.trash-|owners\/./.test(path));
  }
}

describe("a job of DAG mode", () => {
  it("computes what nobody has begun, and leaves nothing but the result", async () => {
    await using rig = new JobRig();
    const leaf = Leaf({ id: "a" });
    const root = Node({ id: "root", of: [leaf] });
    await rig.plan(root);
    for (const artifact of [leaf, root]) {
      const { code, text } = await rig.job(artifact);
      assertEquals(code, 0, text);
      assertMatch(text, /^run \S+: 1 artifact\n1 computed, 0 cached in /);
      assertEquals((await readRecord(rig.store, rig.store.paths(artifact)))?.attempt, 1);
    }
    assertEquals(rig.litter(), []);
  });

  it("says which dependency is missing, and is queued no more", async () => {
    await using rig = new JobRig();
    const leaf = Leaf({ id: "a" });
    const root = Node({ id: "root", of: [leaf] });
    await rig.plan(root);
    Deno.removeSync(rig.store.paths(leaf).home, { recursive: true });
    const { code, text } = await rig.job(root);
    assertEquals(code, 1);
    assertMatch(text, /is not computed: dependency submit\/Leaf\(\w{8}\) failed/);
    assertEquals(rig.litter(), []);
  });

  it("leaves alone what is stored by the time it begins", async () => {
    await using rig = new JobRig();
    const leaf = Leaf({ id: "a" });
    await rig.plan(leaf);
    assertEquals((await rig.job(leaf)).code, 0);
    const { record } = rig.store.paths(leaf);
    const before = Deno.readTextFileSync(record);
    const { code, text } = await rig.job(leaf);
    assertEquals(code, 0, text);
    assertMatch(text, /1 computed elsewhere/);
    assertEquals(Deno.readTextFileSync(record), before);
    assertEquals(rig.litter(), []);
  });

  it("tries again after a first attempt that failed, whose end and log are there", async () => {
    await using rig = new JobRig();
    const failing = Failing({ times: 2 });
    await rig.plan(failing);
    const { code, text } = await rig.job(failing);
    assertEquals(code, 0, text);
    const paths = rig.store.paths(failing);
    assertEquals((await readRecord(rig.store, paths))?.value, 3);
    assertEquals((await readEnds(rig.store, paths)).map(({ attempt, error }) => [attempt, error]), [
      [1, "not yet"],
      [2, "not yet"],
    ]);
    const [log] = rig.tree().filter((path) => /\/1-\w+\.log$/.test(path));
    assertMatch(Deno.readTextFileSync(`${rig.root}/${log}`), /^attempt 1\n[^]*not yet/);
    assertEquals(rig.litter(), []);
  });

  it("counts the first attempt among those that its task allows", async () => {
    await using rig = new JobRig();
    const failing = Failing({ times: 100 });
    await rig.plan(failing);
    const { code, text } = await rig.job(failing);
    assertEquals(code, 1);
    assertMatch(text, /not yet/);
    assertMatch(text, /failed, will try again in /);
    assertEquals((await readEnds(rig.store, rig.store.paths(failing))).length, 1 + 2, "as its task says");
    assertEquals(rig.litter(), []);
  });

  it("does not try again with what was too little: the next run has the next spec", async () => {
    await using rig = new JobRig();
    const hungry = Hungry({});
    await rig.plan(hungry);
    const { code, text } = await rig.job(hungry);
    assertEquals(code, 1);
    assertMatch(text, /no room; it had too little memory, and this run keeps spec 'default': .* with 'big'/);
    assertEquals((await readEnds(rig.store, rig.store.paths(hungry))).length, 1);
    assertEquals(rig.litter(), []);
  });

  it("loads nothing at its start that a plain job does not need", async () => {
    const loaded = await loadedWith(["cli.ts", "lib/cli/job.ts"]);
    const own = loaded.filter((specifier) => /\/lib\//.test(specifier));
    assert(own.some((specifier) => specifier.endsWith("/lib/worker/subprocess.ts")), "they were followed");
    assertEquals(
      own.filter((specifier) => /\/lib\/(?:plan|schedule|task|store\/results)\//.test(specifier)),
      [],
    );
    assertEquals(loaded.filter((specifier) => /^node:|\/zod\//.test(specifier)), []);
    assert(own.length < 60, `${own.length} modules`);
  });
});
