import { errorText, isSystemError, ProtocolError } from "../../core/errors.ts";
import type { RunEvent } from "../../core/event.ts";
import type { Hash } from "../../core/hash.ts";
import { TimeIsUp } from "../../core/system/stop_time.ts";
import {
  Durations,
  hadWholeJob,
  isFresh,
  judgeFit,
  neverFitsText,
  wholeJobText,
  type WorkerSpan,
} from "./fits.ts";
import { longestCut, savedCheckpoint } from "../../store/results/cut_attempts.ts";
import type { FailureInit } from "../../queue/failure.ts";
import type { TaskFile } from "../../queue/task_file.ts";
import type { WorkerFolder } from "../../queue/worker_dir.ts";
import type { Runtime } from "../../run/runtime.ts";
import { AttemptBackend } from "../../schedule/attempt_backend.ts";
import type { BackendEvent } from "../../schedule/backend.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { retryWhileUnavailable } from "../pacing.ts";
import { forcedNodes } from "../../plan/forced.ts";
import type { EventSink } from "../../core/event.ts";
import type { PoolHead } from "../../remote/run_record.ts";
import type { Computer } from "../../run/computer.ts";
import type { SlurmJob } from "../../store/record.ts";
import type { AttemptNow } from "../worker_now.ts";
import { attemptOf, destinationOf } from "./task_destination.ts";

/** What {@link ClaimedTasks} works with. */
export interface ClaimedTasksOptions {
  /** What the run is, as `run.json` says. */
  readonly run: PoolHead;
  /** The Slurm job that the worker runs in. */
  readonly slurm?: SlurmJob | undefined;
  /** Computes attempts. Whoever made it closes it. */
  readonly computer: Computer;
  /**
   * Gives the artifact of a task. A stub will do where another process computes.
   *
   * @throws {ProtocolError} If there is none.
   */
  readonly artifactOf: (task: TaskFile) => Artifact;
  /** Takes the events of attempts. Must not throw. */
  readonly onEvent: EventSink;
  /** The worker's own folder, with the tasks that it has claimed. */
  readonly folder: WorkerFolder;
  /** The time of the worker's job. */
  readonly span: WorkerSpan | undefined;
  /** Called for a task that was put back since it does not fit. */
  readonly onTooLong: (file: string) => void;
  /** Called when there may be something to do for the worker. */
  readonly onChange: () => void;
}

interface ClaimedTask {
  readonly file: string;
  artifact?: Artifact;
  /** When that was, by the monotonic clock. */
  begunAt?: number;
  /** The attempt that was begun for it, if any. */
  now?: AttemptNow;
}

/** The tasks that a worker has claimed: computes each, and moves its file on by how that ended. */
export class ClaimedTasks {
  readonly #runtime: Runtime;
  readonly #options: ClaimedTasksOptions;
  readonly #backend: AttemptBackend;
  readonly #stopping = new AbortController();
  /** By the names of their files, until those are moved on. */
  readonly #claimed = new Map<string, ClaimedTask>();
  /** Those that are being computed. */
  readonly #begun = new Map<Hash, ClaimedTask>();
  readonly #busy = new Set<Promise<void>>();
  readonly #durations = new Durations();
  #open = 0;
  #computed = 0;
  #broken: { error: unknown } | undefined;
  #unstartable: string | undefined;

  /** Begins nothing yet. */
  constructor(runtime: Runtime, options: ClaimedTasksOptions) {
    this.#runtime = runtime;
    this.#options = options;
    const { run, computer, slurm, folder } = options;
    this.#backend = new AttemptBackend(runtime, {
      name: "slurm-pool",
      runId: run.runId,
      worker: folder.id,
      computer,
      forced: forcedNodes(runtime.store, run),
      ...(slurm === undefined ? {} : { slurm }),
      signal: this.#stopping.signal,
      onEvent: (event) => this.#onEvent(event),
      report: (event) => this.#onReport(event),
    });
  }

  /** The number of tasks that take up a slot. */
  get open(): number {
    return this.#open;
  }

  /** Whether nothing is computed, and no file is on its way. */
  get idle(): boolean {
    return this.#open === 0 && this.#busy.size === 0;
  }

  /** The number of tasks that were computed. */
  get computed(): number {
    return this.#computed;
  }

  /** Why a task could not begin here: the next one could not either, and would fail as fast. */
  get unstartable(): string | undefined {
    return this.#unstartable;
  }

  /** The attempts that go on. */
  now(): AttemptNow[] {
    return [...this.#begun.values()].flatMap(({ now }) => now ? [now] : []);
  }

  /**
   * Checks that files could be moved on: a worker that cannot do that is of no use.
   *
   * @throws What kept a file from being moved on.
   */
  check(): void {
    if (this.#broken) throw this.#broken.error;
  }

  /** Begins a task that was claimed. Returns at once. */
  take(file: string): void {
    const task: ClaimedTask = { file };
    this.#claimed.set(file, task);
    this.#open++;
    this.#track(this.#begin(task));
  }

  /**
   * Ends what runs as preempted, and gives all tasks away: those that were begun as lost, the others as they
   * were.
   *
   * @param planned Whether the worker's time is up, which is no loss that counts against a task: those that
   * were begun are given back as they were, too, but for one that had a whole job and can never end.
   */
  async halt(why: string, planned = false): Promise<void> {
    const toldAt = this.#runtime.machine.clock.monotonic();
    this.#stopping.abort(planned ? new TimeIsUp(why) : new StoppedError(why));
    await this.#settleAll("stop");
    for (const task of [...this.#claimed.values()]) {
      const { file, now } = task;
      const failure = now && (planned ? await this.#hopeless(task, toldAt) : lostBy(why));
      if (failure) await this.#fail(file, { ...failure, ...attemptOf(now) });
      else await this.#move(() => this.#options.folder.putBack(file), file);
    }
  }

  /** What is to be said of a task that had a whole job and left nothing for the next one to go on with. */
  async #hopeless(
    { artifact, now, begunAt }: ClaimedTask,
    toldAt: number,
  ): Promise<FailureInit | undefined> {
    const { span, folder } = this.#options;
    if (!span || !artifact || !now || begunAt === undefined) return undefined;
    if (!hadWholeJob(span, begunAt, toldAt)) return undefined;
    const { store } = this.#runtime;
    if (await this.#patiently(() => savedCheckpoint(store, store.paths(artifact), now))) return undefined;
    const { spec } = folder.record;
    const error = wholeJobText(spec, toldAt - begunAt, span.endsAt - span.beganAt);
    return { kind: "compute", lasting: true, lack: "time", error };
  }

  /** Ends what runs at once, and moves nothing: others have taken the tasks away. */
  async kill(why: string): Promise<void> {
    this.#stopping.abort(new StoppedError(why));
    await this.#settleAll("kill");
  }

  /** Waits until no attempt goes on, and gives back what they were claimed with. */
  async close(): Promise<void> {
    await this.#backend.stop("drain");
  }

  async #settleAll(how: "stop" | "kill"): Promise<void> {
    await this.#backend.stop(how);
    while (this.#busy.size > 0) await Promise.all(this.#busy);
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch((error) => {
      this.#broken ??= { error };
    }).finally(() => {
      this.#busy.delete(tracked);
      this.#options.onChange();
    });
    this.#busy.add(tracked);
  }

  async #begin(task: ClaimedTask): Promise<void> {
    const { file } = task;
    const begun = await this.#read(file).catch((error) => this.#refuse(file, error));
    if (!begun || this.#stopping.signal.aborted) {
      this.#open--;
      return;
    }
    const { hash, artifact } = begun;
    task.artifact = artifact;
    task.begunAt = this.#runtime.machine.clock.monotonic();
    this.#begun.set(hash, task);
    // Its file may name the spec that it began with.
    this.#backend.start(artifact, this.#options.folder.record.spec);
  }

  /** Reads a task. Gives nothing if its file was moved on, or is gone. */
  async #read(file: string): Promise<(TaskFile & { artifact: Artifact }) | undefined> {
    const { folder, artifactOf, onTooLong } = this.#options;
    const read = await this.#patiently(() => folder.read(file));
    if (!read) {
      // The controller took it away, alone or with the whole folder.
      await this.#move(() => folder.stillThere(), file);
      return undefined;
    }
    const artifact = artifactOf(read);
    if (artifact.name !== read.name) {
      throw new ProtocolError(`Cannot compute ${artifact} as its task file names task '${read.name}'`);
    }
    const fit = await this.#fit(artifact, read.timeLimitSec);
    if (typeof fit === "object") {
      await this.#fail(file, fit);
      return undefined;
    }
    if (fit === "later") {
      onTooLong(file);
      await this.#move(() => folder.putBack(file), file);
      return undefined;
    }
    if (this.#begun.has(read.hash)) {
      // Two files are of one artifact: the controller, which watches its claim, sees to this one.
      await this.#move(() => folder.wait(file), file);
      return undefined;
    }
    return { ...read, artifact };
  }

  /** Whether there is time enough for a task; as what it fails where there never is. */
  async #fit(artifact: Artifact, timeLimitSec: number | undefined): Promise<"fits" | "later" | FailureInit> {
    const { span, folder: { record: { spec } } } = this.#options;
    const { store, machine: { clock } } = this.#runtime;
    const now = clock.monotonic();
    if (!span) return "fits";
    const limitMs = timeLimitSec === undefined ? undefined : timeLimitSec * 1000;
    const seenMs = this.#durations.typical(artifact.name);
    const isShort = seenMs !== undefined && seenMs < SHORT_MS;
    const looks = limitMs === undefined && !isShort && !isFresh(span, now);
    const cutMs = looks
      ? await this.#patiently(() => longestCut(store, store.paths(artifact), this.#options.run.runId))
      : undefined;
    const fit = judgeFit(span, now, { limitMs, seenMs, cutMs });
    if (fit !== "never") return fit;
    const leftMs = span.endsAt - (span.readyAt ?? span.beganAt);
    const error = neverFitsText(spec, limitMs ?? 0, leftMs);
    return { kind: "compute", lasting: true, lack: "time", error };
  }

  /** A task that cannot be understood is a failure of the run, not of the worker. */
  async #refuse(file: string, error: unknown): Promise<undefined> {
    if (isSystemError(error)) throw error;
    await this.#fail(file, { kind: "protocol", error: errorText(error) });
  }

  #onEvent(event: RunEvent): void {
    if ("hash" in event) {
      const task = this.#begun.get(event.hash);
      if (task && event.type === "attempt_started") {
        const { hash, name, attempt, at, log } = event;
        task.now = { hash, name, attempt, since: at, ...(log === undefined ? {} : { log }) };
      } else if (task?.now && event.type === "attempt_progress") {
        const { fraction, message } = event;
        task.now = { ...task.now, fraction, ...(message === undefined ? {} : { message }) };
      }
    }
    this.#options.onEvent(event);
  }

  #onReport(event: BackendEvent): void {
    const task = this.#begun.get(event.hash);
    if (!task) return;
    this.#begun.delete(event.hash);
    if (event.type === "failed" && event.end.blame === "node") this.#unstartable ??= event.end.error;
    // The slot is free while the file is on its way.
    this.#open--;
    this.#track(this.#settle(task, event));
    this.#options.onChange();
  }

  async #settle({ file, artifact, now, begunAt }: ClaimedTask, event: BackendEvent): Promise<void> {
    const { folder } = this.#options;
    if (event.type === "done" && event.computed && begunAt !== undefined) {
      this.#durations.note(artifact!.name, this.#runtime.machine.clock.monotonic() - begunAt);
    }
    const destination = await this.#patiently(() => destinationOf(this.#runtime, artifact!, event, now));
    switch (destination.to) {
      case "done":
        if (destination.computed) this.#computed++;
        return await this.#move(() => folder.done(file), file);
      case "failed":
        return await this.#fail(file, destination.failure);
      case "waiting":
        return await this.#move(() => folder.wait(file), file);
      case "todo":
        return await this.#move(() => folder.putBack(file), file);
    }
  }

  async #fail(file: string, failure: FailureInit): Promise<void> {
    await this.#move(() => this.#options.folder.fail(file, failure), file);
  }

  /** Moves a file on. If this worker was declared dead, the folder says so, and others see to the file. */
  async #move(step: () => Promise<boolean>, file: string): Promise<void> {
    await this.#patiently(step);
    this.#claimed.delete(file);
  }

  async #patiently<T>(step: () => Promise<T>): Promise<T> {
    const { lost } = this.#options.folder;
    return await retryWhileUnavailable(this.#runtime, () => !lost.aborted, step, lost);
  }
}

/** What is known to take less is begun without a look at how earlier attempts ended. */
const SHORT_MS = 60_000;

function lostBy(why: string): FailureInit {
  return { kind: "lost", error: `preempted: ${why}` };
}

/** A reason for what runs to end. Its class is not part of the words that people see. */
class StoppedError extends Error {}
