import type { Hash } from "../../lib/core/hash.ts";
import type { QueuePaths } from "../../lib/queue/layout.ts";
import { parseTaskName } from "../../lib/queue/task_file.ts";
import type { Inode } from "./inode.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/**
 * A check for {@link World.watch}: a task that was in the queue once is always in it, none is in `done` without its
 * success record, what a task file says never changes, and a worker that was declared dead holds nothing. The last names
 * of before a power cut of everything may be forgotten.
 *
 * @param recordOf Where the success record of an artifact is.
 * @param fenced Ids of workers that were declared dead.
 * @param vanished Tasks whose file somebody removed.
 */
export function checkQueue(
  world: World,
  paths: QueuePaths,
  recordOf: (hash: Hash) => string,
  fenced: ReadonlySet<string> = new Set(),
  vanished: ReadonlySet<string> = new Set(),
): () => void {
  const queue = paths.todo.slice(0, paths.todo.lastIndexOf("/"));
  const contents = new Map<Hash, string>();
  const stored = new Set<Hash>();
  const forgotten = new Set<string>();
  let cuts = 0;
  return () => {
    if (world.cuts.slice(cuts).some(({ kind }) => kind !== "powerCut")) {
      for (const id of fenced) forgotten.add(id);
      contents.clear();
      stored.clear();
    }
    cuts = world.cuts.length;
    const seen = new Set<Hash>();
    const visit = (inode: Inode, inDone: boolean): void => {
      for (const [name, child] of inode.entries ?? []) {
        if (child.entries !== undefined) {
          if (child.entries.size > 0 && fenced.has(name) && !forgotten.has(name)) {
            throw new Violation(`${name} is dead and holds a task`);
          }
          visit(child, inDone || name === "done");
        }
        const hash = child.entries === undefined ? parseTaskName(name)?.hash : undefined;
        if (hash === undefined) continue;
        seen.add(hash);
        const before = contents.get(hash);
        if (before === undefined) contents.set(hash, child.text());
        else if (before !== child.text()) {
          throw new Violation(`the task file ${name} changed to '${child.text()}'`);
        }
        if (!inDone || stored.has(hash)) continue;
        if (world.disk.read(recordOf(hash)) === undefined) {
          throw new Violation(`${name} is done without its success record`);
        }
        stored.add(hash);
      }
    };
    const inode = world.disk.find(queue);
    if (inode !== undefined) visit(inode, false);
    for (const hash of contents.keys()) {
      if (!seen.has(hash) && !vanished.has(hash)) {
        throw new Violation(`the task ${hash} is nowhere in the queue`);
      }
    }
  };
}
