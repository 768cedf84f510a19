import { join } from "@std/path/join";
import { StoreError } from "../../lib/core/errors.ts";
import { type Hash, hashText } from "../../lib/core/hash.ts";
import { enqueue, listQueue, makeQueue } from "../../lib/queue/queue.ts";
import { readFailure, writeFailure } from "../../lib/queue/failure.ts";
import { enterQueue, type WorkerFolder } from "../../lib/queue/worker_dir.ts";
import { fenceWorker, listFenced, removeFenced } from "../../lib/queue/fence.ts";
import { type QueuePaths, queuePaths, todoDir } from "../../lib/queue/layout.ts";
import { listWorkers, WorkerWatch } from "../../lib/queue/worker_liveness.ts";
import { moveFile } from "../../lib/store/file_steps.ts";
import { askToStop, readStop } from "../../lib/queue/requests.ts";
import { formatTaskName, nextTaskName, parseTaskName, type TaskFile } from "../../lib/queue/task_file.ts";
import type { Store } from "../../lib/store/store.ts";
import { faultsWithCuts, longFaults } from "./faults.ts";
import { checkEnds } from "./get_scenario.ts";
import { checkQueue } from "./queue_invariants.ts";
import { JOURNAL_MS } from "./name_journal.ts";
import type { Random } from "./random.ts";
import type { Scenario } from "./scenario.ts";
import { ROOT, simRuntime } from "./sim_runtime.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

const SPEC = "default";
const RUN = "run";
/** What a task may cost: ends of kind compute, and ends of kind lost, before it is left in `failed`. */
const BOUNDS = { compute: 3, lost: 6 };

/** What the processes of one world share: the tasks, how they go, and what was seen. */
interface Play {
  random: Random;
  hashes: Hash[];
  failing: boolean;
  starts: Map<string, number>;
  /** Workers that were declared dead. */
  fenced: Set<string>;
}

/** Workers and one or two keepers, who do in short what a controller does, over the real queue alone. */
export const queueScenario: Scenario = {
  name: "queue",
  maxSteps: 50_000,
  about: "workers and 1 or 2 keepers over the queue's files: no task lost, none done without its record",
  faults: (random) => {
    if (random.chance(1 / 4)) return {};
    // A living keeper that the file server makes forget what it added is the controller's business.
    const { serverCut: _none, ...faults } = faultsWithCuts(random, longFaults(random));
    return faults;
  },
  run: async (world, random) => {
    world.disk.mkdir(ROOT, world.host("a"), ROOT);
    const paths = queuePaths(ROOT, RUN);
    for (const dir of [paths.workers, todoDir(paths, SPEC), join(paths.running, SPEC)]) {
      world.disk.put(join(dir, ".made"), "", world.host("a"));
    }
    const play: Play = {
      random,
      hashes: Array.from({ length: random.pick([1, 1, 2, 4]) }, (_, i) => hashText(`task ${i}`)),
      failing: random.chance(0.3),
      starts: new Map(),
      fenced: new Set(),
    };
    world.disk.put(recordOf(paths, "none" as Hash), "", world.host("a"));
    world.watch(checkQueue(world, paths, (hash) => recordOf(paths, hash), play.fenced));
    const keepers = random.chance(0.3) ? 2 : 1;
    for (let i = 0; i < keepers; i++) {
      world.spawn("keeper", i === 0 ? "a" : "b", async (machine, signal) => {
        await keep(simRuntime(machine, signal).store, paths, play);
        return "kept";
      }, { restart: true });
    }
    for (let i = 1 + random.int(3); i > 0; i--) spawnWorker(world, random.pick(["a", "b"]), paths, play);
    await world.run();
    checkEnds(world);
    if (world.leaks.length > 0) throw new Violation(`left behind: ${world.leaks.join("; ")}`);
    const odd = world.fates.total > 0 || keepers > 1;
    for (const [file, times] of play.starts) {
      const name = parseTaskName(file);
      if (!name || name.attempt > 1 + BOUNDS.compute || name.lost > 1 + BOUNDS.lost) {
        throw new Violation(`${file} was started`);
      }
      if (!odd && times > 1) throw new Violation(`${file} was started ${times} times without any fault`);
      if (!odd && name.lost > 0) throw new Violation(`${file} was lost without any fault`);
    }
    const left = world.disk.paths(paths.run).filter((path) => /\/(todo|running)\/.*\.json$/.test(path));
    if (!odd && left.length > 0) throw new Violation(`left in the queue: ${left.join(", ")}`);
  },
};

/** A worker that crashes, is declared dead or ends with an error is followed by another one: it takes a process of its own. */
function spawnWorker(world: World, host: string, paths: QueuePaths, play: Play, delayMs?: number): void {
  world.spawn("worker", host, async (machine, signal) => {
    let stopped = false;
    try {
      stopped = await work(simRuntime(machine, signal).store, paths, play);
      // Nobody else would come if the word to stop were forgotten in a power cut.
      if (stopped) await machine.clock.sleep(2 * JOURNAL_MS);
    } finally {
      if (!stopped) spawnWorker(world, host, paths, play, 5000);
    }
  }, { restart: true, ...(delayMs === undefined ? {} : { delayMs }) });
}

/** A stand-in for success records. */
function recordOf(paths: QueuePaths, hash: Hash): string {
  return join(paths.artifacts, `${hash}.record`);
}

/** Adds the tasks, and looks after workers and failures until each task is done or has failed for good. */
async function keep(store: Store, paths: QueuePaths, { hashes, fenced }: Play): Promise<void> {
  const watches = new Map<string, WorkerWatch>();
  let begun = false;
  for (;;) {
    try {
      if (!begun) await fill(store, paths, hashes);
      begun = true;
      await judge(store, paths, watches, fenced);
      await requeue(store, paths);
      if (await allEnded(store, paths, hashes)) {
        await askToStop(store, paths, "drain", "all is done");
        // Nobody would ask again if that were forgotten in a power cut.
        return await store.machine.clock.sleep(2 * JOURNAL_MS);
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error; // else the disk is away: the next round does it
    }
    await store.machine.clock.sleep(6000);
  }
}

/** Adds the tasks that are nowhere in the queue. */
async function fill(store: Store, paths: QueuePaths, hashes: readonly Hash[]): Promise<void> {
  await makeQueue(store, paths, [SPEC]);
  const there = await listQueue(store, paths);
  for (const hash of hashes.filter((each) => !there.has(each))) {
    const task: TaskFile = { schema: 1, hash, name: "sim/Task", spec: SPEC };
    await enqueue(store, paths, task, { hash, attempt: 1, lost: 0 });
  }
}

async function judge(
  store: Store,
  paths: QueuePaths,
  watches: Map<string, WorkerWatch>,
  fenced: Set<string>,
): Promise<void> {
  for (const [id, { record, folder }] of await listWorkers(store, paths)) {
    if (!record && folder === undefined) continue;
    let watch = watches.get(id);
    if (watch === undefined) watches.set(id, watch = new WorkerWatch(store, paths, id));
    const look = await watch.look();
    if (look.state !== "dead") continue;
    await fenceWorker(store, paths, { spec: SPEC, id }, { kind: "lost", why: look.why });
    fenced.add(id);
  }
}

async function requeue(store: Store, paths: QueuePaths): Promise<void> {
  for (const fenced of await listFenced(store, paths)) {
    const { dir, files, id } = fenced;
    if (files.length === 0) await removeFenced(store, fenced).catch(() => {});
    for (const file of files) {
      const name = parseTaskName(file);
      if (name === undefined) continue;
      const done = await store.read(recordOf(paths, name.hash)) !== undefined;
      if (!done) {
        await writeFailure(store, paths, file, { kind: "lost", error: `worker ${id} is dead`, worker: id });
      }
      await moveFile(store, join(dir, file), join(done ? paths.done : paths.failed, file));
    }
  }
  for (const [, { state, file }] of await listQueue(store, paths)) {
    const name = parseTaskName(file);
    if (name === undefined) continue;
    const todo = todoDir(paths, SPEC);
    if (state === "waiting") await moveFile(store, join(paths.waiting, file), join(todo, file));
    if (state !== "failed") continue;
    const kind = (await readFailure(store, paths, file))?.kind === "compute" ? "compute" : "lost";
    if (isFinal(file, kind)) continue;
    await moveFile(store, join(paths.failed, file), join(todo, formatTaskName(nextTaskName(name, kind))));
  }
}

function isFinal(file: string, kind: "compute" | "lost"): boolean {
  const name = parseTaskName(file);
  if (name === undefined) return true;
  return kind === "compute" ? name.attempt > BOUNDS.compute : name.lost > BOUNDS.lost;
}

async function allEnded(store: Store, paths: QueuePaths, hashes: readonly Hash[]): Promise<boolean> {
  const there = await listQueue(store, paths);
  for (const hash of hashes) {
    const task = there.get(hash);
    if (task?.state === "done") continue;
    if (task?.state !== "failed") return false;
    const kind = (await readFailure(store, paths, task.file))?.kind === "compute" ? "compute" : "lost";
    if (!isFinal(task.file, kind)) return false;
  }
  return true;
}

/** Computes until the queue is stopped, or, with false for an answer, until it was declared dead. */
async function work(store: Store, paths: QueuePaths, play: Play): Promise<boolean> {
  const folder = await enterQueue(store, paths, { spec: SPEC, node: store.machine.self.host, slots: 1 });
  try {
    return await takeTasks(store, paths, folder, play);
  } finally {
    await folder.leave();
  }
}

async function takeTasks(
  store: Store,
  paths: QueuePaths,
  folder: WorkerFolder,
  play: Play,
): Promise<boolean> {
  let fenced = false;
  while (!fenced && !folder.lost.aborted && await readStop(store, paths) === undefined) {
    for (const file of play.random.shuffle(await folder.listTodo())) {
      if (fenced || folder.lost.aborted) break;
      const claimed = await folder.claim(file);
      if (claimed === "fenced") fenced = true;
      else if (claimed === "claimed") fenced = !await compute(store, paths, folder, file, play);
    }
    await store.machine.clock.sleep(play.random.scale(100, 10_000));
  }
  return !fenced && !folder.lost.aborted;
}

/** One task that was claimed: put back, waited for, failed or done. False when this worker was declared dead. */
async function compute(
  store: Store,
  paths: QueuePaths,
  folder: WorkerFolder,
  file: string,
  { random, failing, starts }: Play,
): Promise<boolean> {
  const task = await folder.read(file);
  if (task === undefined) return await folder.stillThere();
  if (random.chance(0.1)) return await folder.putBack(file);
  if (random.chance(0.1)) return await folder.wait(file);
  starts.set(file, (starts.get(file) ?? 0) + 1);
  await store.machine.clock.sleep(random.scale(1, random.chance(0.2) ? 60_000 : 1000));
  if (failing && random.chance(0.5)) {
    return await folder.fail(file, { kind: "compute", error: "the task failed" });
  }
  await store.machine.files.write(recordOf(paths, task.hash), "done", { sync: true });
  return await folder.done(file);
}
