import type { AttemptEnd } from "../core/attempt_end.ts";
import { computeEnvironment } from "../core/environment.ts";
import { ProtocolError } from "../core/errors.ts";
import { type AttemptTime, USUAL_GRACE_MS } from "../core/system/stop_time.ts";
import type { Clock } from "../core/system/clock.ts";
import type { Files } from "../core/system/files.ts";
import { reasonOf } from "../run/attempt_end.ts";
import { ComputingProcess, type Exit } from "./computing_process.ts";
import { type Evidence, judge, type StopCause } from "./judge.ts";
import type { WorkerListener } from "./listener.ts";
import { PastLogs, WorkerOutput } from "./output.ts";
import { LineChannel, PROTOCOL_VERSION } from "./protocol/line_channel.ts";
import { type ArtifactSource, KnownArtifacts, type Payload } from "./protocol/payload.ts";
import { type ChildMessage, childMessageSchema, type TaskMessage } from "./protocol/protocol.ts";
import { endsInTime, sleepLong, withTimeout } from "./timeout.ts";

/** Options of `WorkerProcess.start`. */
export interface WorkerProcessOptions {
  /** The command, from `workerCommand()`; the environment tells it the socket and a token. */
  command: readonly string[];
  /** The listener that the process reports to. */
  listener: WorkerListener;
  /** Passed on to the process as JSON, once. */
  config?: unknown;
  /**
   * Working directory.
   *
   * @default {this process's own}
   */
  cwd?: string;
  /** Environment variables added to this process's own. */
  env?: Record<string, string>;
  /** Values that the process gives to variables before it begins; `null` removes one. */
  restore?: Readonly<Record<string, string | null>>;
  /** Writes logs. */
  files: Files;
  /**
   * Gives others of the store the right to a log that was made in it.
   *
   * @default {nobody}
   */
  share?: (path: string) => Promise<void>;
  /** Time. */
  clock: Clock;
  /**
   * Milliseconds between asking a process to stop and killing it.
   *
   * @default {5000}
   */
  graceMs?: number;
  /**
   * Until when an attempt may go on in this process's own time: it has all of it, in place of the grace, once
   * this process itself was told to stop.
   *
   * @default {it has the grace}
   */
  time?: AttemptTime | undefined;
  /**
   * Milliseconds that it may take to report.
   *
   * @default {120000}
   */
  startTimeoutMs?: number;
  /**
   * After so many attempts it takes no more.
   *
   * @default {no limit}
   */
  maxTasks?: number | undefined;
  /** Whether a process with that many megabytes, after that many attempts, must take no more. */
  isTooBig?: (megabytes: number, attempts: number) => boolean;
  /** Ends the wait for it to report. */
  signal?: AbortSignal;
  /** Aborts when this process itself was told to stop: what a signal ended then was preempted. */
  stopping?: AbortSignal;
  /**
   * Told what belongs to no attempt: a log that cannot be written.
   *
   * @default {nobody}
   */
  onWarning?: (text: string) => void;
}

/** An attempt to make. */
export interface WorkerTask
  extends Omit<TaskMessage, "type" | "id" | "artifacts" | "parts" | "forget" | "mark"> {
  /** Tells about the artifact and any below it; each is asked for once per process. */
  artifacts: (hash: string) => ArtifactSource;
}

/** Options of `WorkerProcess.run`. */
export interface RunTaskOptions {
  /**
   * The log of the attempt, made when there is output.
   *
   * @default {output is dropped}
   */
  logPath?: string | undefined;
  /**
   * Seconds that it may take.
   *
   * @default {no limit}
   */
  timeLimitSec?: number | undefined;
  /** Ends the attempt as preempted; its reason is that of the end. */
  signal?: AbortSignal | undefined;
  /** Told how far the task says it is. */
  onProgress?: ((fraction: number, message?: string) => void) | undefined;
}

interface Running {
  id: number;
  onProgress: RunTaskOptions["onProgress"];
  interruption: StopCause | undefined;
  /** See {@link Evidence}. */
  end: PromiseWithResolvers<Evidence["end"]>;
  signalled: boolean;
  marked: boolean;
}

const DEFAULT_START_TIMEOUT_MS = 120_000;
const MARK_TIMEOUT_MS = 1000;
const MEGABYTE = 2 ** 20;

/** A computing process as its supervisor sees it: takes one task after another. */
export class WorkerProcess implements AsyncDisposable {
  readonly #options: WorkerProcessOptions;
  readonly #process: ComputingProcess;
  readonly #output: WorkerOutput;
  readonly #channel: LineChannel;
  readonly #known = new KnownArtifacts();
  readonly #logs: PastLogs;
  #running: Running | undefined;
  readonly #graceMs: number;
  #tasks = 0;
  #retired = false;

  private constructor(
    options: WorkerProcessOptions,
    process: ComputingProcess,
    output: WorkerOutput,
    channel: LineChannel,
  ) {
    this.#options = options;
    this.#graceMs = options.graceMs ?? USUAL_GRACE_MS;
    this.#process = process;
    this.#output = output;
    this.#logs = new PastLogs(output, (text) => options.onWarning?.(text));
    this.#channel = channel;
    this.#channel.onLine = (line) => this.#receive(line);
    void process.exited.then(async (exit) => {
      // What it had said before it ended counts, so the end of its messages is waited for; nobody else holds
      // them.
      await withTimeout(this.#channel.ended, MARK_TIMEOUT_MS, options.clock);
      channel.close();
      this.#running?.end.resolve(exit);
    });
  }

  /**
   * Starts a process and waits until it can take a task.
   *
   * @throws {ProtocolError} If it ends or takes too long before that: with what it printed.
   */
  static async start(options: WorkerProcessOptions): Promise<WorkerProcess> {
    const { listener, clock, command } = options;
    const token = crypto.randomUUID();
    const output = new WorkerOutput({
      files: options.files,
      now: () => clock.monotonic(),
      onWarning: options.onWarning ?? (() => {}),
      ...(options.share === undefined ? {} : { share: options.share }),
    });
    const connection = listener.expect(token);
    const process = ComputingProcess.spawn({
      ...options,
      env: {
        ...options.env,
        ...computeEnvironment({
          socket: listener.path,
          token,
          ...options.restore && { restore: options.restore },
        }),
      },
      folder: listener.folder,
      output,
    });
    const limit = options.startTimeoutMs ?? DEFAULT_START_TIMEOUT_MS;
    try {
      const result = await withTimeout(
        Promise.race([connection, process.exited]),
        limit,
        clock,
        options.signal,
      );
      options.signal?.throwIfAborted();
      if (result instanceof LineChannel) {
        void result.send({ type: "configure", v: PROTOCOL_VERSION, config: options.config });
        return new WorkerProcess(options, process, output, result);
      }
      const why = result === undefined
        ? `did not report within ${limit / 1000} s`
        : `ended: ${result.evidence}`;
      throw new ProtocolError(
        [`Cannot start worker as ${command.join(" ")} ${why}`, ...output.tail()].join("\n  "),
      );
    } catch (error) {
      process.signal("SIGKILL");
      await process.exited;
      throw error;
    } finally {
      listener.forget(token);
    }
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Whether it can take another task. */
  get alive(): boolean {
    return !this.#retired && !this.#process.hasEnded;
  }

  /** Resolves when it has ended and nothing that it started is left. */
  get exited(): Promise<Exit> {
    return this.#process.exited;
  }

  /**
   * Makes an attempt. Afterwards {@link alive} says whether the process can take another one.
   *
   * @throws {Error} If it is making one already.
   */
  async run(task: WorkerTask, options: RunTaskOptions = {}): Promise<AttemptEnd> {
    if (this.#running) throw new Error("Cannot run a task as the worker process is busy");
    if (options.signal?.aborted) return { outcome: "preempted", reason: reasonOf(options.signal) };
    if (!this.alive) {
      const error = "The computing process had ended before it was given the task";
      return { outcome: "failed", blame: "lost", error, logTail: [] };
    }
    const running: Running = {
      id: ++this.#tasks,
      onProgress: options.onProgress,
      interruption: undefined,
      end: Promise.withResolvers(),
      signalled: false,
      marked: false,
    };
    this.#running = running;
    const { artifacts: source, ...rest } = task;
    const mark = crypto.randomUUID();
    this.#output.begin(mark, options.logPath);
    this.#logs.remember(running.id, options.logPath);
    const over = new AbortController();
    const begun = this.#options.clock.monotonic();
    try {
      this.#limit(running, options, over.signal);
      const payload = await this.#sendAll(running, this.#known.missing(task.root, source));
      const leftMs = this.#leftMs(options, begun);
      const time = Number.isFinite(leftMs) ? { leftMs } : {};
      void this.#channel.send(
        payload ? { ...rest, type: "task", id: running.id, mark, ...time, ...payload } : { type: "stop" },
      );
      const end = await running.end.promise;
      if (running.marked) await withTimeout(this.#output.over, MARK_TIMEOUT_MS, this.#options.clock);
      const { interruption, signalled } = running;
      if (interruption || end instanceof ProtocolError) await this.stop("KILL");
      return await judge({ ...this.#options, end, interruption, signalled, logTail: this.#output.tail() });
    } finally {
      over.abort();
      this.#running = undefined;
    }
  }

  /**
   * Ends the process and all that it started; an attempt that it is making is preempted.
   *
   * @param how `"TERM"` asks first and kills after the grace; `"KILL"` kills at once.
   */
  async stop(how: "TERM" | "KILL"): Promise<void> {
    this.#retired = true;
    if (how === "KILL") this.#process.signal("SIGKILL");
    if (this.#running) this.#interrupt(this.#running, { kind: "stopped", reason: "the worker was stopped" });
    else if (how === "TERM") {
      void this.#channel.send({ type: "stop" });
      await withTimeout(this.exited, this.#graceMs, this.#options.clock);
      this.#process.signal("SIGKILL");
    }
    await this.exited;
    await this.#logs.written;
  }

  /** Ends the process as {@link stop} does with `"TERM"`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("TERM");
  }

  /**
   * Sends what comes before a task's own message, each piece when the one before is on its way: all of them
   * together may be more than memory holds several times.
   *
   * @returns The last piece, for the task's message; `undefined` when the attempt was interrupted meanwhile.
   */
  async #sendAll(running: Running, pieces: Iterable<Payload>): Promise<Payload | undefined> {
    let last: Payload | undefined;
    try {
      for (const piece of pieces) {
        // Where nobody reads any more its process has ended, which tells more.
        if (last && !await this.#channel.send({ type: "artifacts", ...last })) return last;
        if (last && running.interruption) return undefined;
        last = piece;
      }
    } catch (error) {
      // It may lack what is taken for sent.
      this.#retired = true;
      throw error;
    }
    return last;
  }

  /** How long an attempt that began then has until it is told to stop. */
  #leftMs({ timeLimitSec = Infinity }: RunTaskOptions, begun: number): number {
    const { clock, time } = this.#options;
    return Math.max(0, Math.min(begun + timeLimitSec * 1000, time?.warnedAt ?? Infinity) - clock.monotonic());
  }

  /** Sees to it that an attempt ends in time. */
  #limit(running: Running, { timeLimitSec, signal }: RunTaskOptions, over: AbortSignal): void {
    const stop = () => this.#interrupt(running, { kind: "stopped", reason: reasonOf(signal!) });
    signal?.addEventListener("abort", stop, { signal: over });
    if (timeLimitSec === undefined) return;
    sleepLong(timeLimitSec * 1000, this.#options.clock, over).then(
      () => this.#interrupt(running, { kind: "limit", seconds: timeLimitSec }),
      () => {}, // it ended in time
    );
  }

  /**
   * Asks an attempt and what it started to end, and kills them when its time is up. The first reason counts.
   */
  #interrupt(running: Running, why: StopCause): void {
    if (running.interruption) return;
    running.interruption = why;
    const limit = why.kind === "limit";
    this.#retired = true;
    const reason = why.kind === "limit" ? `the time limit of ${why.seconds} s is over` : why.reason;
    const { clock, time } = this.#options;
    const graceEnd = clock.monotonic() + this.#graceMs;
    // One that took too long has had its time: only the end of the job can make its grace shorter.
    const endsAt = () => Math.min(limit ? graceEnd : Infinity, time?.stoppedAt ?? graceEnd);
    const say = { type: "abort", id: running.id, reason, limit } as const;
    const tell = (leftMs: number) => void this.#channel.send({ ...say, leftMs });
    const ended = endsInTime(this.exited, { clock, endsAt, tell });
    this.#process.signal("SIGTERM");
    void ended.then((inTime) => inTime || this.#process.signal("SIGKILL"));
  }

  /** Whether another process is to take its place, for its many attempts or its much memory. */
  #isWornOut(rss = 0): boolean {
    const { maxTasks = Infinity, isTooBig } = this.#options;
    return this.#tasks >= maxTasks || (isTooBig?.(Math.round(rss / MEGABYTE), this.#tasks) ?? false);
  }

  #receive(line: string): void {
    let message: ChildMessage;
    try {
      message = childMessageSchema.parse(JSON.parse(line));
    } catch (cause) {
      const text = line.length > 200 ? `${line.slice(0, 200)}...` : line;
      this.#retired = true;
      this.#process.signal("SIGKILL");
      this.#running?.end.resolve(
        new ProtocolError(`Cannot understand a message of the computing process: ${text}`, { cause }),
      );
      return;
    }
    const running = this.#running?.id === message.id ? this.#running : undefined;
    switch (message.type) {
      case "progress":
        running?.onProgress?.(message.fraction, message.message);
        return;
      case "warning":
        this.#options.onWarning?.(message.text);
        return;
      case "floating":
        this.#retired = true; // whatever floats about in it must not meet another task
        this.#logs.append(message.id, message.text);
        return;
      case "ended":
        if (message.replaceMe || this.#isWornOut(message.rss)) this.#retired = true;
        if (running === undefined) return;
        running.marked = message.marked;
        running.signalled = message.signalled;
        running.end.resolve(message.end);
    }
  }
}
