import { StoreError } from "../core/errors.ts";
import { artifactLabel } from "../core/hash.ts";
import type { Runtime } from "../run/runtime.ts";
import { readValue } from "../run/stored_value.ts";
import type { ArtifactKey } from "../store/layout.ts";
import { readRecord } from "../store/read_record.ts";

/**
 * Reads a stored value, without the code of its task: artifacts in it can be loaded, and not be computed.
 *
 * @throws {StoreError} If there is no result, or it is damaged: says what to do.
 */
export async function readStored(runtime: Runtime, key: ArtifactKey): Promise<unknown> {
  const paths = runtime.store.paths(key);
  const label = artifactLabel(key.name, key.hash);
  const record = await readRecord(runtime.store, paths);
  if (!record) {
    throw new StoreError(
      `Cannot get ${label} as it has no result in ${runtime.store.root}: 'furu show ${
        key.hash.slice(0, 8)
      }' ` +
        `tells what is there`,
    );
  }
  const read = await readValue(runtime, paths, record, "whole");
  if (read.ok) return read.value;
  throw new StoreError(
    `Cannot get ${label} as its result is damaged: ${read.why}; run it again with --force ${key.name}, or ` +
      `remove it: furu rm ${key.hash.slice(0, 8)}`,
  );
}
