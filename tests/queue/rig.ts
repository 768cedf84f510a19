import { join } from "@std/path/join";
import type { Hash } from "../../lib/core/hash.ts";
import { enqueue, makeQueue } from "../../lib/queue/queue.ts";
import { enterQueue, type WorkerFolder, type WorkerInit } from "../../lib/queue/worker_dir.ts";
import { type QueuePaths, queuePaths, todoDir } from "../../lib/queue/layout.ts";
import { formatTaskName, type TaskName } from "../../lib/queue/task_file.ts";
import { Store } from "../../lib/store/store.ts";
import { Rig, testMachine, type TestRuntimeOptions } from "../rig.ts";

/** A hash by number. */
export function hashNumber(n: number): Hash {
  return n.toString(16).padStart(32, "0") as Hash;
}

/** The name of a task that nothing has happened to. */
export function firstName(n: number): TaskName {
  return { hash: hashNumber(n), attempt: 1, lost: 0 };
}

/** A store with the queue of one run, with specs `default` and `gpu`. */
export class QueueRig extends Rig {
  /** Where everything of the run is. */
  readonly paths: QueuePaths = queuePaths(this.root, "run-1");

  /** The store as a process with such a machine sees it. */
  store(options: TestRuntimeOptions = {}, leaseSec = 120): Store {
    return new Store(testMachine(options), { root: this.root, leaseSec, heartbeatSec: leaseSec / 3 });
  }

  /** Makes the queue with so many tasks in `todo/default`; gives the names of their files. */
  async fill(count: number): Promise<string[]> {
    const store = this.store();
    await makeQueue(store, this.paths, ["default", "gpu"]);
    const files: string[] = [];
    for (let i = 0; i < count; i++) {
      const name = firstName(i);
      await enqueue(store, this.paths, { schema: 1, hash: name.hash, name: "t", spec: "default" }, name);
      files.push(formatTaskName(name));
    }
    return files;
  }

  /** Enters as a worker. */
  enter(store: Store = this.store(), init: Partial<WorkerInit> = {}): Promise<WorkerFolder> {
    return enterQueue(store, this.paths, { spec: "default", node: "n1", slots: 1, ...init });
  }

  /** A file in `todo/default`. */
  todo(file: string): string {
    return join(todoDir(this.paths, "default"), file);
  }

  /** All files and folders of the run, seen from it. */
  run(below = ""): string[] {
    const prefix = `runs/run-1/${below}`;
    return this.tree().filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  }
}
