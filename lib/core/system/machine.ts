import type { Clock } from "./clock.ts";
import type { Files } from "./files.ts";

/** A process, named so that it is never confused with another one on any machine. */
export interface Owner {
  /** Host name, for people. */
  host: string;
  /** The boot of that host, where it can be known. */
  boot?: string;
  /** The PID namespace (containers have their own), where it can be known. */
  pidNamespace?: string;
  /** Process id. */
  pid: number;
  /** When the process started, in the kernel's ticks since boot, where it can be known. */
  start?: string;
  /** User name, for people. */
  user?: string;
  /** The number of the user, where it can be known: the same on all machines of a cluster. */
  uid?: number;
}

/** Whether they are one process, for sure. */
export function isSameProcess(one: Owner, other: Owner): boolean {
  return one.start !== undefined && one.boot !== undefined && one.pid === other.pid &&
    one.start === other.start && one.boot === other.boot && one.host === other.host &&
    one.pidNamespace === other.pidNamespace;
}

/** Signs of life, which computing cannot block. */
export interface Heartbeat {
  /** Ends the beating. Resolves when its handle is closed, and a private name gone. */
  stop(): Promise<void>;
}

/** How a {@link Heartbeat} is begun. */
export interface HeartbeatOptions {
  /** The file whose time of change is the heartbeat: opened once, beaten for through the handle. */
  path: string;
  /**
   * Whether that is a private name of a file that has another one: unlinked when it has been opened.
   *
   * @default {false}
   */
  unlink?: boolean;
  /**
   * When there is a file of that name, this process was declared dead.
   *
   * @default {it is when the file has no name left}
   */
  dead?: string;
  /** Milliseconds between two beats. */
  intervalMs: number;
  /**
   * Milliseconds until the beating begins, for a process whose own computing cannot block it.
   *
   * @default {0}
   */
  afterMs?: number | undefined;
  /**
   * For a process that user code may block: when it does not heed SIGINT or SIGTERM, this text is linked to
   * `dead`, written under the private name `temporary` first, and the process killed.
   *
   * @default {a signal is the process's own business}
   */
  lastWords?: { temporary: string; text: string };
  /**
   * Called once when the process was declared dead, the file has no name left, or cannot be reached for good
   * (ESTALE).
   */
  onLost: (reason: string) => void;
}

/** All that furu asks of the machine it runs on; the simulation gives in another one. */
export interface Machine {
  /** The filesystem. */
  readonly files: Files;
  /** Time. */
  readonly clock: Clock;
  /** This process. */
  readonly self: Owner;
  /** Whether that process is provably gone; `false` when it lives or when nobody can tell from here. */
  isGone(owner: Owner): boolean;
  /**
   * Whether that owner is this process, and nobody in it holds this claim open any more. Then it was made
   * before all of the process's code was started again, as `deno run --watch` does.
   *
   * @default {nobody can tell}
   */
  isForsaken?(owner: Owner, claim: { path: string; id: string; startedAt: string }): boolean;
  /**
   * Whether it is simulated, so that what tasks do to this process is no business of it.
   *
   * @default {false}
   */
  readonly simulated?: boolean;
  /** Begins beating for what this process claims. */
  beat(options: HeartbeatOptions): Heartbeat;
  /** A fresh random id of 12 hex digits. */
  randomId(): string;
}
