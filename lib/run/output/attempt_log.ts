import { dirname } from "@std/path/posix/dirname";
import { concat } from "@std/bytes/concat";
import { errorCode } from "../../core/errors.ts";
import type { Files } from "../../core/system/files.ts";
import type { Machine } from "../../core/system/machine.ts";
import { createLogger, type Logger, type LogLevel } from "../../ui/logger.ts";
import { SHARED_FOLDER } from "../../store/store.ts";
import { BarFilter } from "./bar_filter.ts";

/** Takes what an attempt prints. */
export interface OutputSink {
  /** Adds text (lines complete) or what a program printed. */
  write(output: string | Uint8Array): void;
}

/** So much waits at most to be written, in bytes. */
const MAX_WAITING = 64 * 1024;
/** The most milliseconds that it waits while the task keeps this process busy. */
const MAX_WAIT_MS = 200;
/** How often a folder is made again that others keep removing as it is empty. */
const MAX_TURNS = 100;
/** A log keeps a state of a progress bar at most this often, and the last one. In milliseconds. */
export const BAR_STATE_MS = 5000;

const encoder = new TextEncoder();

/**
 * The log file of an attempt that is computed in this process; made when there is any output. A task that
 * never waits lets nothing else run, so what it logs is written in between.
 */
export class LogFile implements OutputSink {
  readonly #machine: Machine;
  readonly #path: string;
  readonly #mode: number | undefined;
  readonly #bars: BarFilter;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writtenAt = -Infinity;
  #isScheduled = false;
  #isMade = false;
  #failure: unknown;

  /**
   * @param path Where it is; its folder is made when it is written.
   * @param mode Its permission bits, where given.
   */
  constructor(machine: Machine, path: string, mode?: number) {
    this.#machine = machine;
    this.#path = path;
    this.#mode = mode;
    this.#bars = new BarFilter({ everyMs: BAR_STATE_MS, now: () => machine.clock.monotonic() });
  }

  write(output: string | Uint8Array): void {
    if (this.#failure !== undefined) return;
    const bytes = typeof output === "string" ? encoder.encode(output) : output;
    this.#add(this.#bars.push(bytes));
    if (this.#waitingBytes === 0) return;
    const isDue = this.#waitingBytes >= MAX_WAITING ||
      this.#machine.clock.monotonic() - this.#writtenAt >= MAX_WAIT_MS;
    if (isDue) return this.#writeNow();
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#writeNow());
  }

  /**
   * Resolves when all is written. A log that cannot be written is no reason to fail: it returns why instead.
   */
  flush(): Promise<unknown> {
    this.#add(this.#bars.flush());
    this.#writeNow();
    return Promise.resolve(this.#failure);
  }

  #add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
  }

  #append(bytes: Uint8Array): void {
    const { files } = this.#machine;
    for (let turn = 1;; turn++) {
      try {
        return files.appendNow(this.#path, bytes);
      } catch (error) {
        if (errorCode(error) !== "ENOENT" || turn > MAX_TURNS) throw error;
        // There is no folder yet. While it is empty, whoever ends an attempt may remove it again.
        const folder = dirname(this.#path);
        files.mkdirNow(folder);
        if (this.#mode !== undefined) shareNow(files, folder, SHARED_FOLDER);
      }
    }
  }

  #writeNow(): void {
    this.#isScheduled = false;
    if (this.#waitingBytes === 0) return;
    const whole = concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    try {
      this.#append(whole);
      if (!this.#isMade && this.#mode !== undefined) shareNow(this.#machine.files, this.#path, this.#mode);
      this.#isMade = true;
    } catch (error) {
      this.#failure ??= error;
    }
    this.#writtenAt = this.#machine.clock.monotonic();
  }
}

/**
 * Sets permission bits of what was made in a shared store; of what is somebody else's they are that one's
 * business.
 */
export function shareNow(files: Files, path: string, mode: number): void {
  try {
    files.chmodNow(path, mode);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

/** Makes `ctx.log` of a task: lines in its attempt's log. */
export function createTaskLog(machine: Machine, sink: OutputSink, level: LogLevel): Logger {
  return createLogger({ level, write: (line) => sink.write(`${line}\n`), now: () => machine.clock.now() });
}
