import { join } from "@std/path/posix/join";
import type { ConfigOptions } from "../core/config.ts";
import { ExecutionError } from "../core/errors.ts";
import { furuGlobals } from "../core/globals.ts";
import { endLingering } from "../core/system/beat_thread.ts";

/** The store of a test. */
export interface TestStore {
  /** Its folder, absolute. Below it a test may look at what is stored, and damage it. */
  readonly root: string;
}

let isOpen = false;

/** How often a folder is removed again in which somebody has just made something. */
const MAX_TURNS = 10;

/**
 * Calls a function with an empty store of its own, which `get`, `plan`, `runLocal` and the rest of furu use
 * meanwhile, and removes it afterwards. What else `configure` has set stays; the state of git is not
 * recorded, and nothing is forced. One at a time in a process, as configuration is the process's.
 *
 * @typeParam T What the function returns.
 * @param test The function. What it configures is forgotten afterwards.
 * @returns What it returned.
 * @throws {ExecutionError} If it is called while another such function runs. What the function throws.
 *
 * @example
 * ```ts
 * import { defineTask, exists, get, z } from "@furu/furu";
 * import { withStore } from "@furu/furu/testing";
 *
 * const Square = defineTask({
 *   name: "docs/StoredSquare",
 *   params: z.object({ n: z.number() }),
 *   create: ({ params }) => params.n ** 2,
 * });
 * await withStore(async () => {
 *   console.assert(await get(Square({ n: 3 })) === 9);
 *   console.assert(await exists(Square({ n: 3 })));
 * });
 * ```
 */
export async function withStore<T>(test: (store: TestStore) => T | Promise<T>): Promise<T> {
  if (isOpen) {
    throw new ExecutionError(
      "Cannot use withStore while another one is open in this process: call one after the other",
    );
  }
  isOpen = true;
  const globals = furuGlobals();
  const { config } = globals;
  let folder: string | undefined;
  try {
    folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "furu-store-" }));
    const root = join(folder, "store");
    await Deno.mkdir(root);
    const own: ConfigOptions = {
      root,
      slurmRoot: join(root, "slurm"),
      recordGit: "ignore",
      alwaysRerun: [],
    };
    globals.config = { ...config as ConfigOptions | undefined, ...own };
    return await test({ root });
  } finally {
    globals.config = config;
    isOpen = false;
    endLingering();
    if (folder !== undefined) await removeFolder(folder);
  }
}

/** What a test has left to run may still write: that is its own fault, and no reason to fail it. */
async function removeFolder(folder: string): Promise<void> {
  for (let turn = 1;; turn++) {
    try {
      return await Deno.remove(folder, { recursive: true });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || turn === MAX_TURNS) return;
    }
  }
}
