import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { z } from "zod";
import { errorText } from "../../core/errors.ts";
import type { EventSink, RunEvent } from "../../core/event.ts";
import type { Runtime } from "../../run/runtime.ts";
import { readJson, writeJson } from "../../store/json_file.ts";
import { RECORD_SCHEMA } from "../../store/layout.ts";
import { removeIfThere } from "../../store/store.ts";

/** Time between two writes: each is a new file on a shared filesystem. */
const INTERVAL_MS = 1000;

const progressRecord = z.object({
  schema: z.literal(RECORD_SCHEMA),
  /** The number of the attempt. */
  attempt: z.int().positive(),
  fraction: z.number(),
  message: z.string().exactOptional(),
});

/** The latest `progress()` of a task in its job. */
export type ProgressRecord = z.output<typeof progressRecord>;

/**
 * Hands on the `progress()` of a job's task to the followers of the run: in a small file of the run's folder,
 * `progress/<hash>.json`, at most once a second, the latest always. The file is there only while the job
 * runs.
 */
export class JobProgress implements AsyncDisposable {
  readonly #runtime: Pick<Runtime, "machine" | "store" | "logger">;
  readonly #path: string;
  readonly #ending = new AbortController();
  #attempt = 1;
  #latest: ProgressRecord | undefined;
  #writing: Promise<void> | undefined;
  #broken = false;

  /**
   * Writes nothing yet.
   *
   * @param runtime The store, and time.
   * @param dir The run's folder.
   * @param hash The artifact that the job computes.
   */
  constructor(runtime: Pick<Runtime, "machine" | "store" | "logger">, dir: string, hash: string) {
    this.#runtime = runtime;
    this.#path = progressPath(dir, hash);
  }

  /** Takes the events of the job's attempts. */
  readonly sink: EventSink = (event) => {
    if (event.type === "attempt_started") {
      this.#attempt = event.attempt;
      this.#latest = undefined;
    } else if (event.type === "attempt_progress") {
      this.#take(event);
    }
  };

  #take({ fraction, message }: Extract<RunEvent, { type: "attempt_progress" }>): void {
    if (!Number.isFinite(fraction) || this.#broken || this.#ending.signal.aborted) return;
    const attempt = this.#attempt;
    this.#latest = {
      schema: RECORD_SCHEMA,
      attempt,
      fraction,
      ...(message === undefined ? {} : { message }),
    };
    this.#writing ??= this.#write().finally(() => this.#writing = undefined);
  }

  /** Writes the latest progress, until there is nothing new for a second. */
  async #write(): Promise<void> {
    const { clock } = this.#runtime.machine;
    const { signal } = this.#ending;
    try {
      for (let record = this.#latest; record && !signal.aborted; record = this.#latest) {
        this.#latest = undefined;
        await this.#put(record);
        await clock.sleep(INTERVAL_MS, signal);
      }
    } catch (error) {
      if (signal.aborted) return;
      // A display is not worth a job.
      this.#broken = true;
      this.#runtime.logger.warn(`Cannot hand on the progress of the task: ${errorText(error)}`);
    }
  }

  async #put(record: ProgressRecord): Promise<void> {
    const { store } = this.#runtime;
    await store.makeDir(dirname(this.#path));
    await writeJson(store, this.#path, record, { sync: false });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#writing;
    await removeIfThere(this.#runtime.machine, this.#path).catch(
      () => {/* nobody reads it after the attempt */},
    );
  }
}

/**
 * Reads the latest progress of a job's task.
 *
 * @returns `undefined` where there is none, or it cannot be read.
 */
export async function readProgress(
  { store }: Pick<Runtime, "store">,
  dir: string,
  hash: string,
): Promise<ProgressRecord | undefined> {
  try {
    const parsed = await readJson(store, progressPath(dir, hash), progressRecord);
    return parsed && "value" in parsed ? parsed.value : undefined;
  } catch {
    // It is only shown: the next look may tell.
    return undefined;
  }
}

/** Hashes of the artifacts whose jobs have handed on their progress; none where that cannot be told. */
export async function listProgress(
  { store }: Pick<Runtime, "store">,
  dir: string,
): Promise<Set<string>> {
  const names = await store.list(join(dir, "progress")).catch(() => []);
  return new Set(names.map(({ name }) => name.replace(/\.json$/, "")));
}

function progressPath(dir: string, hash: string): string {
  return join(dir, "progress", `${hash}.json`);
}
