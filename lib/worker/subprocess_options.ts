import type { AttemptTime } from "../core/system/stop_time.ts";
import type { Clock } from "../core/system/clock.ts";
import type { Files } from "../core/system/files.ts";
import type { WorkerListener } from "./listener.ts";
import type { ArtifactSource } from "./protocol/payload.ts";
import type { TaskMessage } from "./protocol/protocol.ts";

/** Options of `WorkerProcess.start`. */
export interface WorkerProcessOptions {
  /** The command, from `workerCommand()`; the environment tells it the socket and a token. */
  command: readonly string[];
  /** The listener that the process reports to. */
  listener: WorkerListener;
  /** Gives what is passed on to the process as JSON, once; asked for while the process starts. */
  config?: () => Promise<unknown>;
  /**
   * Working directory.
   *
   * @default {this process's own}
   */
  cwd?: string;
  /** Environment variables added to this process's own. */
  env?: Record<string, string>;
  /** Values that the process gives to variables before it begins; `null` removes one. */
  restore?: Readonly<Record<string, string | null>>;
  /** Writes logs. */
  files: Files;
  /**
   * Gives others of the store the right to a log that was made in it.
   *
   * @default {nobody}
   */
  share?: (path: string) => Promise<void>;
  /**
   * Removes what a process that has died in an attempt has left on this machine.
   *
   * @default {nothing is removed}
   */
  tidy?: () => Promise<void>;
  /**
   * Given what is written to logs, too.
   *
   * @default {nobody}
   */
  echo?: ((output: Uint8Array) => void) | undefined;
  /** Time. */
  clock: Clock;
  /**
   * Milliseconds between asking a process to stop and killing it.
   *
   * @default {5000}
   */
  graceMs?: number;
  /**
   * Until when an attempt may go on in this process's own time: it has all of it, in place of the grace, once
   * this process itself was told to stop.
   *
   * @default {it has the grace}
   */
  time?: AttemptTime | undefined;
  /**
   * Milliseconds that it may take to report.
   *
   * @default {120000}
   */
  startTimeoutMs?: number;
  /**
   * After so many attempts it takes no more.
   *
   * @default {no limit}
   */
  maxTasks?: number | undefined;
  /** Whether a process with that many megabytes, after that many attempts, must take no more. */
  isTooBig?: (megabytes: number, attempts: number) => boolean;
  /** Ends the wait for it to report. */
  signal?: AbortSignal;
  /** Aborts when this process itself was told to stop: what a signal ended then was preempted. */
  stopping?: AbortSignal;
  /**
   * Told what belongs to no attempt: a log that cannot be written.
   *
   * @default {nobody}
   */
  onWarning?: (text: string) => void;
}

/** An attempt to make. */
export interface WorkerTask
  extends Omit<TaskMessage, "type" | "id" | "artifacts" | "parts" | "forget" | "mark"> {
  /**
   * Tells about the artifact and any below it; each is asked for once per process.
   *
   * @default {the process finds it out by itself: it is a job's}
   */
  artifacts?: ((hash: string) => ArtifactSource) | undefined;
}

/** Options of `WorkerProcess.run`. */
export interface RunTaskOptions {
  /**
   * The log of the attempt, made when there is output.
   *
   * @default {output is dropped}
   */
  logPath?: string | undefined;
  /**
   * Seconds that it may take.
   *
   * @default {no limit}
   */
  timeLimitSec?: number | undefined;
  /** Ends the attempt as preempted; its reason is that of the end. */
  signal?: AbortSignal | undefined;
  /** Told when it begins: those that the process was given before are over. */
  onBegin?: (() => void) | undefined;
  /** Told how far the task says it is. */
  onProgress?: ((fraction: number, message?: string) => void) | undefined;
}
