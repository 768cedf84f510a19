import { assert, assertEquals } from "@std/assert";
import type { Cluster } from "../cluster.ts";
import { ClusterPoolRig } from "../pool/cluster_pool_rig.ts";
import { Bystanders } from "./bystanders.ts";
import { type Mode, type Pipeline, type Stage, WORKERS } from "./pipelines.ts";
import { type Call, Site } from "./site.ts";
import type { SiteCase } from "./table.ts";
import { QueueWatch } from "./watch_queue.ts";

/** Seconds between two listings, as the runs of the table are told. */
export const INTERVAL_SEC = 2;
/** Questions of one process beyond those of its intervals: at its start, its end and when it was not sure. */
const MORE_QUESTIONS = 6;
/** However loaded the machine is, a pipeline on a site that does nothing has ended after this. */
const USUAL_MS = 120_000;

/** Seconds after which every task has begun on such a site. */
const STARTED_SEC = 60;

/** Milliseconds between two looks at what Slurm really has. */
const LOOK_MS = 300;

/** Plays one pipeline on one site, beside three innocent jobs, and asserts what holds on each site. */
export async function checkCell(
  cluster: Cluster,
  site: SiteCase,
  pipeline: Pipeline,
  mode: Mode,
): Promise<void> {
  using programs = new Site(cluster, site.moods);
  await using bystanders = await Bystanders.submit(cluster);
  await using rig = new ClusterPoolRig(cluster, { ...programs.env, ...LEASE, ...site.env });
  await using watch = new QueueWatch(cluster, programs, LOOK_MS);
  rig.writeRoots(pipeline.roots);
  rig.write("slurm.json", JSON.stringify({ squeueIntervalSec: INTERVAL_SEC, ...site.slurm }));
  const withinMs = USUAL_MS + (site.slackSec ?? 0) * 1000;
  const stage: Stage = { rig, mode, withinMs, flags: site.flags ?? [], scripts: [] };
  const began = Date.now();
  const chaos = new AbortController();
  const chaotic = site.chaos?.({ cluster, site: programs, signal: chaos.signal });
  const hint = (): string =>
    [
      ...stage.scripts.map((script) => `--- said\n${script.stdout}${script.stderr}`),
      `--- jobs\n${watch.last.join("\n")}`,
      `--- calls\n${programs.calls().map(shown).join("\n")}`,
      rig.logs(),
    ].join("\n");
  try {
    await pipeline.play(stage);
    await watch.empty(withinMs);
    for (const words of site.says?.(mode) ?? []) {
      assert(stage.scripts.some((script) => words.test(script.stderr)), `nobody said ${words}`);
    }
    rig.assertWhole(pipeline.whole ?? pipeline.roots);
    await bystanders.assertUntouched();
    assertNoneNamed(programs.calls(), bystanders.ids);
    assertStarts(rig, pipeline, site);
    assertInTime(rig, began, site);
    assertQuestions(programs.calls("squeue"));
    assertPeaks(watch, pipeline, mode);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${hint()}`, { cause: error });
  } finally {
    chaos.abort();
    await chaotic;
    await watch.cancelAll();
  }
}

/** So that a lease is over within a test. */
export const LEASE: Readonly<Record<string, string>> = {
  FURU_LEASE_SECS: "10",
  FURU_POLL_INTERVAL_SECS: "0.5",
};

/** No program that changes anything was given the id of another one's job. */
function assertNoneNamed(calls: readonly Call[], foreign: readonly string[]): void {
  const changing = calls.filter(({ program, args }) =>
    program === "scancel" || program === "scontrol" && !args.startsWith("show ")
  );
  const words = changing.filter(({ args }) => args.split(/[\s,=:]+/).some((word) => foreign.includes(word)));
  assertEquals(words, [], "jobs of others were named");
}

/** Each task began as many times as it had to. */
function assertStarts(rig: ClusterPoolRig, pipeline: Pipeline, site: SiteCase): void {
  const most = (pipeline.starts ?? 1) + (site.lostStarts ?? 0);
  for (const [id, starts] of Map.groupBy(rig.starts(), ({ id }) => id)) {
    assert(starts.length <= most, `${id} began ${starts.length} times, ${most} were enough`);
  }
}

/** The last task begins within the bound: nothing waits for what does not concern it. */
function assertInTime(rig: ClusterPoolRig, began: number, { slackSec = 0 }: SiteCase): void {
  const first = [...Map.groupBy(rig.starts(), ({ id }) => id).values()].map(([start]) => start!.at);
  const seconds = (Math.max(...first) - began) / 1000;
  assert(seconds <= STARTED_SEC + slackSec, `the last task began only after ${seconds.toFixed(0)} s`);
}

/** squeue is asked at most once in an interval by each process, but for a few more questions. */
function assertQuestions(calls: readonly Call[]): void {
  for (const [by, asked] of Map.groupBy(calls, (call) => call.by)) {
    const seconds = asked.at(-1)!.at - asked[0]!.at;
    const most = Math.ceil(seconds / INTERVAL_SEC) + MORE_QUESTIONS;
    assert(
      asked.length <= most,
      `process ${by} asked squeue ${asked.length} times in ${seconds.toFixed(1)} s`,
    );
  }
}

/** Never more jobs than were asked for: workers (and one heir), or one for each artifact. */
function assertPeaks({ peaks }: QueueWatch, pipeline: Pipeline, mode: Mode): void {
  const nodes = new Set(pipeline.roots.flatMap(function all(node): string[] {
    return [node.id, ...(node.needs ?? []).flatMap(all)];
  })).size;
  const most = mode === "dag" ? nodes : WORKERS + 1;
  assert(peaks.inAll > 0, "its jobs were seen");
  assert(peaks.pending <= most, `${peaks.pending} jobs were pending at once, ${most} were asked for`);
  assert(peaks.inAll <= most + 1, `${peaks.inAll} jobs were there at once, ${most} were asked for`);
}

function shown({ at, by, program, args }: Call): string {
  return `${at.toFixed(2)} ${by} ${program} ${args.slice(0, 300)}`;
}
