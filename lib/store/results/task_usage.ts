import { pooledMap } from "@std/async/pool";
import { isHash } from "../../core/hash.ts";
import { spreadOf } from "../../task/artifact/spread.ts";
import type { TaskUsage } from "../../task/artifact/artifact.ts";
import { artifactPaths } from "../layout.ts";
import { readRecord } from "../read_record.ts";
import { concernsOneArtifact, type Store } from "../store.ts";

/** More records are not read: hashes are random, so that these are a fair part of all. */
const MOST_RECORDS = 200;
const AT_ONCE = 16;

/** What one attempt took. */
interface Taken {
  readonly succeeded: true;
  readonly durationMs: number;
  readonly peakMemoryBytes: number | undefined;
  readonly cpuSec: number | undefined;
}

/**
 * What earlier artifacts of a task took, as their records say. One that cannot be read tells nothing.
 *
 * @throws {StoreError} If the task's folder cannot be listed.
 */
export async function usageOfTask(store: Store, name: string): Promise<TaskUsage> {
  const { done } = await store.listTask(name);
  const hashes = [...done].filter(isHash).sort().slice(0, MOST_RECORDS);
  const taken: Taken[] = [];
  const reading = pooledMap(AT_ONCE, hashes, async (hash): Promise<Taken | undefined> => {
    try {
      const record = await readRecord(store, artifactPaths(store.root, { name, hash }));
      if (!record) return undefined;
      const { durationMs, provenance: { peakMemoryBytes, cpuSec } } = record;
      return { succeeded: true, durationMs, ...numbers({ peakMemoryBytes, cpuSec }) };
    } catch (error) {
      if (!concernsOneArtifact(error)) throw error;
      return undefined;
    }
  });
  for await (const each of reading) if (each) taken.push(each);
  const memGb = spreadOf(taken, (each) => each.peakMemoryBytes && each.peakMemoryBytes / 2 ** 30);
  const durationSec = spreadOf(taken, (each) => each.durationMs / 1000);
  const cpuSec = spreadOf(taken, (each) => each.cpuSec);
  return {
    count: taken.length,
    ...(memGb && { memGb }),
    ...(durationSec && { durationSec }),
    ...(cpuSec && { cpuSec }),
  };
}

function numbers<K extends string>(of: Record<K, unknown>): Record<K, number | undefined> {
  const entries = Object.entries(of).map((
    [key, value],
  ) => [key, typeof value === "number" ? value : undefined]);
  return Object.fromEntries(entries);
}
