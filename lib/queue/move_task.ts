import { errorCode } from "../core/errors.ts";
import { type Store, storeError } from "../store/store.ts";
import { hasName, isNotThere } from "./has_name.ts";

/** Errors after which the same rename may work a little later. */
const PASSING: readonly string[] = ["EIO", "EAGAIN", "EBUSY", "ETIMEDOUT", "EINTR"];
/** Milliseconds to wait before it is tried again. */
const PAUSES_MS: readonly number[] = [20, 200];

/** What became of a move: done, or what there was not. */
export type Move = "moved" | "not there" | "no folder";

/**
 * Moves a task file, or a worker's folder, by one rename. The answer to a rename that worked can be lost: after an error
 * the new folder is listed.
 *
 * @returns `true` when it is at `to` by our doing, as far as that can be told; `false` when it was not at `from`, or when
 * the folder of `to` is gone.
 * @throws {StoreError} when it cannot be moved for any other reason. It may be moved all the same, as if by somebody else.
 */
export async function moveTask(store: Store, from: string, to: string): Promise<boolean> {
  return await tryMove(store, from, to) === "moved";
}

/** As {@link moveTask}, and tells whether it was the folder of `to` that is gone. */
export async function tryMove(store: Store, from: string, to: string): Promise<Move> {
  const { files, clock } = store.machine;
  for (let turn = 0;; turn++) {
    try {
      await files.rename(from, to);
      return "moved";
    } catch (error) {
      const there = await hasName(store, to);
      if (there !== false) return there ? "moved" : "no folder";
      if (isNotThere(error)) return "not there";
      const pause = PAUSES_MS[turn];
      if (pause === undefined || !PASSING.includes(errorCode(error) ?? "")) {
        throw storeError("move", `${from} to ${to}`, error);
      }
      await clock.sleep(pause);
    }
  }
}
