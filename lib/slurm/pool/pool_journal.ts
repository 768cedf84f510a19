import { join } from "@std/path/posix/join";
import { z } from "zod";
import { StoreError } from "../../core/errors.ts";
import { ownerSchema, RECORD_SCHEMA } from "../../store/record.ts";
import { listOrNothing, removeIfThere, type Store, storeError } from "../../store/store.ts";
import type { SubmittedJob } from "../client/parse_jobs.ts";

const submission = z.object({
  schema: z.literal(RECORD_SCHEMA),
  /** The job's unique name. */
  name: z.string(),
  /** Of what tasks its workers are. */
  spec: z.string(),
  /** How many workers. */
  count: z.int().positive(),
  /** Is it an array, whose tasks are the workers? */
  array: z.boolean(),
  /** How many workers of the run were submitted before. */
  order: z.int().nonnegative(),
  /** The how-manieth controller submits it. */
  term: z.int().nonnegative(),
  /** Does it wait until all other workers are gone? */
  heir: z.boolean(),
  /** Who submits it. */
  submitter: ownerSchema,
  at: z.string(),
});

const submitted = z.object({
  schema: z.literal(RECORD_SCHEMA),
  jobId: z.string(),
  cluster: z.string().exactOptional(),
});

/** A job with workers, as it is written down before it is submitted. */
export type PoolSubmission = z.output<typeof submission>;

/** What is written down of a job. */
export interface JournalEntry {
  /** What was to be submitted. */
  readonly submission: PoolSubmission;
  /** As what Slurm took it; `undefined` while nobody knows. */
  readonly job?: SubmittedJob;
}

/**
 * What a run's controllers had submitted, so that the next one knows: each job's name is written down before sbatch is
 * given it, and its id after.
 */
export class PoolJournal {
  readonly #store: Store;
  readonly #dir: string;
  /** What was read already; none of it ever changes. */
  readonly #entries = new Map<string, JournalEntry>();

  /** @param dir The run's folder of jobs. Reads nothing yet. */
  constructor(store: Store, dir: string) {
    this.#store = store;
    this.#dir = dir;
  }

  /** Writes down that a job is about to be submitted. @throws {StoreError} when that cannot be. */
  async announce(entry: PoolSubmission): Promise<void> {
    await this.#write(`${entry.name}.json`, entry);
    this.#entries.set(entry.name, { submission: entry });
  }

  /** Writes down that a job was submitted. @throws {StoreError} when that cannot be. */
  async confirm(name: string, { jobId, cluster }: SubmittedJob): Promise<void> {
    const job: SubmittedJob = { jobId, ...(cluster === undefined ? {} : { cluster }) };
    await this.#write(`${name}.id.json`, { schema: RECORD_SCHEMA, ...job });
    const entry = this.#entries.get(name);
    if (entry) this.#entries.set(name, { ...entry, job });
  }

  /** Takes back what was announced and is known not to be in Slurm. */
  async retract(name: string): Promise<void> {
    await removeIfThere(this.#store.machine, join(this.#dir, `${name}.json`));
    this.#entries.delete(name);
  }

  /**
   * All that is written down, in the order of submission; reads only what is new.
   *
   * @throws {StoreError} naming a file that is damaged.
   */
  async read(): Promise<JournalEntry[]> {
    const names = (await this.#list()).filter((name) => /^furu-[A-Za-z0-9-]+(\.id)?\.json$/.test(name));
    const there = new Set(names);
    for (const file of names) {
      if (file.endsWith(".id.json")) continue;
      const name = file.slice(0, -".json".length);
      const known = this.#entries.get(name);
      if (known?.job) continue;
      const entry = known?.submission ?? await this.#readFile(file, submission);
      const hasId = there.has(`${name}.id.json`);
      const id = hasId ? await this.#readFile(`${name}.id.json`, submitted) : undefined;
      // One that was retracted a moment ago.
      if (!entry) continue;
      const { jobId, cluster } = id ?? {};
      this.#entries.set(name, {
        submission: entry,
        ...(jobId === undefined ? {} : { job: { jobId, ...(cluster === undefined ? {} : { cluster }) } }),
      });
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

  async #readFile<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const path = join(this.#dir, file);
    const text = await this.#store.read(path);
    if (text === undefined) return undefined;
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new StoreError(`Cannot use ${path}: it is damaged, or of another version of furu`, { cause });
    }
  }

  async #write(file: string, value: unknown): Promise<void> {
    const path = join(this.#dir, file);
    try {
      await this.#store.makeDir(this.#dir);
      const temporary = await this.#store.writePrivate(this.#dir, JSON.stringify(value), { sync: true });
      await this.#store.machine.files.rename(temporary, path);
    } catch (error) {
      throw storeError("write", path, error);
    }
  }
}
