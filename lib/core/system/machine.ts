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
  /** Ends the beating. Resolves when the handle is closed and the private name is gone. */
  stop(): Promise<void>;
}

/** How a {@link Heartbeat} is begun. */
export interface HeartbeatOptions {
  /**
   * A private name of the claim's file. It is opened, then unlinked: from then on the handle alone is used.
   */
  path: string;
  /**
   * The name that the file was linked to, and the id that its text holds: where very many are beaten for at
   * once, not each has a handle of its own, but is opened for each beat and looked at before.
   *
   * @default {always a handle}
   */
  linked?: { path: string; id: string };
  /** Milliseconds between two beats. */
  intervalMs: number;
  /**
   * Milliseconds until the beating begins, for a process whose own computing cannot block it.
   *
   * @default {0}
   */
  afterMs?: number | undefined;
  /**
   * For a process that user code may block: when it does not heed SIGINT or SIGTERM, this end of the attempt
   * is linked at `path` and the process killed; it is written under the private name `temporary` first.
   *
   * @default {a signal is the process's own business}
   */
  lastWords?: { path: string; temporary: string; text: string };
  /** Called once when the file has no name left, or cannot be reached for good (ESTALE). */
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
  isForsaken?(owner: Owner, claim: { path: string; startedAt: string }): boolean;
  /**
   * Whether it is simulated, so that what tasks do to this process is no business of it.
   *
   * @default {false}
   */
  readonly simulated?: boolean;
  /** Begins beating for a claim. */
  beat(options: HeartbeatOptions): Heartbeat;
  /** A fresh random id of 12 hex digits. */
  randomId(): string;
}
