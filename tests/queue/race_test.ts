import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { fenceWorker, listFenced, removeFenced } from "../../lib/queue/fence.ts";
import { listWorkers } from "../../lib/queue/worker_liveness.ts";
import { moveFile } from "../../lib/store/file_steps.ts";
import { askToStop } from "../../lib/queue/requests.ts";
import { formatTaskName, nextTaskName, parseTaskName } from "../../lib/queue/task_file.ts";
import type { Script } from "../rig.ts";
import { until } from "../rig.ts";
import { QueueRig } from "./rig.ts";

const PROCESSES = 8;
const TASKS = 2000;

/** Starts the processes and lets them begin at the same moment. */
async function start(rig: QueueRig, chance: number): Promise<Script[]> {
  const args = [rig.root, rig.paths.runId, chance, join(rig.folder, "go")];
  const scripts = Array.from({ length: PROCESSES }, () => rig.start("queue/fixtures/claimer.ts", args));
  await until(() => scripts.every(({ stdout, alive }) => stdout !== "" || !alive), "all are ready");
  rig.touch("go");
  return scripts;
}

/**
 * Waits until all tasks are done, looking seldom enough to leave the processors to others; each time
 * something may happen.
 */
async function allDone(rig: QueueRig, meanwhile: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (tasks(rig.paths.done).length < TASKS) {
    assert(performance.now() < deadline, "not done in time");
    await meanwhile();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What the processes claimed and ended, all of them together. */
async function claimed(scripts: Script[]): Promise<string[]> {
  const each: string[][] = [];
  for (const script of scripts) {
    const { code, stdout, output } = await script.ended();
    assertEquals(code, 0, output);
    each.push(JSON.parse(stdout.slice(stdout.indexOf("["))));
  }
  assert(each.filter((files) => files.length > 0).length > 1, "one process had all to itself");
  return each.flat();
}

/** Names of the tasks in a folder. */
function tasks(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) => parseTaskName(name)).sort();
}

describe("race", () => {
  for (const [how, chance] of [["", 0], [" over files that are slow and lie", 0.1]] as const) {
    it(`${PROCESSES} processes claim each of ${TASKS} tasks once, and lose none${how}`, async () => {
      await using rig = new QueueRig();
      const files = await rig.fill(TASKS);
      const scripts = await start(rig, chance);
      await allDone(rig, () => Promise.resolve());
      await askToStop(rig.store(), rig.paths, "drain", "all is done");
      assertEquals((await claimed(scripts)).sort(), files, "each by exactly one process");
      assertEquals(tasks(rig.paths.done), files);
      assertEquals(tasks(join(rig.paths.todo, "default")), []);
    });
  }

  it(`${PROCESSES} processes that are declared dead at random lose none of ${TASKS} tasks`, async () => {
    await using rig = new QueueRig();
    const files = await rig.fill(TASKS);
    const store = rig.store();
    const scripts = await start(rig, 0.1);
    let fenced = 0;
    await allDone(rig, async () => {
      for (const [id, { record }] of await listWorkers(store, rig.paths)) {
        if (!record || Math.random() < 0.7) continue;
        await fenceWorker(store, rig.paths, { spec: "default", id }, { kind: "lost", why: "drawn by lot" });
        fenced++;
      }
      for (const folder of await listFenced(store, rig.paths)) {
        for (const file of folder.files) {
          const next = formatTaskName(nextTaskName(parseTaskName(file)!, "lost"));
          await moveFile(store, join(folder.dir, file), rig.todo(next));
        }
        if (folder.files.length === 0) await removeFenced(store, folder);
      }
    });
    await askToStop(store, rig.paths, "drain", "all is done");
    await claimed(scripts);
    assert(fenced > PROCESSES, `only ${fenced} were declared dead`);
    const hashes = (names: string[]) => names.map((name) => parseTaskName(name)!.hash).sort();
    assertEquals(hashes(tasks(rig.paths.done)), hashes(files), "each task is there once");
  });
});
