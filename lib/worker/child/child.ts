import type { AttemptEnd } from "../../core/attempt_end.ts";
import { stoppedBySignal } from "../../run/output/program_error.ts";
import { writeAll } from "../../core/system/write_all.ts";
import { catchUnhandled } from "./unhandled.ts";
import { USUAL_GRACE_MS } from "../../core/system/stop_time.ts";
import { signalGroup } from "../../run/traces/left_programs.ts";
import { LineChannel, PROTOCOL_VERSION } from "../protocol/line_channel.ts";
import { markBytes } from "../protocol/mark.ts";
import { parseSupervisorMessage } from "../protocol/supervisor_message.ts";
import { ProgressSender } from "./progress_sender.ts";
import { Rss } from "./rss.ts";
import { Storing } from "./storing.ts";
import { WorkerTraces } from "./traces.ts";
import type {
  ArtifactPayload,
  ArtifactsMessage,
  SupervisorMessage,
  TaskMessage,
} from "../protocol/protocol.ts";

/** An attempt as {@link Compute} is given it. */
export interface ComputeTask extends Omit<TaskMessage, "artifacts" | "parts" | "type" | "mark" | "forget"> {
  /**
   * What was sent of artifacts, of the root and all below it too, except what was taken out for an earlier
   * task: their texts may be large.
   */
  artifacts: Map<string, ArtifactPayload>;
  /** Whether this process is to forget the artifacts that it made for earlier tasks. */
  forget: boolean;
  /** The supervisor's configuration. */
  config: unknown;
}

/** Connects {@link Compute} to the supervisor. */
export interface ComputeIo {
  /**
   * Tells how far the task is.
   *
   * @param fraction From 0 to 1.
   * @param message A few words.
   */
  progress(fraction: number, message?: string): void;
  /** Tells the user of something that does not make it fail. */
  warn(text: string): void;
  /** Notes what the attempt threw: a program that a stop signal ended may be behind it. */
  thrown(error: unknown): void;
  /**
   * Notes that all code of the task has run: the next one may begin. Resolves when the result is to be
   * brought to the disk, together with those of others.
   */
  checked(): Promise<void>;
  /** Milliseconds until the attempt is told to end, or is ended; `Infinity` where nothing does. */
  timeLeftMs(): number;
  /** Keeps what the task does to this process from the next. */
  traces: WorkerTraces;
  /** Runs what stays after the task, as a module that is imported. */
  outside<T>(code: () => T): T;
}

/**
 * Makes an attempt: computes and commits. `"declined"` when none was begun. What it throws is a protocol
 * failure: a bug of furu.
 */
export type Compute = (
  task: ComputeTask,
  signal: AbortSignal,
  io: ComputeIo,
) => Promise<AttemptEnd | "declined">;

/** Options of {@link runChild}. */
export interface ChildOptions {
  /** Path of the supervisor's socket. */
  socket: string;
  /** Which process this is, as the supervisor named it. */
  token: string;
  /** Makes an attempt. */
  compute: Compute;
}

interface RunningTask {
  id: number;
  abort: AbortController;
  /** Resolves when an error of this task that nobody handles decides its end. */
  failed: PromiseWithResolvers<AttemptEnd>;
  /** Resolves when all of its code has run. */
  checked: PromiseWithResolvers<void>;
  /** Whether a stop signal reached this process meanwhile, or ended a program that the task ran. */
  signalled: boolean;
  ended: boolean;
  /** When it will be told to end, or is ended when it was, by this process's monotonic clock. */
  endsAt: number;
}

/**
 * The main loop of a computing process: takes one task after another from its supervisor until it is told to
 * stop or the supervisor is gone.
 *
 * @param options Where the supervisor is and what computes.
 */
export async function runChild(options: ChildOptions): Promise<never> {
  const child = new Child(options.compute);
  // A stop signal reaches everybody of a job at once; what it means is decided by the supervisor alone.
  for (const signal of ["SIGTERM", "SIGINT", "SIGUSR1"] as const) {
    Deno.addSignalListener(signal, () => child.signalled());
  }
  const conn = await Deno.connect({ transport: "unix", path: options.socket });
  child.prepare();
  const channel = new LineChannel(conn, (line) => child.receive(line));
  child.channel = channel;
  await channel.send({ type: "hello", v: PROTOCOL_VERSION, token: options.token, pid: Deno.pid });
  await channel.ended;
  // The supervisor is gone: so is all that this process started, which leaving by oneself would spare.
  signalGroup(Deno.pid, "SIGKILL");
  Deno.exit(70); // where it leads no group
}

class Child {
  channel: LineChannel | undefined;
  readonly #compute: Compute;
  readonly #artifacts = new Map<string, ArtifactPayload>();
  readonly #parts = new Map<string, string[]>();
  #forget = false;
  /** What was sent and not taken up, in order: tasks, and what they need to know. */
  readonly #queue: (TaskMessage | ArtifactsMessage)[] = [];
  #busy = false;
  readonly #rss = new Rss();
  /** The longest that tasks of each name took lately, in milliseconds. */
  readonly #durations = new Map<string, number>();
  readonly #storing = new Storing();
  readonly #owner = catchUnhandled<RunningTask>((error, task) => this.#unhandled(error, task));
  #traces!: WorkerTraces;
  #config: unknown;
  #task: RunningTask | undefined;
  #last: RunningTask | undefined;
  #replaceMe = false;

  constructor(compute: Compute) {
    this.#compute = compute;
  }

  /** Once this process has set up all of its own. */
  prepare(): void {
    this.#traces = new WorkerTraces((text) => writeAll(Deno.stderr, text));
  }

  signalled(): void {
    if (this.#task) this.#task.signalled = true;
  }

  receive(line: string): void {
    let message: SupervisorMessage;
    try {
      message = parseSupervisorMessage(line);
    } catch (error) {
      console.error(`furu: Cannot read a message of the supervisor: ${error}`);
      Deno.exit(70); // without an outcome: the supervisor sees a process that died, and this text
    }
    switch (message.type) {
      case "configure":
        this.#config = message.config;
        return;
      case "task":
      case "artifacts":
        this.#queue.push(message);
        if (!this.#busy) void this.#work();
        return;
      case "drop":
        this.#drop(message.id);
        return;
      case "abort":
        if (this.#task?.id !== message.id) return;
        this.#task.endsAt = performance.now() + message.leftMs;
        this.#task.abort.abort(abortReason(message));
        return;
      case "stop":
        Deno.exit(0);
    }
  }

  #learn({ artifacts, parts = [], forget }: Pick<ArtifactsMessage, "artifacts" | "parts" | "forget">): void {
    if (forget) {
      this.#forget = true;
      this.#artifacts.clear();
      this.#parts.clear();
    }
    for (const { hash, params } of parts) this.#parts.set(hash, [...this.#parts.get(hash) ?? [], params]);
    for (const hash in artifacts) {
      const payload = artifacts[hash]!;
      const before = this.#parts.get(hash);
      if (before) payload.params = [...before, payload.params].join("");
      this.#parts.delete(hash);
      this.#artifacts.set(hash, payload);
    }
  }

  /** Makes one attempt after the other; what is left of one to be brought to the disk goes on meanwhile. */
  async #work(): Promise<void> {
    this.#busy = true;
    for (let message; (message = this.#queue.shift()) !== undefined;) {
      if (message.type === "artifacts") {
        this.#learn(message);
        continue;
      }
      if (this.#isSpoilt) {
        this.#decline(message.id, false);
        continue;
      }
      // What is being stored waits for a task that blocks this process: that must be a tiny one.
      if (!this.#isTiny(message)) await this.#storing.empty();
      const begun = performance.now();
      await this.#run(message);
      const ms = performance.now() - begun;
      this.#durations.set(message.name, Math.max(ms, 0.9 * (this.#durations.get(message.name) ?? 0)));
      if (this.#queue.length > 0) await this.#storing.fill();
      // The next may be somebody else's by now: what there is to read about it is read first.
      if (ms > TINY_MS) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    this.#busy = false;
    this.#storing.leave();
  }

  /** Whether tasks of this kind took little time so far. */
  #isTiny({ name }: TaskMessage): boolean {
    return (this.#durations.get(name) ?? Infinity) < TINY_MS;
  }

  /** Whether another task would see what an earlier one left here. */
  get #isSpoilt(): boolean {
    return this.#replaceMe || this.#traces.spoilt;
  }

  #drop(id: number): void {
    const at = this.#queue.findIndex((each) => each.type === "task" && each.id === id);
    if (at < 0) return;
    // What it brought counts as known from now on.
    const { artifacts, parts, forget } = this.#queue[at]!;
    this.#queue[at] = { type: "artifacts", artifacts, parts, forget };
    this.#decline(id, false);
  }

  #decline(id: number, marked: boolean): void {
    void this.channel?.send({ type: "declined", id, marked, replaceMe: this.#isSpoilt });
  }

  /** Resolves when all code of the task has run. */
  async #run(message: TaskMessage): Promise<void> {
    const { artifacts, parts, mark, type: _type, forget, ...rest } = message;
    this.#learn({ artifacts, parts, forget });
    const known = { artifacts: this.#artifacts, forget: this.#forget };
    this.#forget = false;
    const task: RunningTask = {
      id: message.id,
      abort: new AbortController(),
      failed: Promise.withResolvers(),
      checked: Promise.withResolvers(),
      signalled: false,
      ended: false,
      endsAt: performance.now() + (message.leftMs ?? Infinity),
    };
    this.#task = this.#last = task;
    const progress = new ProgressSender((fraction, text) => {
      void this.channel?.send({
        type: "progress",
        id: task.id,
        fraction,
        ...(text === undefined ? {} : { message: text }),
      });
    });
    const computing = this.#owner.within(task, () =>
      this.#attempt(
        { ...rest, ...known, config: this.#config },
        task.abort.signal,
        {
          progress: (fraction, text) => progress.report(fraction, text),
          warn: (text) => void this.channel?.send({ type: "warning", id: task.id, text }),
          thrown: (error) => noteThrown(task, error),
          checked: () => {
            task.checked.resolve();
            return this.#storing.join();
          },
          timeLeftMs: () => Math.max(0, task.endsAt - performance.now()),
          traces: this.#traces,
          outside: this.#owner.outside,
        },
      ));
    const end = Promise.race([computing, task.failed.promise]);
    await Promise.race([end, task.checked.promise]);
    task.ended = true;
    this.#task = undefined;
    progress.stop();
    this.#traces.end(this.#owner.leftBy(task));
    const marked = printMark(mark);
    this.#storing.add(this.#tell(task, end, marked));
  }

  async #tell(task: RunningTask, ending: Promise<AttemptEnd | "declined">, marked: boolean): Promise<void> {
    const end = await ending;
    const replaceMe = this.#isSpoilt || !marked;
    if (end === "declined") return this.#decline(task.id, marked);
    await this.channel?.send({
      type: "ended",
      id: task.id,
      end,
      signalled: task.signalled,
      marked,
      replaceMe,
      rss: this.#rss.bytes,
    });
  }

  async #attempt(
    task: ComputeTask,
    signal: AbortSignal,
    io: ComputeIo,
  ): Promise<AttemptEnd | "declined"> {
    try {
      return await this.#compute(task, signal, io);
    } catch (error) {
      const { failedEnd } = await import("../../run/attempt_end.ts");
      io.thrown(error);
      const { isNodesFault } = error as { isNodesFault?: unknown }; // only furu's own code ends here
      return failedEnd(error, isNodesFault === true ? "node" : "protocol");
    }
  }

  /**
   * An error that nobody handles decides the end of the task that runs; for an earlier task it goes to the
   * log.
   */
  async #unhandled(error: unknown, blamed: RunningTask | undefined): Promise<void> {
    // Whatever raised it may go on by itself: nothing else should be computed beside it.
    this.#replaceMe = true;
    const { failedEnd } = await import("../../run/attempt_end.ts");
    const task = blamed ?? this.#task ?? this.#last;
    if (task === undefined) {
      console.error("furu: an error outside of any task:", error);
      return;
    }
    if (!task.ended) {
      noteThrown(task, error);
      task.endsAt = performance.now() + USUAL_GRACE_MS;
      task.failed.resolve(failedEnd(error));
      task.abort.abort(error);
      return;
    }
    const end = failedEnd(error);
    const text = `furu: an error that nobody handled, after this attempt had ended:\n${
      end.stack ?? end.error
    }\n`;
    await this.channel?.send({ type: "floating", id: task.id, text });
  }
}

/** A task that takes longer is no tiny one, in milliseconds. */
const TINY_MS = 20;
function noteThrown(task: RunningTask, error: unknown): void {
  if (stoppedBySignal(error)) task.signalled = true;
}

function abortReason({ reason, limit }: { reason: string; limit: boolean }): DOMException {
  return new DOMException(reason, limit ? "TimeoutError" : "AbortError");
}

/**
 * Ends a task's output.
 *
 * @returns `false` when the task has closed the output or broken it.
 */
function printMark(mark: string): boolean {
  const bytes = markBytes(mark);
  const deadline = performance.now() + 1000;
  for (let at = 0; at < bytes.length;) {
    try {
      at += Deno.stdout.writeSync(bytes.subarray(at));
    } catch (error) {
      // A program that shares the pipe may have made it non-blocking, and it may be full.
      if (!(error instanceof Deno.errors.WouldBlock) || performance.now() > deadline) return false;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
  return true;
}
