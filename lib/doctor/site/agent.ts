import { join } from "@std/path/posix/join";
import { FuruError } from "../../core/errors.ts";
import type { Clock } from "../../core/system/clock.ts";
import { abortable } from "@std/async/abortable";

const LOOK_MS = 50;

/** Files as another process asks for them, so that a file server that hangs does not hang this one. */
export interface AgentFiles {
  /** Names in a folder. */
  list(dir: string): Promise<readonly string[]>;
  /** A file's text. */
  read(path: string): Promise<string>;
  /** Writes a file. */
  write(path: string, text: string): Promise<void>;
}

/** The files of this machine, without blocking this thread. */
export const agentFiles: AgentFiles = {
  list: async (dir) => (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name),
  read: (path) => Deno.readTextFile(path),
  write: (path, text) => Deno.writeTextFile(path, text),
};

/** The orders that an agent is given (see `AGENT_SCRIPT`), and its answers. */
export class Agent {
  /** Its name. */
  readonly name: string;
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #files: AgentFiles;
  #count = 0;

  /** Starts nothing. */
  constructor(name: string, folder: string, clock: Clock, files: AgentFiles = agentFiles) {
    this.name = name;
    this.#folder = folder;
    this.#clock = clock;
    this.#files = files;
  }

  /**
   * Gives an order and waits for the answer.
   *
   * @throws {FuruError} If none comes in time.
   */
  async order(words: readonly string[], limitMs: number, signal: AbortSignal): Promise<string> {
    const n = this.#count++;
    const files = this.#files;
    const go = join(this.#folder, `.${this.name}.go.${n}`);
    const ends = this.#clock.monotonic() + limitMs;
    const within = AbortSignal.any([signal, AbortSignal.timeout(limitMs)]);
    try {
      await abortable(files.write(go, words.join(" ")), within);
      await abortable(Deno.rename(go, join(this.#folder, `${this.name}.go.${n}`)), within);
      const answer = `${this.name}.out.${n}`;
      while (this.#clock.monotonic() < ends) {
        if ((await abortable(files.list(this.#folder), within)).includes(answer)) {
          return await abortable(files.read(join(this.#folder, answer)), within);
        }
        await this.#clock.sleep(LOOK_MS, within);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!within.aborted) throw error;
    }
    throw new FuruError(`${this.name} did not answer '${words[0]}' within ${Math.round(limitMs / 1000)} s`);
  }
}
