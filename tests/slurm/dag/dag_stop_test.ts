import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import type { RunEvent } from "../../../mod.ts";
import type { Node } from "../../e2e/run_rig.ts";
import { Rig, type Script, until } from "../../rig.ts";
import { FakePrograms } from "../fake_programs.ts";

class StopRig extends Rig {
  readonly slurm = new FakePrograms(join(this.folder, "slurm"));

  run(roots: Node[], options: Record<string, unknown> = {}): Script {
    const given = JSON.stringify({
      roots,
      options: { specs: { default: {} }, progress: "json", squeueIntervalSec: 0.1, ...options },
      config: {},
    });
    return this.start("slurm/fixtures_dag/driver.ts", [given], { ...this.slurm.env, SCENE: this.folder });
  }

  furu(...args: string[]): Script {
    return this.start("../cli.ts", args, this.slurm.env);
  }

  queued(): string[] {
    return this.tree().filter((path) => /queued/.test(path));
  }
}

/** The events that a run printed with `progress: "json"`. */
function eventsOf({ stdout }: { stdout: string }): RunEvent[] {
  return stdout.split("\n").filter((line) => line.startsWith('{"type"')).map((line) => JSON.parse(line));
}

function messages(events: RunEvent[]): string[] {
  return events.flatMap((event) => event.type === "message" ? [event.text] : []);
}

function ending(events: RunEvent[]): Extract<RunEvent, { type: "run_ended" }> {
  const last = events.at(-1);
  assert(last?.type === "run_ended", JSON.stringify(events));
  assertEquals(events.filter(({ type }) => type === "run_ended").length, 1);
  return last;
}

describe("a run on Slurm that is stopped before all is submitted", () => {
  it("says that nothing was submitted when it was still planning", async () => {
    await using rig = new StopRig();
    rig.slurm.put("hold-sinfo");
    const script = rig.run([{ id: "a" }]);
    await until(() => rig.slurm.has("sinfo-waits"), "it asks for the partitions");
    script.kill("SIGINT");
    const ended = await script.ended();
    rig.slurm.remove("hold-sinfo");
    assertEquals(ended.code, 130, ended.output);
    const events = eventsOf(ended);
    const [answer = "", outcome = ""] = messages(events);
    assertMatch(answer, /^interrupted: /);
    assertMatch(outcome, /^run slurm-\S+ was stopped before anything was submitted$/);
    const { interrupted, summary } = ending(events);
    assertEquals({ interrupted, nodes: summary.nodes, notRun: summary.notRun }, {
      interrupted: true,
      nodes: 0,
      notRun: 0,
    });
    assertEquals(rig.slurm.states(), {});
    assertEquals(rig.queued(), []);
  });

  it("cancels what was submitted, also what sbatch takes meanwhile, and ends as any other", async () => {
    await using rig = new StopRig();
    rig.slurm.put("hold-sbatch-101");
    const chain: Node = { id: "c", needs: [{ id: "b", needs: [{ id: "a" }] }] };
    const script = rig.run([chain], { progress: "json" });
    await until(() => rig.slurm.has("jobs/101/name"), "the second job is being submitted");
    script.kill("SIGTERM");
    await until(() => rig.queued().length > 0, "what is queued is written down");
    rig.slurm.remove("hold-sbatch-101");
    const ended = await script.ended();
    assertEquals(ended.code, 143, ended.output);
    const events = eventsOf(ended);
    assertStringIncludes(
      messages(events).join("\n"),
      "was stopped while it was being submitted: cancelled the 2 jobs that were submitted already",
    );
    const { interrupted, summary } = ending(events);
    assertEquals({
      interrupted,
      notRun: summary.notRun,
      computed: summary.computed,
      failures: summary.failures,
    }, { interrupted: true, notRun: 3, computed: 0, failures: [] });
    assertEquals(rig.slurm.states(), { 100: "CANCELLED", 101: "CANCELLED" });
    assertEquals(rig.queued(), []);
    // Who follows it nevertheless is told how it ended.
    const followed = await rig.furu("follow", summary.runId).ended();
    assertEquals(followed.code, 1, followed.output);
    assertStringIncludes(followed.stderr, "Slurm job 100 ended without a result: CANCELLED");
  });

  it("goes on trying while sbatch refuses one of its jobs, says so, and cancels what there is on Ctrl-C", async () => {
    await using rig = new StopRig();
    rig.slurm.put("refuse-from", "101");
    const script = rig.run([{ id: "b", needs: [{ id: "a" }] }]);
    await until(() => script.stdout.includes("are tried again"), "it says that it is refused", 60_000);
    script.kill("SIGINT");
    const ended = await script.ended();
    assertEquals(ended.code, 130, ended.output);
    const events = eventsOf(ended);
    const said = messages(events).join("\n");
    assertMatch(
      said,
      /Invalid account.*; jobs of spec 'default' are tried again for as long as the run has any/,
    );
    assertStringIncludes(
      said,
      "was stopped while it was being submitted: cancelled the 1 job that was submitted already",
    );
    const { interrupted, summary } = ending(events);
    assertEquals({ interrupted, notRun: summary.notRun }, { interrupted: true, notRun: 2 });
    assertEquals(rig.slurm.states(), { 100: "CANCELLED" });
    assertEquals(rig.queued(), []);
  });

  it("is cancelled as a whole when 'furu cancel' comes while it is being submitted", async () => {
    await using rig = new StopRig();
    rig.slurm.put("hold-sbatch-101");
    const script = rig.run([{ id: "b", needs: [{ id: "a" }] }], { detach: true });
    await until(() => rig.slurm.has("jobs/101/name"), "the second job is being submitted");
    const runId = [...Deno.readDirSync(join(rig.root, "runs"))][0]!.name;
    const cancel = rig.furu("cancel", runId);
    await until(() => cancel.stderr.includes("still being submitted"), "it waits", 20_000);
    rig.slurm.remove("hold-sbatch-101");
    assertEquals((await script.ended()).code, 0);
    const { stdout, output } = await cancel.ended();
    assertEquals(stdout, `cancelled 2 jobs of ${runId}\n`, output);
    assertEquals(rig.slurm.states(), { 100: "CANCELLED", 101: "CANCELLED" });
    assertEquals(rig.queued(), []);
  });

  it("submits no more when 'furu cancel' comes, also while it waits for a submit limit", async () => {
    await using rig = new StopRig();
    rig.slurm.put("limit-from", "101");
    const script = rig.run([{ id: "b", needs: [{ id: "a" }] }]);
    await until(() => script.stdout.includes("are tried again"), "it waits for the limit", 60_000);
    const runId = [...Deno.readDirSync(join(rig.root, "runs"))][0]!.name;
    const { code, stdout, output } = await rig.furu("cancel", runId).ended();
    assertEquals({ code, stdout }, { code: 0, stdout: `cancelled 1 job of ${runId}\n` }, output);
    const ended = await script.ended();
    const { interrupted, summary } = ending(eventsOf(ended));
    assertEquals({ interrupted, notRun: summary.notRun }, { interrupted: false, notRun: 2 });
    assertMatch(ended.stdout, /Cannot submit the rest of run slurm-\S+ as it was cancelled: furu cancel/);
    assertEquals(rig.slurm.states(), { 100: "CANCELLED" });
    assertEquals(rig.queued(), []);
  });

  it("says so when its jobs cannot be cancelled, and ends as any other", async () => {
    await using rig = new StopRig();
    const script = rig.run([{ id: "a" }]);
    await until(() => script.stdout.includes("submitted 1 job"), "it is submitted", 20_000);
    rig.slurm.put("refuse-scancel");
    script.kill("SIGINT");
    const ended = await script.ended();
    assertEquals(ended.code, 130, ended.output);
    const events = eventsOf(ended);
    const { interrupted, summary } = ending(events);
    assertEquals(interrupted, true);
    assertMatch(messages(events).at(-1) ?? "", /Cannot cancel job 100: .*Unable to contact slurm controller/);
    assertStringIncludes(messages(events).at(-1) ?? "", `furu cancel ${summary.runId}`);
    assertEquals(rig.queued().length, 2);
    rig.slurm.remove("refuse-scancel");
    assertEquals((await rig.furu("cancel", summary.runId).ended()).code, 0);
    assertEquals(rig.slurm.states(), { 100: "CANCELLED" });
  });
});
