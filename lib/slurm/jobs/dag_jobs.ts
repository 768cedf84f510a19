import { join } from "@std/path/posix/join";
import { z } from "zod";
import { StoreError } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import type { Owner } from "../../core/system/machine.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { DagRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { readJson, writeJson } from "../../store/json_file.ts";
import { ownerSchema } from "../../store/record.ts";
import { RECORD_SCHEMA } from "../../store/layout.ts";
import type { JobRef } from "./job_identity.ts";

const dagJobs = z.lazy(() =>
  z.object({
    schema: z.literal(RECORD_SCHEMA),
    /** Whether no more will be submitted. */
    complete: z.boolean().default(true),
    jobs: z.record(
      z.string(),
      z.object({
        jobId: z.string(),
        name: z.string(),
        listedAs: z.string().exactOptional(),
        cluster: z.string().exactOptional(),
        own: z.boolean(),
        /** Who submitted it, where that is not the run's submitter. */
        submitter: ownerSchema.exactOptional(),
      }),
    ),
  })
);

/** The job that computes a node. */
export interface DagJob extends JobRef {
  /** Its id. */
  readonly jobId: string;
  /** Whether this run submitted it. Another run's job is not ours to cancel. */
  readonly own: boolean;
}

/** The jobs of a run by the hashes of their nodes. */
export type DagJobs = ReadonlyMap<Hash, DagJob>;

/** The jobs of a run, as its submitter wrote them down. */
export interface WrittenJobs {
  /** Which job computes which node. */
  jobs: Map<Hash, DagJob>;
  /** Whether no more will be submitted. */
  complete: boolean;
}

/**
 * Writes down which job computes which node.
 *
 * @throws {StoreError} If the store cannot be written.
 */
export async function writeDagJobs(
  { store }: Pick<Runtime, "store">,
  paths: Pick<QueuePaths, "run">,
  { jobs, complete }: { jobs: DagJobs; complete: boolean },
): Promise<void> {
  const written: Record<string, unknown> = {};
  for (const [hash, { jobId, name, listedAs, cluster, own, submitter }] of jobs) {
    // A run may have very many jobs, and all that are its own have one submitter.
    written[hash] = { jobId, name, listedAs, cluster, own, ...(own ? {} : { submitter }) };
  }
  await writeJson(store, dagJobsPath(paths), { schema: RECORD_SCHEMA, complete, jobs: written });
}

/**
 * Reads which job computes which node.
 *
 * @param of The run's record, or what is known of its submitter.
 * @returns `undefined` while the first of them are being submitted, or if the submitter died then.
 * @throws {StoreError} Naming the file, if it is damaged.
 */
export async function readDagJobs(
  { store }: Pick<Runtime, "store">,
  paths: Pick<QueuePaths, "run">,
  { submitter }: { submitter: Owner } | Pick<DagRun, "submitter">,
): Promise<WrittenJobs | undefined> {
  const path = dagJobsPath(paths);
  const parsed = await readJson(store, path, dagJobs);
  if (parsed === undefined) return undefined;
  if ("fault" in parsed) {
    throw new StoreError(`Cannot read ${path}: ${parsed.fault}`, { cause: parsed.cause });
  }
  const { jobs, complete } = parsed.value;
  const all = Object.entries(jobs) as [Hash, DagJob][];
  return { complete, jobs: new Map(all.map(([hash, job]) => [hash, job.own ? { ...job, submitter } : job])) };
}

/** The file that says which job computes which node. */
export function dagJobsPath({ run }: Pick<QueuePaths, "run">): string {
  return join(run, "jobs.json");
}
