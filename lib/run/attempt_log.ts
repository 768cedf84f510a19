import type { Machine } from "../core/machine.ts";
import { createLogger, type Logger, type LogLevel } from "../ui/logger.ts";

/** Takes what an attempt prints. */
export interface OutputSink {
  /** Adds text (lines complete) or what a program printed. */
  write(output: string | Uint8Array): void;
}

/** The log file of an attempt that is computed in this process; made when there is any output. */
export class LogFile implements OutputSink {
  readonly #machine: Machine;
  readonly #path: string;
  #pending: Promise<void> = Promise.resolve();
  #failure: unknown;

  /** @param path Where it is; its folder exists while the attempt runs. */
  constructor(machine: Machine, path: string) {
    this.#machine = machine;
    this.#path = path;
  }

  write(output: string | Uint8Array): void {
    this.#pending = this.#pending
      .then(() => this.#machine.files.write(this.#path, output, { append: true }))
      .catch((error) => void (this.#failure ??= error));
  }

  /** Resolves when all is written. A log that cannot be written is no reason to fail: it returns why instead. */
  async flush(): Promise<unknown> {
    await this.#pending;
    return this.#failure;
  }
}

/** What a task is given as `ctx.log`: lines in its attempt's log. */
export function createTaskLog(machine: Machine, sink: OutputSink, level: LogLevel): Logger {
  return createLogger({ level, write: (line) => sink.write(`${line}\n`), now: () => machine.clock.now() });
}
