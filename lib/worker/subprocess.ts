import type { AttemptEnd } from "../core/attempt_end.ts";
import { computeEnvironment } from "../core/environment.ts";
import { ProtocolError, reasonOf } from "../core/errors.ts";
import { sleepLong } from "../core/system/clock.ts";
import { USUAL_GRACE_MS } from "../core/system/stop_time.ts";
import { ComputingProcess, type Exit } from "./computing_process.ts";
import type { RunEnd, Running } from "./in_flight.ts";
import { type Evidence, judge, type StopCause } from "./judge.ts";
import { PastLogs, WorkerOutput } from "./output.ts";
import { LineChannel, PROTOCOL_VERSION } from "./protocol/line_channel.ts";
import { KnownArtifacts, type Payload } from "./protocol/payload.ts";
import { parseChildMessage } from "./protocol/child_message.ts";
import type { ChildMessage } from "./protocol/protocol.ts";
import { SharedSignals } from "./shared_signals.ts";
import type { RunTaskOptions, WorkerProcessOptions, WorkerTask } from "./subprocess_options.ts";
import { endsInTime, withTimeout } from "./timeout.ts";

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
  /** The attempts that it was given, in the order in which it makes them. */
  readonly #running = new Map<number, Running>();
  readonly #signals = new SharedSignals<Running>((running, signal) =>
    this.#interrupt(running, { kind: "stopped", reason: reasonOf(signal) })
  );
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
      // Of those that are tiny some had run and lack being stored only, others were not begun: nobody is to
      // blame for them.
      const first = this.#current;
      for (const running of this.#running.values()) {
        running.end.resolve(running === first || !running.tiny ? exit : "declined");
      }
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
      echo: options.echo,
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
    const configuring = options.config?.();
    configuring?.catch(() => {}); // it is awaited when the process is there
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
        void result.send({ type: "configure", v: PROTOCOL_VERSION, config: await configuring });
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

  /** How many attempts it was given that have not ended. */
  get inFlight(): number {
    return this.#running.size;
  }

  /** For how many milliseconds it has been making the attempt that it makes now; 0 where it makes none. */
  get busyForMs(): number {
    const { begunAt } = this.#current ?? {};
    return begunAt === undefined ? 0 : this.#options.clock.monotonic() - begunAt;
  }

  /**
   * Makes an attempt, after those that it was given before. Afterwards {@link alive} says whether the process
   * can take another one.
   *
   * @returns Its end; `"declined"` when none was begun, or its process ended for another one's sake before it
   * was stored: then the file system tells what there is of it. Or what it comes to later, where
   * {@link withdraw} has ended the wait for it.
   */
  async run(task: WorkerTask, options: RunTaskOptions = {}): Promise<RunEnd> {
    if (options.signal?.aborted) return { outcome: "preempted", reason: reasonOf(options.signal) };
    if (!this.alive) {
      const error = "The computing process had ended before it was given the task";
      return { outcome: "failed", blame: "lost", error, logTail: [] };
    }
    const { clock } = this.#options;
    const { artifacts: source, ...rest } = task;
    const mark = crypto.randomUUID();
    const running: Running = {
      id: ++this.#tasks,
      tiny: task.ino !== undefined,
      onProgress: options.onProgress,
      onBegin: options.onBegin,
      section: this.#output.begin(mark, options.logPath),
      interruption: undefined,
      end: Promise.withResolvers(),
      withdrawn: Promise.withResolvers(),
      signalled: false,
      marked: false,
      begunAt: undefined,
    };
    this.#running.set(running.id, running);
    this.#logs.remember(running.id, options.logPath);
    const over = options.timeLimitSec === undefined ? undefined : new AbortController();
    const begun = clock.monotonic();
    try {
      this.#advance();
      this.#limit(running, options, over?.signal);
      const pieces = source ? this.#known.missing(task.root, source) : [{ artifacts: {} }];
      const payload = await this.#sendAll(running, pieces);
      const leftMs = this.#leftMs(options, begun);
      const time = Number.isFinite(leftMs) ? { leftMs } : {};
      void this.#channel.send(
        payload ? { ...rest, type: "task", id: running.id, mark, ...time, ...payload } : { type: "stop" },
      );
    } catch (error) {
      this.#forget(running, options, over);
      throw error;
    }
    const end = this.#endOf(running).finally(() => this.#forget(running, options, over));
    const first = await Promise.race([end, running.withdrawn.promise]);
    return first === "withdrawn" ? { later: end } : first;
  }

  async #endOf(running: Running): Promise<AttemptEnd | "declined"> {
    const end = await running.end.promise;
    // Nobody waits for the log of a tiny one, which is written soon.
    if (end === "declined" || running.tiny && isStored(end)) return end;
    await this.#printed(running);
    return isStored(end) ? end : await this.#judge(running, end);
  }

  /** Resolves when all that the attempt printed is in its log. */
  async #printed({ marked, section }: Running): Promise<void> {
    if (marked && !section.seen) {
      await withTimeout(section.over.promise, MARK_TIMEOUT_MS, this.#options.clock);
    } else if (marked) await section.over.promise;
  }

  #forget(running: Running, { signal }: RunTaskOptions, over: AbortController | undefined): void {
    over?.abort();
    this.#running.delete(running.id);
    if (signal) this.#signals.forget(signal, running);
    this.#advance();
  }

  /**
   * Takes back what it was given and has not begun. It may begin one all the same, if it is too busy to hear
   * of it: the claims see to it that this does no harm.
   */
  withdraw(): void {
    const first = this.#current;
    for (const running of this.#running.values()) {
      if (running === first || running.section.seen) continue;
      void this.#channel.send({ type: "drop", id: running.id });
      running.withdrawn.resolve("withdrawn");
    }
  }

  /** The attempt that it makes now: the first of which not all code has run. */
  get #current(): Running | undefined {
    for (const running of this.#running.values()) if (!running.section.seen) return running;
    return undefined;
  }

  /** Notes when the attempt begins that is the first now. */
  #advance(): void {
    const first = this.#current;
    if (!first || first.begunAt !== undefined) return;
    first.begunAt = this.#options.clock.monotonic();
    first.onBegin?.();
  }

  async #judge(running: Running, end: Evidence["end"]): Promise<AttemptEnd> {
    const { section, interruption, signalled, begunAt } = running;
    const durationMs = begunAt === undefined ? undefined : this.#options.clock.monotonic() - begunAt;
    if (interruption || end instanceof ProtocolError) await this.stop("KILL");
    if (this.#process.hasEnded) await this.#options.tidy?.();
    const seen = { logTail: section.tail.lines(), oomKills: this.#process.newOomKills() };
    return await judge({ ...this.#options, end, interruption, signalled, durationMs, ...seen });
  }

  /**
   * Ends the process and all that it started; an attempt that it is making is preempted.
   *
   * @param how `"TERM"` asks first and kills after the grace; `"KILL"` kills at once.
   */
  async stop(how: "TERM" | "KILL"): Promise<void> {
    this.#retired = true;
    if (how === "KILL") this.#process.signal("SIGKILL");
    const first = this.#current;
    if (first) this.#interrupt(first, { kind: "stopped", reason: "the worker was stopped" });
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
  #limit(running: Running, { timeLimitSec, signal }: RunTaskOptions, over: AbortSignal | undefined): void {
    if (signal) this.#signals.follow(signal, running);
    if (timeLimitSec === undefined || over === undefined) return;
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
    if (running !== this.#current) {
      // It was not begun, or is being stored, which is finished.
      void this.#channel.send({ type: "drop", id: running.id });
      return;
    }
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
      message = parseChildMessage(line);
    } catch (cause) {
      const text = line.length > 200 ? `${line.slice(0, 200)}...` : line;
      this.#retired = true;
      this.#process.signal("SIGKILL");
      this.#current?.end.resolve(
        new ProtocolError(`Cannot understand a message of the computing process: ${text}`, { cause }),
      );
      return;
    }
    const running = this.#running.get(message.id);
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
      case "declined":
        if (message.replaceMe) this.#retired = true;
        if (running === undefined) return;
        if (!message.marked) this.#output.drop(running.section);
        running.end.resolve("declined");
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

function isStored(end: Evidence["end"]): end is AttemptEnd {
  return "outcome" in end && (end.outcome === "success" || end.outcome === "superseded");
}
