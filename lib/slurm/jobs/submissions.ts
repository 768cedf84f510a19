import { join } from "@std/path/posix/join";
import { z } from "zod";
import { StoreError } from "../../core/errors.ts";
import type { Runtime } from "../../run/runtime.ts";
import { readJson, writeJson } from "../../store/json_file.ts";
import { ownerSchema } from "../../store/record.ts";
import { RECORD_SCHEMA } from "../../store/layout.ts";
import { listOrNothing, removeIfThere, type Store, storeError } from "../../store/store.ts";
import { probeCommand } from "../../worker/command.ts";
import type { SlurmClient } from "../client/client.ts";
import { logPattern, scriptPath } from "../client/job_log.ts";
import { jobOptions, type JobPlan } from "../client/job_options.ts";
import type { SubmittedJob } from "../client/parse_jobs.ts";
import { batchScript } from "../client/script.ts";
import { type Submission, SubmitLimitError, SubmitRefusedError } from "../client/submit.ts";
import type { JobRef } from "./job_identity.ts";
import { listedName } from "./name_check.ts";

/** The record of a submission, by which its job is found whatever becomes of this process. */
export interface SubmissionRecord {
  /**
   * Writes the job's name down before sbatch is given it.
   *
   * @default {nothing: it is written down already}
   */
  announce?(): Promise<void>;
  /** Adds the id that Slurm gave the job. */
  confirm(job: SubmittedJob): Promise<void>;
  /** Takes the name back. Called only for a job that surely is not in Slurm. */
  retract(): Promise<void>;
}

/** A job that furu submits with a batch script of its own. */
export interface JobToSubmit
  extends Omit<JobPlan, "log" | "name">, Pick<Submission, "name" | "limitMs" | "signal" | "onWait"> {
  /** One line for people: what the job is for. */
  readonly title: string;
  /** Its command: program and arguments. */
  readonly command: readonly string[];
  /** The folder of its log and its batch script. */
  readonly folder: string;
  /**
   * Whether it may submit jobs itself, which have the environment from before its setup.
   *
   * @default {false}
   */
  readonly submits?: boolean | undefined;
}

/**
 * Submits a job, and keeps its record true whatever happens:
 *
 *     announce(name) ---> sbatch ---> confirm(id)
 *                           |
 *                           '-------> retract(), if sbatch surely did not take it
 *
 * After any other error the job may be in Slurm: the record keeps its name, by which it is found.
 *
 * @throws {SlurmError} In sbatch's own words.
 * @throws {StoreError} If the record or the script cannot be written.
 */
export async function submitRecorded(
  { store, machine }: Pick<Runtime, "store" | "machine">,
  client: SlurmClient,
  { title, command, folder, submits, name, limitMs, signal, onWait, ...plan }: JobToSubmit,
  record: SubmissionRecord,
): Promise<SubmittedJob> {
  await record.announce?.();
  const script = scriptPath(folder, name);
  // Slurm says nothing of a missing folder: the job fails.
  await store.makeDir(folder);
  const { setup } = plan.spec;
  const keepsEnvironmentAt = submits ? join(folder, name) : undefined;
  const text = batchScript({ name, title, setup, command, keepsEnvironmentAt, probe: probeCommand() });
  await machine.files.write(script, text);
  const log = logPattern(folder, name, plan.array !== undefined);
  const options = jobOptions({ ...plan, name, log });
  let job: SubmittedJob;
  try {
    const there = await client.at(plan.spec.cluster);
    job = await there.submit({ script, name, options, limitMs, signal, onWait });
  } catch (error) {
    if (error instanceof SubmitLimitError || error instanceof SubmitRefusedError) await record.retract();
    throw error;
  }
  await record.confirm(job);
  const listedAs = await listedName(client, name, job);
  if (listedAs === undefined) return job;
  const renamed = { ...job, listedAs };
  await record.confirm(renamed);
  return renamed;
}

const workerSubmission = z.lazy(() =>
  z.object({
    schema: z.literal(RECORD_SCHEMA),
    /** The job's unique name. */
    name: z.string(),
    /** The spec of the tasks that its workers take. */
    spec: z.string(),
    /** The cluster that it is sent to. Where there is none written down, that of the run. */
    cluster: z.string().exactOptional(),
    /** The number of its workers. */
    count: z.int().positive(),
    /** Whether it is an array, whose tasks are the workers. */
    array: z.boolean(),
    /** The number of workers of the run that were submitted before. */
    order: z.int().nonnegative(),
    /** The term of the controller that submits it. */
    term: z.int().nonnegative(),
    /** Whether it is a standby controller, which waits until all other workers are gone. */
    heir: z.boolean(),
    /** The process that submits it. */
    submitter: ownerSchema,
    at: z.string(),
  })
);

const submitted = z.lazy(() =>
  z.object({
    schema: z.literal(RECORD_SCHEMA),
    jobId: z.string(),
    /** The cluster it is on. Records of older versions lack it: then nobody can tell whose job has the id. */
    cluster: z.string().exactOptional(),
    /** The name that Slurm knows it by, where the site rewrites names. */
    listedAs: z.string().exactOptional(),
  })
);

/** A job with workers, as it is written down before it is submitted. */
export type WorkerSubmission = z.output<typeof workerSubmission>;

/** A job in the journal. */
export interface JournalEntry {
  /** The job, as it was to be submitted. */
  readonly submission: WorkerSubmission;
  /** As what Slurm took it. `undefined` while nobody knows. */
  readonly job?: SubmittedJob | undefined;
}

/**
 * The job of an entry, by all that was written down of it.
 *
 * @param index Which task of its array.
 */
export function refOf(
  { submission: { name, submitter, cluster }, job }: JournalEntry,
  index?: number,
): JobRef {
  // Where nobody wrote down as what Slurm took it, it can only be where it was sent.
  if (!job) return { name, submitter, ...(cluster === undefined ? {} : { cluster }) };
  const { jobId, ...more } = job;
  return { ...more, name, submitter, jobId: index === undefined ? jobId : `${jobId}_${index}` };
}

/**
 * The jobs with workers that a run's controllers had submitted: `jobs/<name>.json`, and `<name>.id.json` with
 * the id.
 */
export class WorkerJournal {
  readonly #store: Store;
  readonly #dir: string;
  /** Entries that were read already. None of them ever changes. */
  readonly #entries = new Map<string, JournalEntry>();

  /**
   * Reads nothing yet.
   *
   * @param dir The run's folder of jobs.
   */
  constructor(store: Store, dir: string) {
    this.#store = store;
    this.#dir = dir;
  }

  /** The record of one job. */
  recordOf(entry: WorkerSubmission): SubmissionRecord {
    return {
      announce: () => this.announce(entry),
      confirm: (job) => this.confirm(entry.name, job),
      retract: () => this.retract(entry.name),
    };
  }

  /**
   * Writes down that a job is about to be submitted.
   *
   * @throws {StoreError} If it cannot be written.
   */
  async announce(entry: WorkerSubmission): Promise<void> {
    await this.#write(`${entry.name}.json`, entry);
    this.#entries.set(entry.name, { submission: entry });
  }

  /**
   * Writes down as what Slurm took a job.
   *
   * @throws {StoreError} If it cannot be written.
   */
  async confirm(name: string, { jobId, cluster, listedAs }: SubmittedJob): Promise<void> {
    const job = {
      jobId,
      ...(cluster === undefined ? {} : { cluster }),
      ...(listedAs === undefined ? {} : { listedAs }),
    };
    await this.#write(`${name}.id.json`, { schema: RECORD_SCHEMA, ...job });
    const entry = this.#entries.get(name);
    if (entry) this.#entries.set(name, { ...entry, job });
  }

  /** Takes back a job that is known not to be in Slurm. */
  async retract(name: string): Promise<void> {
    await removeIfThere(this.#store.machine, join(this.#dir, `${name}.json`));
    this.#entries.delete(name);
  }

  /**
   * All jobs in the order of submission. Reads only files that are new.
   *
   * @throws {StoreError} If a file is damaged; it is named.
   */
  async read(): Promise<JournalEntry[]> {
    const names = (await this.#list()).filter((name) => /^furu-[A-Za-z0-9-]+(\.id)?\.json$/.test(name));
    const there = new Set(names);
    for (const file of names) {
      if (file.endsWith(".id.json")) continue;
      const name = file.slice(0, -".json".length);
      const known = this.#entries.get(name);
      if (known?.job) continue;
      const entry = known?.submission ?? await this.#read(file, workerSubmission);
      const hasId = there.has(`${name}.id.json`);
      const id = hasId ? await this.#read(`${name}.id.json`, submitted) : undefined;
      // One that was retracted a moment ago.
      if (!entry) continue;
      const { schema: _, ...job } = id ?? { schema: undefined, jobId: "" };
      this.#entries.set(name, id ? { submission: entry, job } : { submission: entry });
    }
    return [...this.#entries.values()].sort((a, b) => a.submission.order - b.submission.order);
  }

  async #list(): Promise<string[]> {
    try {
      return (await listOrNothing(this.#store.machine, this.#dir)).map(({ name }) => name);
    } catch (error) {
      throw storeError("list", this.#dir, error);
    }
  }

  async #read<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const path = join(this.#dir, file);
    const read = await readJson(this.#store, path, schema);
    if (!read || "value" in read) return read?.value;
    throw new StoreError(`Cannot use ${path}: it is damaged, or of another version of furu`, {
      cause: read.cause,
    });
  }

  async #write(file: string, value: unknown): Promise<void> {
    await this.#store.makeDir(this.#dir);
    await writeJson(this.#store, join(this.#dir, file), value);
  }
}
