import { StoreError } from "../../core/errors.ts";
import type { ArtifactPaths } from "../layout.ts";
import type { SuccessRecord } from "../record.ts";
import { listSurely, type Store } from "../store.ts";
import { readRecord } from "../read_record.ts";

/** How long is waited at least for a name that is listed and cannot be opened. */
const LIMIT_MS = 120_000;
/** At least this many looks: a process that stood still has not looked meanwhile. */
const LEAST_TURNS = 5;

/**
 * As {@link readRecord}, for callers that act upon its not being there: before that is said the folder is
 * listed, which refreshes a cached "no such file", and a name that is listed and cannot be opened yet is
 * waited for.
 *
 * @throws {StoreError} for a name that stays so. The signal's reason when it aborts.
 */
export async function recordForSure(
  store: Store,
  paths: ArtifactPaths,
  signal?: AbortSignal,
): Promise<SuccessRecord | undefined> {
  const { clock } = store.machine;
  const limit = clock.monotonic() + LIMIT_MS;
  for (let turn = 1, pause = 20;; turn++, pause = Math.min(pause * 2, 5000)) {
    const record = await readRecord(store, paths);
    if (record) return record;
    const names = await listSurely(store, paths.taskDir);
    if (!names.some(({ name }) => paths.record.endsWith(`/${name}`))) return await readRecord(store, paths);
    if (turn > LEAST_TURNS && clock.monotonic() > limit) {
      throw new StoreError(
        `Cannot open ${paths.record}: its folder lists it, and it could not be opened for 120 s`,
      );
    }
    await clock.sleep(pause, signal);
  }
}
