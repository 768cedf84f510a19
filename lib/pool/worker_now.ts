import { z } from "zod";
import type { Hash } from "../core/hash.ts";
import { type QueuePaths, workerFiles } from "../queue/layout.ts";
import type { Runtime } from "../run/runtime.ts";
import { readJson } from "../store/json_file.ts";
import { RECORD_SCHEMA } from "../store/layout.ts";
import type { Store } from "../store/store.ts";

const workerNow = z.object({
  schema: z.literal(RECORD_SCHEMA),
  tasks: z.array(z.object({
    hash: z.string() as unknown as z.ZodType<Hash>,
    /** The task's name. */
    name: z.string(),
    /** The number of the attempt in the store. */
    attempt: z.int(),
    /** When it began, by the worker's wall clock in milliseconds since 1970: for people. */
    since: z.number(),
    log: z.string().exactOptional(),
    /** How far it says it is, from 0 to 1. */
    fraction: z.number().exactOptional(),
    message: z.string().exactOptional(),
  })),
});

/** What a worker computes at the moment: for displays only. */
export type WorkerNow = z.output<typeof workerNow>;
/** One of the attempts in it. */
export type AttemptNow = WorkerNow["tasks"][number];

/** An attempt that is shorter than this is not told of, and the file is written no more often. */
const INTERVAL_MS = 1000;
/** How far attempts are is told no more often than this. */
const PROGRESS_MS = 5000;

/**
 * What a worker computes at the moment; nothing where it has not said so, or where that cannot be understood.
 *
 * @throws {StoreError} when the system cannot read it.
 */
export async function readWorkerNow(
  store: Store,
  paths: QueuePaths,
  id: string,
): Promise<WorkerNow | undefined> {
  const parsed = await readJson(store, workerFiles(paths, id).now, workerNow);
  return parsed && "value" in parsed ? parsed.value : undefined;
}

/**
 * Writes what a worker computes, in the background: which attempts at most once a second, how far they are
 * every few seconds, and short ones never.
 */
export class NowWriter {
  readonly #runtime: Runtime;
  readonly #paths: QueuePaths;
  readonly #file: string;
  #written = "[]";
  /** What tells the attempts apart that were told of. */
  #told = "";
  #nextAt: number;
  #progressAt = -Infinity;
  #writing: Promise<void> | undefined;

  /** @param id The worker's. */
  constructor(runtime: Runtime, paths: QueuePaths, id: string) {
    this.#runtime = runtime;
    this.#paths = paths;
    this.#file = workerFiles(paths, id).now;
    this.#nextAt = runtime.machine.clock.monotonic() + INTERVAL_MS;
  }

  /** Told now and then; returns at once. */
  tell(tasks: () => readonly AttemptNow[]): void {
    const now = this.#runtime.machine.clock.monotonic();
    if (this.#writing || now < this.#nextAt) return;
    const wall = this.#runtime.machine.clock.now();
    const long = tasks().filter(({ since }) => Math.abs(wall - since) >= INTERVAL_MS);
    const told = long.map(({ hash, attempt }) => `${hash} ${attempt}`).join();
    if (told === this.#told && now < this.#progressAt) return;
    const text = JSON.stringify(long);
    if (text === this.#written) return;
    this.#told = told;
    this.#nextAt = now + INTERVAL_MS;
    this.#progressAt = now + PROGRESS_MS;
    this.#writing = this.#write(text).catch((error) => {
      // A display shows less: no reason to stop computing.
      this.#runtime.logger.debug(`Cannot write ${this.#file}: ${(error as Error).message}`);
    }).finally(() => this.#writing = undefined);
  }

  /** Resolves when nothing is written any more. */
  async close(): Promise<void> {
    this.#nextAt = Infinity;
    await this.#writing;
  }

  async #write(tasks: string): Promise<void> {
    const { store, machine } = this.#runtime;
    const temporary = await store.writePrivate(
      this.#paths.workers,
      `{"schema":${RECORD_SCHEMA},"tasks":${tasks}}`,
    );
    await machine.files.rename(temporary, this.#file);
    this.#written = tasks;
  }
}
