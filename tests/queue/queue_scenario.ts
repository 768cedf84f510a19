import { basename } from "@std/path/basename";
import { dirname } from "@std/path/dirname";
import { join } from "@std/path/join";
import { FuruError } from "../../lib/core/errors.ts";
import type { Hash } from "../../lib/core/hash.ts";
import type { Machine } from "../../lib/core/system/machine.ts";
import { enqueue, listNew, listQueue, makeQueue } from "../../lib/queue/queue.ts";
import { enterQueue, type WorkerFolder } from "../../lib/queue/worker_dir.ts";
import { readFailure } from "../../lib/queue/failure.ts";
import { fenceWorker, listFenced, removeFenced } from "../../lib/queue/fence.ts";
import { queuePaths, todoDir } from "../../lib/queue/layout.ts";
import { listWorkers, WorkerWatch } from "../../lib/queue/worker_liveness.ts";
import { moveFile } from "../../lib/store/file_steps.ts";
import { askToStop, readStop } from "../../lib/queue/requests.ts";
import { formatTaskName, nextTaskName, parseTaskName } from "../../lib/queue/task_file.ts";
import { Store } from "../../lib/store/store.ts";
import { mixedFaults } from "../sim/faults.ts";
import type { Random } from "../sim/random.ts";
import type { Scenario } from "../sim/scenario.ts";
import { ROOT } from "../sim/sim_runtime.ts";
import { Violation } from "../sim/violation.ts";
import type { World } from "../sim/world.ts";

const SPEC = "default";
const HASHES = Array.from({ length: 5 }, (_, i) => `${i}`.padStart(32, "0") as Hash);
const PATHS = queuePaths(ROOT, "run-1");

/** What the tasks of a world have met. */
interface Seen {
  /** How often each was computed to its end. */
  computed: Map<Hash, number>;
  /** Tasks that were in the queue at some moment. */
  known: Set<Hash>;
}

/** Workers and one or two controllers over the real queue, without what is computed. */
export function queueScenario(name: string, controllers: 1 | 2): Scenario {
  return {
    name,
    about:
      "3 workers, the queue's files: no task is ever lost, each ends as done; without faults computed once",
    faults: (random) => random.chance(1 / 4) ? {} : mixedFaults(random),
    maxSteps: 60_000,
    run: async (world, random) => {
      world.disk.mkdir(ROOT, world.host("a"), ROOT);
      const seen: Seen = { computed: new Map(), known: new Set() };
      world.watch(() => checkKept(world, seen));
      for (let i = 0; i < controllers; i++) {
        world.spawn("controller", i === 0 ? "a" : "c", (machine) => control(storeOn(machine)), {
          restart: true,
        });
      }
      for (const host of ["a", "b", "b"]) {
        world.spawn("worker", host, (machine) => work(storeOn(machine), random, seen), { restart: true });
      }
      await world.run();
      for (const process of world.processes) if (process.failed) throw process.error;
      if (world.leaks.length > 0) throw new Violation(`left behind: ${world.leaks.join("; ")}`);
      checkEnd(world, seen, controllers);
    },
  };
}

function storeOn(machine: Machine): Store {
  return new Store(machine, { root: ROOT, leaseSec: 30, heartbeatSec: 10 });
}

/** Every task that was ever in the queue is in it: a rename has no moment in which there is none. */
function checkKept(world: World, { known }: Seen): void {
  const now = new Set(world.disk.paths(`${PATHS.run}/queue`).flatMap((path) => hashOf(path) ?? []));
  for (const hash of known) if (!now.has(hash)) throw new Violation(`lost from the queue: ${hash}`);
  for (const hash of now) known.add(hash);
}

function checkEnd(world: World, { computed }: Seen, controllers: number): void {
  const files = world.disk.paths(`${PATHS.run}/queue`).filter((path) => hashOf(path) !== undefined);
  for (const hash of HASHES) {
    if (!files.some((path) => dirname(path) === PATHS.done && hashOf(path) === hash)) {
      throw new Violation(`not done at the end: ${hash}`);
    }
    if ((computed.get(hash) ?? 0) < 1) throw new Violation(`done and never computed: ${hash}`);
  }
  if (world.fates.total > 0 || controllers > 1) return;
  const twice = HASHES.filter((hash) => computed.get(hash) !== 1);
  if (twice.length > 0) throw new Violation(`without any fault computed more than once: ${twice}`);
  if (files.length !== HASHES.length) throw new Violation(`more files than tasks: ${files}`);
  const left = world.disk.paths(PATHS.workers).filter((path) => path !== `${PATHS.workers}/`);
  if (left.length > 0) throw new Violation(`workers that have left: ${left}`);
}

function hashOf(path: string): Hash | undefined {
  return parseTaskName(basename(path))?.hash;
}

/** Begins again after what a disk does; anything else is a bug. */
async function despiteDisk(store: Store, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof FuruError) && (error as { code?: string }).code === undefined) throw error;
    await store.machine.clock.sleep(1000);
  }
}

async function work(store: Store, random: Random, seen: Seen): Promise<void> {
  const { clock } = store.machine;
  for (let left = false; !left;) {
    await despiteDisk(store, async () => {
      if (await readStop(store, PATHS)) return void (left = true);
      const folder = await enterQueue(store, PATHS, { spec: SPEC, node: "n", slots: 1 });
      try {
        left = await workIn(folder, store, random, seen);
      } finally {
        await folder.leave();
      }
    });
    await clock.sleep(500);
  }
}

/** Works until the run has ended (`true`), or until it finds itself declared dead. */
async function workIn(folder: WorkerFolder, store: Store, random: Random, seen: Seen): Promise<boolean> {
  const { clock } = store.machine;
  while (!folder.lost.aborted) {
    if (await readStop(store, PATHS)) return true;
    const todo = await folder.listTodo();
    for (const file of random.shuffle(todo)) {
      const claimed = await folder.claim(file);
      if (claimed === "fenced") return false;
      if (claimed === "lost") continue;
      const task = await folder.read(file);
      if (!task) {
        if (await folder.stillThere()) throw new Violation(`claimed and cannot be read: ${file}`);
        return false;
      }
      await clock.sleep(random.scale(1, 50_000));
      if (!await end(folder, file, random, seen)) return false;
    }
    await clock.sleep(1000);
  }
  return false;
}

async function end(folder: WorkerFolder, file: string, random: Random, { computed }: Seen): Promise<boolean> {
  const draw = random.next();
  if (draw < 0.1) return await folder.putBack(file);
  if (draw < 0.2) return await folder.wait(file);
  if (draw < 0.3) return await folder.fail(file, { kind: "compute", error: "made up" });
  const hash = parseTaskName(file)!.hash;
  computed.set(hash, (computed.get(hash) ?? 0) + 1);
  return await folder.done(file);
}

async function control(store: Store): Promise<void> {
  const watches = new Map<string, WorkerWatch>();
  const enqueued = new Set<Hash>();
  for (let ended = false; !ended;) {
    await despiteDisk(store, async () => {
      await makeQueue(store, PATHS, [SPEC]);
      ended = await round(store, watches, enqueued);
    });
    await store.machine.clock.sleep(4000);
  }
}

/** One round of a controller; `true` when all is done and stop was asked for. */
async function round(store: Store, watches: Map<string, WorkerWatch>, enqueued: Set<Hash>): Promise<boolean> {
  const queue = await listQueue(store, PATHS);
  if (HASHES.every((hash) => queue.get(hash)?.state === "done")) {
    await askToStop(store, PATHS, "drain", "all is done");
    return true;
  }
  for (const hash of HASHES) {
    if (enqueued.has(hash)) continue;
    const name = { hash, attempt: 1, lost: 0 };
    if (!queue.has(hash) && !(await listQueue(store, PATHS)).has(hash)) {
      await enqueue(store, PATHS, { schema: 1, hash, name: "t", spec: SPEC }, name);
    }
    enqueued.add(hash);
  }
  for (const file of await listNew(store, PATHS.failed, new Set())) {
    const failure = await readFailure(store, PATHS, file);
    if (!failure) throw new Violation(`failed without a reason: ${file}`);
    await again(store, join(PATHS.failed, file), failure.kind === "compute" ? "compute" : "lost");
  }
  for (const file of await listNew(store, PATHS.waiting, new Set())) {
    await moveFile(store, join(PATHS.waiting, file), join(todoDir(PATHS, SPEC), file));
  }
  for (const [id, known] of await listWorkers(store, PATHS)) {
    if (!known.record && known.folder === undefined) continue;
    let watch = watches.get(id);
    if (!watch) watches.set(id, watch = new WorkerWatch(store, PATHS, id));
    const look = await watch.look();
    if (look.state === "dead") {
      await fenceWorker(store, PATHS, { spec: SPEC, id }, { kind: "lost", why: look.why });
    }
  }
  for (const fenced of await listFenced(store, PATHS)) {
    for (const file of fenced.files) await again(store, join(fenced.dir, file), "lost");
    if (fenced.files.length === 0) await removeFenced(store, fenced);
  }
  return false;
}

async function again(store: Store, path: string, kind: "compute" | "lost"): Promise<void> {
  const next = nextTaskName(parseTaskName(basename(path))!, kind);
  await moveFile(store, path, join(todoDir(PATHS, SPEC), formatTaskName(next)));
}
