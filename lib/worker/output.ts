import { errorCode, errorText } from "../core/errors.ts";
import type { Files } from "../core/system/files.ts";
import { BAR_STATE_MS } from "../run/output/attempt_log.ts";
import { BarFilter } from "../run/output/bar_filter.ts";
import { Tail } from "../run/output/tail.ts";
import { MarkSplitter } from "./protocol/mark.ts";
import { dirname } from "@std/path/posix/dirname";

/** The output of one attempt. */
export interface Section {
  readonly mark: string | undefined;
  readonly logPath: string | undefined;
  readonly tail: Tail;
  /** Resolves when all that the attempt printed before its mark is in its log. */
  readonly over: PromiseWithResolvers<void>;
  /** Whether its mark was seen: all code of the task has run. */
  seen: boolean;
  /** Of what is written to its log. */
  bars: BarFilter;
  /** Set when something was written to its log. */
  begun: boolean;
  /** Set when its log could not be written: said once. */
  lost: boolean;
}

/** Milliseconds of marks that are read together, where nothing else was printed. */
const MARKS_MS = 5;

/** How often a folder is made again that others keep removing as it is empty. */
const MAX_TURNS = 100;

/** Options of a {@link WorkerOutput}. */
export interface WorkerOutputOptions {
  /** Writes logs. */
  files: Files;
  /** Told when a log cannot be written; the output is dropped then, the attempt goes on. */
  onWarning: (text: string) => void;
  /**
   * Milliseconds that only grow.
   *
   * @default {this process's}
   */
  now?: () => number;
  /**
   * Gives others of the store the right to a file or folder that was made in it.
   *
   * @default {nobody}
   */
  share?: (path: string) => Promise<void>;
  /**
   * Given what is written to logs, too.
   *
   * @default {nobody}
   */
  echo?: ((output: Uint8Array) => void) | undefined;
}

/**
 * The output of a computing process, written to the log of the attempt that runs. Reading waits for writing,
 * so a program that prints without end is slowed down by its pipe instead of filling memory.
 */
export class WorkerOutput {
  readonly #files: Files;
  readonly #onWarning: (text: string) => void;
  /** The attempts whose marks were not seen yet, by these, in the order in which they are made. */
  readonly #open = new Map<string, Section>();
  readonly #now: () => number;
  readonly #share: (path: string) => Promise<void>;
  readonly #echo: WorkerOutputOptions["echo"];
  /** Whose output it was last. */
  #last: Section;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  /** @param options Where to write. */
  constructor(options: WorkerOutputOptions) {
    this.#files = options.files;
    this.#onWarning = options.onWarning;
    this.#now = options.now ?? (() => performance.now());
    this.#share = options.share ?? (() => Promise.resolve());
    this.#echo = options.echo;
    this.#last = newSection(undefined, undefined, this.#now);
  }

  /**
   * Output belongs to another attempt, when those that were begun before are over.
   *
   * @param mark What the process will print at the end of it.
   * @param logPath Its log, made when there is output; none drops it.
   */
  begin(mark: string, logPath: string | undefined): Section {
    const section = newSection(mark, logPath, this.#now);
    if (this.#open.size === 0) this.#last = section;
    this.#open.set(mark, section);
    return section;
  }

  /** An attempt that was begun here will not be made: it has no output. */
  drop({ mark, over }: Section): void {
    this.#open.delete(mark!);
    over.resolve();
  }

  /** The last lines of the output of the attempt that runs, or ran last. */
  tail(): string[] {
    return this.#section.tail.lines();
  }

  get #section(): Section {
    for (const first of this.#open.values()) return this.#last = first;
    return this.#last;
  }

  /** Reads until the pipe ends or {@link stop} is called. */
  async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const splitter = new MarkSplitter((id) => this.#open.has(id));
    const reader = this.#reader = stream.getReader();
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        let silent = true;
        for (const part of splitter.push(next.value)) {
          if ("mark" in part) await this.#seen(part.mark);
          else {
            await this.#write(this.#section, part.bytes);
            silent = false;
          }
        }
        // To read each mark by itself would take longer than a tiny task.
        if (silent && this.#open.size > 1) await new Promise((resolve) => setTimeout(resolve, MARKS_MS));
      }
    } catch {
      // A pipe that breaks has ended.
    }
    for (const part of splitter.flush()) if ("bytes" in part) await this.#write(this.#section, part.bytes);
    await this.#flush(this.#section);
    for (const section of [this.#last, ...this.#open.values()]) section.over.resolve();
  }

  /** Stops reading, even if somebody still holds the pipe open. */
  async stop(): Promise<void> {
    await this.#reader?.cancel().catch(() => {});
  }

  /** Adds text to the log of an attempt that may have ended. */
  async append(logPath: string, text: string): Promise<void> {
    await this.#write(newSection(undefined, logPath, this.#now), new TextEncoder().encode(text));
  }

  async #seen(mark: string): Promise<void> {
    const section = this.#open.get(mark);
    if (section === undefined) return;
    section.seen = true;
    await this.#flush(section);
    section.over.resolve();
    this.#open.delete(mark);
  }

  async #write(section: Section, bytes: Uint8Array): Promise<void> {
    section.tail.push(bytes);
    await this.#log(section, section.bars.push(bytes));
  }

  /** The last state of a progress bar that nothing has ended. */
  async #flush(section: Section): Promise<void> {
    await this.#log(section, section.bars.flush());
  }

  async #log(section: Section, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    if (section.logPath === undefined) return;
    this.#echo?.(bytes);
    if (section.lost) return;
    try {
      await this.#append(section.logPath, bytes);
      if (!section.begun) await this.#share(section.logPath);
      section.begun = true;
    } catch (error) {
      section.lost = true;
      this.#onWarning(`Cannot write log ${section.logPath}: ${errorText(error)}`);
    }
  }

  async #append(path: string, bytes: Uint8Array): Promise<void> {
    for (let turn = 1;; turn++) {
      try {
        return await this.#files.write(path, bytes, { append: true });
      } catch (error) {
        if (errorCode(error) !== "ENOENT" || turn > MAX_TURNS) throw error;
        // There is no folder yet. While it is empty, whoever ends an attempt may remove it again.
        await this.#files.mkdir(dirname(path), { recursive: true });
        await this.#share(dirname(path));
      }
    }
  }
}

function newSection(mark: string | undefined, logPath: string | undefined, now: () => number): Section {
  return {
    mark,
    logPath,
    tail: new Tail(),
    over: Promise.withResolvers(),
    seen: false,
    bars: new BarFilter({ everyMs: BAR_STATE_MS, now }),
    begun: false,
    lost: false,
  };
}

/** For errors that float in later: logs of that many attempts are remembered. */
const REMEMBERED = 1000;

/** The logs of attempts that have ended, for what is still heard of them. */
export class PastLogs {
  readonly #paths = new Map<number, string>();
  readonly #output: WorkerOutput;
  readonly #onUnknown: (text: string) => void;
  #appending: Promise<void> = Promise.resolve();

  /**
   * @param output Writes the logs.
   * @param onUnknown Given text of an attempt without a log.
   */
  constructor(output: WorkerOutput, onUnknown: (text: string) => void) {
    this.#output = output;
    this.#onUnknown = onUnknown;
  }

  /**
   * @param id Number of a task.
   * @param path Its log.
   */
  remember(id: number, path: string | undefined): void {
    if (path === undefined) return;
    this.#paths.set(id, path);
    if (this.#paths.size > REMEMBERED) this.#paths.delete(this.#paths.keys().next().value!);
  }

  /** Adds text to the log of a task. */
  append(id: number, text: string): void {
    const path = this.#paths.get(id);
    if (path === undefined) this.#onUnknown(text);
    else this.#appending = this.#appending.then(() => this.#output.append(path, text));
  }

  /** Resolves when all is written. */
  get written(): Promise<void> {
    return this.#appending;
  }
}
