import { join } from "@std/path/posix/join";
import { z } from "zod";
import { errorCode, StoreError } from "../../core/errors.ts";
import { giveBack } from "../file_steps.ts";
import { linkJson, readJson, writeJson } from "../json_file.ts";
import { type ArtifactPaths, privateName } from "../layout.ts";
import { NewerError, ownerSchema } from "../record.ts";
import { RECORD_SCHEMA } from "../layout.ts";
import { type JobWord, removeIfThere, type Store, storeError } from "../store.ts";

/** How often a name is tried for that others keep making and removing. */
const MAX_TURNS = 100;

const queuedRecord = z.lazy(() =>
  z.object({
    schema: z.literal(RECORD_SCHEMA),
    /** The job's name: unique for ever. */
    name: z.string(),
    /** The run that submits it. */
    run: z.string(),
    /** Who submits it: until the id is known, its life is the job's. */
    submitter: ownerSchema,
    submittedAt: z.string(),
    /** The cluster it is submitted to, where that is known: what another one says of it means nothing. */
    cluster: z.string().exactOptional(),
  })
);

const queuedId = z.lazy(() =>
  z.object({
    schema: z.literal(RECORD_SCHEMA),
    name: z.string(),
    jobId: z.string(),
    cluster: z.string().exactOptional(),
    /** The name that Slurm knows it by, where the site rewrites names. */
    listedAs: z.string().exactOptional(),
  })
);

/**
 * What a scheduler knows of a queued job; nothing where it cannot tell. `wait`: an answer is waited for, else
 * it is what is known now.
 */
export type QueuedHint = (job: QueuedJob, options?: { wait?: boolean }) => Promise<JobWord | undefined>;

/** A Slurm job that was, or is about to be, submitted for an artifact and has not begun. */
export interface QueuedJob extends z.output<typeof queuedRecord> {
  /** Its id, once that is known. */
  jobId?: string;
  /** The name that Slurm knows it by, where the site rewrites names. */
  listedAs?: string;
}

/**
 * Says that a job is about to be submitted for an artifact: a file written under a private name, then linked
 * to `queued.json`, which is exclusive (ARCHITECTURE, "DAG mode").
 *
 * @returns `"held"` when another job is named there.
 * @throws {StoreError} If the store cannot be written.
 */
export async function linkQueued(
  store: Store,
  paths: ArtifactPaths,
  job: { name: string; run: string; cluster?: string | undefined },
): Promise<"ours" | "held"> {
  const { machine } = store;
  const record: z.output<typeof queuedRecord> = {
    schema: RECORD_SCHEMA,
    name: job.name,
    run: job.run,
    submitter: machine.self,
    submittedAt: new Date(machine.clock.now()).toISOString(),
    ...(job.cluster === undefined ? {} : { cluster: job.cluster }),
  };
  const { queued } = filesOf(paths);
  for (let turn = 0;; turn++) {
    let failure: unknown;
    try {
      await store.makeDir(paths.home);
      if (await linkJson(store, queued, record)) return "ours";
    } catch (error) {
      failure = error;
    }
    // What is there tells, whatever the answer was.
    const there = await readRecord(store, queued, queuedRecord);
    if (there) return there.name === job.name ? "ours" : "held";
    // ENOENT: another process just removed the empty folder. Without a failure what was there is gone again.
    const isPassing = failure === undefined || codeBehind(failure) === "ENOENT";
    if (!isPassing) throw storeError("write", queued, failure);
    if (turn > MAX_TURNS) {
      throw new StoreError(`Cannot write ${queued}: others keep making and removing it`, { cause: failure });
    }
  }
}

/** Adds the id that Slurm gave to the job. Harmless when the job has begun meanwhile. */
export async function writeQueuedId(
  store: Store,
  paths: ArtifactPaths,
  job: { name: string; jobId: string; cluster?: string | undefined; listedAs?: string | undefined },
): Promise<void> {
  const { queued, id } = filesOf(paths);
  const { name, jobId, cluster, listedAs } = job;
  try {
    if ((await readRecord(store, queued, queuedRecord))?.name !== name) return;
    await writeJson(store, id, { schema: RECORD_SCHEMA, name, jobId, cluster, listedAs });
    // The job may have begun, and removed what it found, just before.
    if ((await readRecord(store, queued, queuedRecord))?.name === name) return;
    await removeIfThere(store.machine, id);
    await removeIfThere(store.machine, paths.home);
  } catch (error) {
    if (codeBehind(error) !== "ENOENT") throw storeError("write", id, error);
  }
}

/** The job that is queued for an artifact; `undefined` where there is none. */
export async function readQueued(store: Store, paths: ArtifactPaths): Promise<QueuedJob | undefined> {
  const { queued, id } = filesOf(paths);
  const record = await readRecord(store, queued, queuedRecord);
  if (!record) return undefined;
  // The id of another job is one that was left behind.
  const known = await readRecord(store, id, queuedId);
  if (known?.name !== record.name) return record;
  const { jobId, cluster = record.cluster, listedAs } = known;
  return {
    ...record,
    jobId,
    ...(cluster === undefined ? {} : { cluster }),
    ...(listedAs === undefined ? {} : { listedAs }),
  };
}

/**
 * Removes `queued.json` when it names this job: it has begun, or ended, or was never submitted.
 *
 * @returns Whether it was there.
 */
export async function removeQueued(store: Store, paths: ArtifactPaths, name: string): Promise<boolean> {
  const { files } = store.machine;
  const { queued, id } = filesOf(paths);
  if ((await readRecord(store, queued, queuedRecord))?.name !== name) return false;
  // The id goes first: while `queued.json` is there nobody writes another one.
  await removeIfThere(store.machine, id);
  const trash = privateName(paths.home, "trash", store.machine);
  try {
    await files.rename(queued, trash);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw storeError("remove", queued, error);
    if (!await files.stat(trash)) return false;
  }
  const found = await readRecord(store, trash, queuedRecord);
  // Somebody else was faster, and another job is queued by now: it is put back.
  if (found && found.name !== name) await giveBack(store.machine, trash, queued);
  else await removeIfThere(store.machine, trash);
  await removeIfThere(store.machine, paths.home);
  return found?.name === name;
}

/** Whether there is nothing in an artifact's folder but that a job is queued for it. */
export async function isAlone(store: Store, paths: ArtifactPaths): Promise<boolean> {
  const own = Object.values(filesOf(paths));
  return (await store.list(paths.home)).every(({ name }) => own.includes(join(paths.home, name)));
}

/** A queued job, for people. */
export function describeQueued({ name, jobId, cluster, submitter, submittedAt }: QueuedJob): string {
  const { user, pid, host } = submitter;
  const where = cluster === undefined ? "" : ` on cluster ${cluster}`;
  const who = `${user ? `${user}, ` : ""}pid ${pid} on ${host}`;
  return `Slurm job ${
    jobId ?? "(id not known yet)"
  } ${name}${where}, submitted by ${who}, queued since ${submittedAt}`;
}

/** What to do about a queued job of which nothing is heard any more. */
export function queuedAdvice(paths: ArtifactPaths, { run }: QueuedJob): string {
  return `run 'furu cancel ${run}' where its Slurm is; if that knows no such job any more, remove ${
    filesOf(paths).queued
  }`;
}

function filesOf({ home }: ArtifactPaths): { queued: string; id: string } {
  return { queued: join(home, "queued.json"), id: join(home, "queued.id.json") };
}

/** The system's code of an error, or of the one behind it. */
function codeBehind(error: unknown): string | undefined {
  return errorCode(error) ?? errorCode((error as Error).cause);
}

/**
 * Reads a record; nothing where there is none, or a torn one (a power cut), which names no job.
 *
 * @throws {StoreError} If a newer furu made it.
 */
async function readRecord<T>(store: Store, path: string, form: z.ZodType<T>): Promise<T | undefined> {
  const read = await readJson(store, path, form);
  if (read === undefined || "value" in read) return read?.value;
  if (read.newer !== undefined) throw new NewerError("queued job", path, read.newer);
  // Who may not write there, and only looks, has no need to: it says nothing in any case.
  await removeIfThere(store.machine, path).catch(() => {});
  return undefined;
}
