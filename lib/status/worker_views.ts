import { join } from "@std/path/posix/join";
import { UsageError } from "../core/errors.ts";
import { readWorkerNow } from "../pool/worker_now.ts";
import { parseWorkerFile, queuePaths, workerFiles } from "../queue/layout.ts";
import { type WorkerRecord, workerRecordSchema } from "../queue/worker_record.ts";
import type { RunProgress } from "../store/run_progress.ts";
import { readJson } from "../store/json_file.ts";
import type { Store } from "../store/store.ts";
import { flatParams, paramsLine } from "../ui/params_text.ts";
import { truncate } from "../ui/text.ts";
import { readPayload } from "../worker/protocol/payload_files.ts";
import { runIds } from "./run_ids.ts";

/** A worker of a pool, and the run that it works for. */
export interface WorkerOfRun {
  /** The run's id. */
  readonly runId: string;
  /** The worker's. */
  readonly id: string;
}

/** The longest text of parameters, in columns. */
const MOST_PARAMS = 120;
/** Of so many attempts the parameters are read. */
const MOST_READ = 200;

/**
 * What the workers of a pool say that they compute now, the oldest first.
 *
 * @throws {StoreError} If the store cannot be read.
 */
export async function computedByPool(store: Store, runId: string): Promise<RunProgress["running"]> {
  const paths = queuePaths(store.root, runId);
  const running: RunProgress["running"] = [];
  const ended = new Set<string>();
  const names = (await store.list(paths.workers)).flatMap(({ name }) => parseWorkerFile(name) ?? []);
  for (const { id, kind } of names) if (kind === "end") ended.add(id);
  for (const { id, kind } of names) {
    // A worker that was declared dead computes nothing that counts.
    if (kind !== "now" || ended.has(id)) continue;
    const now = await readWorkerNow(store, paths, id);
    for (const task of now?.tasks ?? []) running.push({ ...task, worker: id });
  }
  running.sort((a, b) => a.since - b.since);
  return await Promise.all(running.map(async (task, i) => {
    const params = i < MOST_READ ? await shortParams(store, paths.run, task.hash) : undefined;
    return params === undefined ? task : { ...task, params };
  }));
}

/** They are for people: what cannot be read is left out. */
async function shortParams(store: Store, run: string, hash: string): Promise<string | undefined> {
  try {
    const { params } = await readPayload(store, run, hash);
    return truncate(paramsLine(flatParams(JSON.parse(params))), MOST_PARAMS);
  } catch {
    return undefined;
  }
}

/**
 * The worker that is meant, by its id or the beginning or end of it; nothing where there is none.
 *
 * @throws {UsageError} If there are several.
 * @throws {StoreError} If the store cannot be read.
 */
export async function findWorker(store: Store, written: string): Promise<WorkerOfRun | undefined> {
  const found = new Map<string, WorkerOfRun>();
  for (const runId of await runIds(store)) {
    for (const { name } of await store.list(queuePaths(store.root, runId).workers)) {
      const id = parseWorkerFile(name)?.id;
      if (id === written) return { runId, id };
      if (id?.startsWith(written) || id?.endsWith(written)) found.set(id, { runId, id });
    }
  }
  if (found.size > 1) {
    throw new UsageError(
      `Cannot tell which worker '${written}' is: it may be ${[...found.keys()].slice(0, 5).join(", ")}`,
    );
  }
  return found.values().next().value;
}

/**
 * The files in which the Slurm job, or the step, of a worker wrote what the worker printed.
 *
 * @param slurmRoot The folder of Slurm's own output.
 * @throws {StoreError} If the store cannot be read.
 */
export async function workerOutputs(
  store: Store,
  { runId, id }: WorkerOfRun,
  slurmRoot: string,
): Promise<string[]> {
  const parsed = await readJson(
    store,
    workerFiles(queuePaths(store.root, runId), id).record,
    workerRecordSchema,
  );
  const record: WorkerRecord | undefined = parsed && "value" in parsed ? parsed.value : undefined;
  if (!record) return [];
  const folder = join(slurmRoot, "workers", record.spec, runId);
  const keys = [record.job, record.slurm?.jobId].flatMap((key) => key ?? []);
  const names = (await store.list(folder)).map(({ name }) => name).filter((name) => name.endsWith(".log"));
  return names.filter((name) => keys.some((key) => name === `${key}.log` || name.endsWith(`.${key}.log`)))
    .sort().map((name) => join(folder, name));
}
