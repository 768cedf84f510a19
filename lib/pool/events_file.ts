import { join } from "@std/path/join";
import { errorText } from "../core/errors.ts";
import type { EventSink, RunEvent } from "../core/event.ts";
import type { QueuePaths } from "../queue/layout.ts";
import type { Runtime } from "../run/runtime.ts";
import { WakeUp } from "./pacing.ts";

/** Events are written together, once in so many milliseconds. */
const BATCH_MS = 200;

/**
 * Writes down what a controller tells, one JSON object in a line, for those that follow the run from
 * elsewhere. That it cannot be written is said once and disturbs nothing.
 */
export class EventsFile {
  readonly #runtime: Runtime;
  readonly #path: string;
  readonly #alarm = new WakeUp();
  #lines: string[] = [];
  #writing: Promise<void> | undefined;
  #broken = false;

  /** @param term Of the controller: each has a file of its own. */
  constructor(runtime: Runtime, paths: QueuePaths, term: number) {
    this.#runtime = runtime;
    this.#path = join(paths.events, `${term}.jsonl`);
  }

  /** Takes an event. */
  readonly sink: EventSink = (event: RunEvent): void => {
    this.#lines.push(`${JSON.stringify(event)}\n`);
    this.#writing ??= this.#writeAll();
  };

  /** Resolves when all that was taken is written. */
  async flush(): Promise<void> {
    if (!this.#writing) return;
    this.#alarm.wake();
    await this.#writing;
  }

  /** One batch after the other, so that they keep their order. */
  async #writeAll(): Promise<void> {
    while (this.#lines.length > 0) {
      await this.#alarm.sleep(this.#runtime.machine.clock, BATCH_MS);
      await this.#write(this.#lines.splice(0).join(""));
    }
    this.#writing = undefined;
  }

  async #write(text: string): Promise<void> {
    try {
      await this.#runtime.machine.files.write(this.#path, text, { append: true });
    } catch (error) {
      if (!this.#broken) this.#runtime.logger.warn(`${this.#path} cannot be written: ${errorText(error)}`);
      this.#broken = true;
    }
  }
}
