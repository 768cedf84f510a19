import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { BEAT_THREAD_URL } from "./beat_thread_code.ts";
import type { Heartbeat, HeartbeatOptions } from "./machine.ts";

/** How long the thread outlives the last owner file: starting it costs more than a small task. */
const LINGER_MS = 20;

interface Beating {
  state: "asked" | "opened" | "lost";
  /** Who came first: 0 nobody, 1 the thread, which may listen to signals by now, 2 the end. */
  readonly first: Int32Array<SharedArrayBuffer>;
  onLost: (reason: string) => void;
  onStopped?: () => void;
}

interface Message {
  op: "opened" | "lost" | "stopped" | "signal";
  id: number;
  reason?: string;
}

const lingering = new Set<BeatThread>();

/** Ends now what would outlive the last owner file for a moment. */
export function endLingering(): void {
  for (const thread of lingering) thread.end();
}

/** One thread that beats for all that this process claims, even while that computes without a pause. */
export class BeatThread {
  #worker: Worker | undefined;
  #beating = new Map<number, Beating>();
  /** The folders of the owner files that are beaten for, or soon will be: the ids that claims hold. */
  readonly #owners = new Set<string>();
  #lastId = 0;
  #linger: ReturnType<typeof setTimeout> | undefined;

  /** Whether beating for the owner file with this id goes on here, or will soon. */
  beatsFor(owner: string): boolean {
    return this.#owners.has(owner);
  }

  /** Begins to beat, after `afterMs` where given. */
  start(options: HeartbeatOptions): Heartbeat {
    const id = ++this.#lastId;
    const owner = basename(dirname(options.path));
    this.#owners.add(owner);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const begin = (): void => {
      timer = undefined;
      this.#begin(id, options);
    };
    if (options.afterMs === undefined) begin();
    else timer = setTimeout(begin, options.afterMs);
    return {
      stop: async () => {
        clearTimeout(timer);
        await this.#stop(id);
        if (options.unlink) removeIfThere(options.path);
        this.#owners.delete(owner);
      },
    };
  }

  #begin(id: number, { onLost, afterMs: _, ...options }: HeartbeatOptions): void {
    this.#stay();
    const first = new Int32Array(new SharedArrayBuffer(4));
    this.#beating.set(id, { state: "asked", first, onLost });
    this.#thread().postMessage({ ...options, op: "start", id, first });
  }

  async #stop(id: number): Promise<void> {
    const beating = this.#beating.get(id);
    if (!beating || !this.#worker) return;
    // One that the thread has not begun has no handle that could keep its folder from being removed, and
    // takes no signal from others: no need to wait until the thread has started.
    const isBegun = Atomics.compareExchange(beating.first, 0, 0, 2) === 1 && beating.state !== "lost";
    const stopped = new Promise<void>((resolve) => beating.onStopped = resolve);
    this.#worker.postMessage({ op: "stop", id });
    if (isBegun) await stopped;
    this.#beating.delete(id);
    if (this.#beating.size > 0) return;
    this.#stay();
    lingering.add(this);
    this.#linger = setTimeout(() => this.end(), LINGER_MS);
  }

  #stay(): void {
    clearTimeout(this.#linger);
    lingering.delete(this);
  }

  /** Ends the thread, which beats for nobody any more. */
  end(): void {
    this.#stay();
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #thread(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(BEAT_THREAD_URL, { type: "module" });
    worker.onmessage = ({ data }: MessageEvent<Message>) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      for (const { onLost } of this.#beating.values()) onLost(`its heartbeat broke: ${event.message}`);
    };
    return this.#worker = worker;
  }

  #receive({ op, id, reason }: Message): void {
    // To be able to answer is all that is asked: the signal's own listener does the rest.
    if (op === "signal") return this.#worker?.postMessage({ op: "heard" });
    const beating = this.#beating.get(id);
    if (!beating) return;
    if (op === "stopped") return beating.onStopped?.();
    beating.state = op;
    if (op === "lost") {
      beating.onLost(reason ?? "unknown");
      beating.onStopped?.();
    }
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // The thread has unlinked it. Anything else is swept later, and no reason to fail a task.
  }
}
